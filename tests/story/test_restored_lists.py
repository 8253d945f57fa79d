"""R18 for whoever follows lists: an old backup of the publisher is put back, and its followers go on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.nodes import Node, served
from tests.program import sha256
from tests.story.test_two_nodes import do, node, root_of


def publish(hotline: Node, *texts: str) -> None:
    """List files by their digests, and publish that."""
    rows = "\n".join(["signal,value", *(f"sha256,{sha256(text)}" for text in texts)])
    (hotline.data / "more.csv").write_text(rows)
    hotline.run("lists", "import", "hotline", hotline.data / "more.csv")
    hotline.run("exchange", "publish", "hotline")


def known(platform: Node) -> set[str]:
    """Digests that the platform acts on."""
    code = "print(*Item.objects.filter(list__name='from-hotline', state='active').values_list('value', flat=True))"
    return set(do(platform, code).split())


def follow(platform: Node, hotline: Node, address: str, root: Path, *more: object) -> None:
    key = root.with_name("key")
    key.write_text(hotline.run("partners", "add", "platform", "--votes", "--jurisdiction", "NL").stdout.strip())
    hotline.run("partners", "share", "platform", "hotline")
    platform.run("lists", "create", "from-hotline")
    platform.run(
        "subscriptions", "add", "hotline", "--list", "from-hotline", "--source", "himaya", "--private",
        "--set", f"address={address}/exchange/himaya/hotline", "--set", f"root={root.read_text()}",
        "--secret-file", f"key={key}", *more,
    )  # fmt: skip


@pytest.fixture
def two(tmp_path: Path) -> tuple[Node, Node, Path]:
    """A hotline that publishes a list, a platform, and the root that the platform pins."""
    hotline = node(tmp_path / "hotline", organisation="hotline.example", jurisdiction="LU")
    platform = node(tmp_path / "platform", organisation="platform.example", jurisdiction="NL")
    sticks = tmp_path / "sticks"
    sticks.mkdir()
    hotline.run("lists", "create", "hotline")
    hotline.run("exchange", "root", root := root_of(hotline, sticks))
    publish(hotline, "before the backup")
    return hotline, platform, root


def put_back(hotline: Node, kept: Path) -> str:
    """The old backup over what there is; what the command says."""
    return hotline.run("restore", kept, "--over", input="Himaya\n").stderr


def test_followers_take_what_a_restored_publisher_publishes(two: tuple[Node, Node, Path], tmp_path: Path) -> None:
    hotline, platform, root = two
    with served(hotline) as at:
        follow(platform, hotline, at, root)
        platform.run("subscriptions", "run", "hotline")
        hotline.run("backup", "--to", tmp_path / "kept")
        for text in ("lost one", "lost two", "lost three"):
            publish(hotline, text)
            platform.run("subscriptions", "run", "hotline")
        assert known(platform) == {sha256(text) for text in ("before the backup", "lost one", "lost two", "lost three")}
    put_back(hotline, tmp_path / "kept")
    publish(hotline, "after the backup")
    with served(hotline, at=at):
        platform.run("subscriptions", "run", "hotline")
        assert known(platform) == {sha256("before the backup"), sha256("after the backup")}
        publish(hotline, "and on it goes")
        platform.run("subscriptions", "run", "hotline")
    assert sha256("and on it goes") in known(platform)


def test_they_are_led_back_to_what_it_knows_where_nothing_new_is_published(
    two: tuple[Node, Node, Path], tmp_path: Path
) -> None:
    """Nobody lists anything after the backup was put back: the worker publishes by itself what there is."""
    hotline, platform, root = two
    with served(hotline) as at:
        follow(platform, hotline, at, root)
        hotline.run("backup", "--to", tmp_path / "kept")
        publish(hotline, "lost")
        platform.run("subscriptions", "run", "hotline")
        assert sha256("lost") in known(platform)
    said = put_back(hotline, tmp_path / "kept")
    assert "ahead of all that followers have seen: 1" in said
    hotline.run("exchange", "publish", "hotline")
    with served(hotline, at=at):
        platform.run("subscriptions", "run", "hotline")
    assert known(platform) == {sha256("before the backup")}


def test_who_holds_it_to_its_log_sees_an_alarm_and_the_printed_sentences_lead_on(
    two: tuple[Node, Node, Path], tmp_path: Path
) -> None:
    hotline, platform, root = two
    key = hotline.run("log", "show").stdout.split()[1]
    with served(hotline) as at:
        follow(platform, hotline, at, root, "--set", f"log={key}")
        hotline.run("log", "publish")
        hotline.run("backup", "--to", tmp_path / "kept")
        publish(hotline, "lost")
        platform.run("subscriptions", "run", "hotline")
    said = put_back(hotline, tmp_path / "kept")
    assert "whether its log has signed more since then is not known" in said
    told = hotline.run("log", "show").stdout
    assert "alarm" in told, "nobody has to look elsewhere for it"
    refused = hotline.run("log", "publish", status=1).stderr
    assert "No witness has cosigned this log" in refused
    assert "No witness has cosigned this log" in told
    with served(hotline, at=at):
        # Nothing of it stands in the log yet, and the follower says so.
        hotline.run("exchange", "publish", "hotline")
        assert "no checkpoint of its log holds yet" in platform.run("subscriptions", "run", "hotline", status=2).stderr
        assert sha256("lost") in known(platform), "what was taken stays in force meanwhile"
        # The partner's checkpoint has more leaves than the backup: the sentence for that is followed, word for word.
        command = re.findall(r"Where it has more: himaya (log begin-again --reason) TEXT", " ".join(refused.split()))
        hotline.run(*command[0].split(), "the machine was lost")
        hotline.run("log", "publish")
        new = hotline.run("log", "show").stdout.split()[1]
        assert new != key
        platform.run("subscriptions", "set", "hotline", "--set", f"log={new}")
        platform.run("subscriptions", "run", "hotline")
    assert known(platform) == {sha256("before the backup")}


def test_where_nobody_has_more_the_alarm_is_settled_as_it_says_and_the_log_goes_on(
    two: tuple[Node, Node, Path], tmp_path: Path
) -> None:
    hotline, _, _ = two
    hotline.run("log", "publish")
    hotline.run("backup", "--to", tmp_path / "kept")
    put_back(hotline, tmp_path / "kept")
    refused = " ".join(hotline.run("log", "publish", status=1).stderr.split())
    [settle] = re.findall(r"himaya (log alarms --settle [0-9]+ --reason) TEXT", refused)
    hotline.run(*settle.split(), "compared with the copy of a partner")
    hotline.run("log", "publish")
    assert "alarm" not in hotline.run("log", "show").stdout


def next_root(hotline: Node, previous: Path, name: str) -> Path:
    """Two holders agree on the next root, with a further key of the node's own."""
    at = previous.parent
    hotline.run("exchange", "key", "--new", "--to", at / f"{name}.pub")
    online = [part for role in ("targets", "snapshot", "timestamp") for part in (f"--{role}", at / f"{name}.pub")]
    hotline.run("keys", "new-root", "--previous", previous, *online, "--to", at / f"{name}.proposal")
    for holder in ("anna", "cleo"):
        command = ("keys", "sign", at / f"{name}.proposal", "--key", at / holder, "--passphrase-file", at / "words")
        hotline.run(*command)
    hotline.run("keys", "finish-root", at / f"{name}.proposal", "--to", at / f"{name}.json")
    return at / f"{name}.json"


def test_a_root_that_was_changed_after_the_backup_is_put_in_force_once_more(
    two: tuple[Node, Node, Path], tmp_path: Path
) -> None:
    """With it went the key of the node that it names: the holders still have the root, and agree on a next one."""
    hotline, platform, root = two
    with served(hotline) as at:
        follow(platform, hotline, at, root)
        platform.run("subscriptions", "run", "hotline")
        hotline.run("backup", "--to", tmp_path / "kept")
        hotline.run("exchange", "root", second := next_root(hotline, root, "root-2"))
        publish(hotline, "lost")
        platform.run("subscriptions", "run", "hotline")
        assert sha256("lost") in known(platform)
    put_back(hotline, tmp_path / "kept")
    with served(hotline, at=at):
        hotline.run("exchange", "publish", "hotline")
        platform.run("subscriptions", "run", "hotline", status=2)  # what it serves is signed with keys of root 1
        assert sha256("lost") in known(platform)
        refused = hotline.run("exchange", "root", second, status=2).stderr
        assert "it gives targets to other keys than this node's" in refused
        assert "exchange root root-2.json root-3.json" in " ".join(refused.split())
        hotline.run("exchange", "root", second, third := next_root(hotline, second, "root-3"))
        hotline.run("exchange", "root", second, third)  # whoever does not know whether it was done
        publish(hotline, "after the backup")
        platform.run("subscriptions", "run", "hotline")
    assert known(platform) == {sha256("before the backup"), sha256("after the backup")}
