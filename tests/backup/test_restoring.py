"""What is put back is what was backed up; it knows that it is old, and nothing that was destroyed comes with it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyrage import x25519
from tests.backup.conftest import SERVER, MakeNode, decide, do, head, only, work
from tests.nodes import Node

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Kept:
    """A node, and its backups of data and keys. Shared by the tests of the module, which change none of them."""

    node: Node
    data: Path
    keys: tuple[Any, ...]

    @property
    def told(self) -> dict[str, Any]:
        return json.loads((only(self.data) / "manifest.json").read_text())  # type: ignore[no-any-return]

    def copied(self, to: Path) -> Path:
        """A copy of the backup of the data, to be changed."""
        shutil.copytree(self.data, to)
        return only(to)


@pytest.fixture(scope="module")
def kept(make_node: MakeNode, tmp_path_factory: pytest.TempPathFactory, keeper: tuple[str, Path]) -> Kept:
    """Of a node with two reports sent, two queued, and a verdict that no rule has followed yet."""
    node, place = make_node("backed-up"), tmp_path_factory.mktemp("kept")
    decide(node, 1, 3)
    work(node)
    decide(node, 3, 5)
    do(node, "from himaya.flow.reactor import react; react()")
    decide(node, 5, 6)
    do(node, "from tests.filings import filing_numbered; filing_numbered(1)")
    (node.data / "proposals").mkdir(exist_ok=True)
    (node.data / "proposals" / "ab12").write_bytes(b"signal,value\n")
    (node.data / "evidence" / "ab").mkdir(parents=True)
    (node.data / "evidence" / "ab" / "abcd.sealed").write_bytes(b"sealed" * 100)
    node.run("backup", "--to", place / "data")
    node.run("backup", "--keys", "--to", place / "keys", "--recipient", keeper[0])
    return Kept(node, place / "data", ("--keys", only(place / "keys"), "--identity", keeper[1]))


def nothing_in(made: Node) -> bool:
    """But for the lock under which it was tried."""
    return not made.data.exists() or [path.name for path in made.data.iterdir()] in ([], ["running.lock"])


def restored_well(made: Node, kept: Kept) -> None:
    """Everything is there, and the node knows that it is old."""
    told = kept.told["ledger"]
    found = do(
        made,
        f"""
whole, count = queries.proof(), lambda act: queries.entries(act=act).count()
digest, states = queries.entry({told["entries"]}).digest, sorted(Job.objects.values_list("state", flat=True))
from himaya.reporting.models import Filing
draft = Filing.objects.get()
say([whole.whole, digest, count("backup.restored"), count("log.forked"), log.alarms().count(), states,
     draft.state, draft.edited_by, draft.trouble[:21]])
""",
    )
    assert found[:6] == [True, told["head"], 1, 1, 1, ["done"] * 2 + ["unknown"] * 3]
    assert found[6:] == ["draft", "system", "A backup was restored"]
    assert (made.data / "evidence" / "ab" / "abcd.sealed").read_bytes() == b"sealed" * 100
    assert (made.data / "proposals" / "ab12").read_bytes() == b"signal,value\n"
    assert sorted(path.name for path in made.data.iterdir() if "restor" in path.name) == []


def test_what_was_queued_may_have_left_and_is_not_sent_again(kept: Kept, make_node: MakeNode) -> None:
    """Also what a rule had not queued yet: it did so afterwards, and a worker sent it."""
    new = make_node("new", empty=True)
    reports = new.data.with_name("new-reports")
    ran = new.run("restore", kept.data, *kept.keys)
    assert "wait for a person in the console: 3" in ran.stderr
    work(new)
    restored_well(new, kept)
    assert not reports.exists(), "nothing left the house"
    told = do(
        new,
        """
from tests.casework import opened
unknown = Job.objects.filter(state="unknown").order_by("pk")
key, number, facts = unknown[0].key, opened(99).pk, queries.entries(act="backup.restored").get().data
outbox.retry(unknown[0].pk, by="cli:test")
worker.run_until_idle()
say([key, number, facts, Job.objects.get(key=key).state])
""",
    )
    assert (told[2]["jobs"], told[2]["name"], told[3]) == (3, kept.told["name"], "done")
    assert told[1] > 1000, "no number is given a second time: another case 6 was reported meanwhile"
    assert [path.stem for path in reports.glob("*.json")] == [told[0].partition(":")[0]], "a person may send it again"


def test_it_is_put_back_into_an_empty_place_alone_or_over_what_is_set_aside(kept: Kept, make_node: MakeNode) -> None:
    other = make_node("other")
    before = head(other)
    (other.data / "secrets.json").write_text(json.dumps({"secret_key": "another-secret" * 5}))
    (other.data / "repository").mkdir(exist_ok=True)
    (other.data / "repository" / "9.root.json").write_bytes(b"{}")
    command = ("restore", kept.data, *kept.keys)
    refused = other.run(*command, status=2).stderr
    assert all(words in refused for words in ("There is something already", "9.root.json", "secrets.json"))
    assert "not the name of this node" in other.run(*command, "--over", status=1, input="yes\n").stderr
    assert head(other) == before
    assert not list(other.data.glob("set-aside-*"))
    ran = other.run(*command, "--over", input="Himaya\n")
    aside = only(other.data, "set-aside-*")
    assert str(aside) in ran.stderr
    assert (aside / "repository" / "9.root.json").read_bytes() == b"{}"
    assert not (other.data / "repository" / "9.root.json").exists()
    assert b"another-secret" in (aside / "secrets.json").read_bytes()
    assert (other.data / "secrets.json").read_bytes() == (kept.node.data / "secrets.json").read_bytes()
    assert list(aside.glob("himaya.sqlite3")) or (aside / "database.dump").stat().st_size > 1000
    restored_well(other, kept)


def test_a_node_that_runs_is_not_replaced(kept: Kept) -> None:
    working = kept.node.begin("worker")
    assert working.stderr is not None
    assert "working" in working.stderr.readline()
    command = ("restore", kept.data, *kept.keys, "--over")
    assert "is running" in kept.node.run(*command, status=2, input="Himaya\n").stderr
    working.terminate()
    working.communicate()


@pytest.mark.parametrize("part", ["database", "evidence/ab/abcd.sealed", "files.jsonl", "manifest.json", "absent"])
def test_a_backup_that_was_changed_is_refused_and_nothing_is_put_back(
    kept: Kept, make_node: MakeNode, tmp_path: Path, part: str
) -> None:
    place = kept.copied(tmp_path / "changed")
    if part == "absent":
        (place / "proposals" / "ab12").unlink()
    else:
        path = next(place.glob(f"{part}*"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    new = make_node("new", empty=True)
    assert "cannot be used" in new.run("restore", place, *kept.keys, status=1).stderr
    assert nothing_in(new)


@pytest.mark.parametrize("point", ["marks", "database", "known", "before_unmark"])
def test_killed_at_any_point_the_node_does_not_run_until_it_is_repeated(
    kept: Kept, make_node: MakeNode, point: str
) -> None:
    new = make_node("new", empty=True)
    new.data.with_name("new-epoch-keys").mkdir()
    command = ("restore", kept.data, *kept.keys)
    new.run(*command, status=-9, env={"HIMAYA_FAULT": f"restore.{point}:kill"})
    for refused in (("ledger", "verify"), ("init",), ("worker",)) if point == "database" else (("log", "publish"),):
        assert "was not put back to its end" in new.run(*refused, status=3).stderr
    new.run(*command)
    restored_well(new, kept)


@pytest.mark.parametrize("point", ["set_aside", "cleared" if SERVER else "before_rename", "database"])
def test_killed_while_it_replaces_something_that_stays_set_aside(kept: Kept, make_node: MakeNode, point: str) -> None:
    other = make_node("other")
    (other.data / "outbox").mkdir(exist_ok=True)
    (other.data / "outbox" / "theirs.json").write_bytes(b"{}")
    entries = head(other)[0]
    command = ("restore", kept.data, *kept.keys, "--over")
    other.run(*command, status=-9, env={"HIMAYA_FAULT": f"restore.{point}:kill"}, input="Himaya\n")
    other.run(*command, input="Himaya\n")
    restored_well(other, kept)
    aside = only(other.data, "set-aside-*")
    assert (aside / "outbox" / "theirs.json").exists()
    if SERVER:
        assert (aside / "database.dump").stat().st_size > 1000
        return
    with closing(sqlite3.connect(aside / "himaya.sqlite3")) as was:
        assert was.execute("SELECT seq FROM ledger_head").fetchone() == (entries,), "what was there is whole"


ENDED = """
with transaction.atomic():
    services.record("evidence.destroyed", by="system", about="exhibit:1", epoch="2027-03.severe", step=2)
"""


def test_a_key_that_was_destroyed_does_not_come_back(
    make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    """Neither out of an archive that is older than its end, nor over the mark that a directory kept."""
    prelude = """
from himaya.core.vault.epochs import EpochKeys
from himaya.core.config import config
keys = EpochKeys(config().epoch_directory)
"""
    node, new = make_node("node"), make_node("new", empty=True)
    do(node, prelude + "[keys.key_for(name) for name in ('2027-03.severe', '2027-04.severe')]")
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    do(node, prelude + "keys.destroy('2027-03.severe')\n" + ENDED)
    node.run("backup", "--to", tmp_path / "data")
    came_back = new.data.with_name("new-epoch-keys")
    came_back.mkdir()
    (came_back / "2027-03.severe.key").write_bytes(b"an old copy that somebody put there")
    command = ("restore", tmp_path / "data", "--keys", only(tmp_path / "keys"), "--identity", keeper[1])
    refused = new.run(*command, status=2).stderr
    assert "2027-03.severe.key" in refused, "another key than that of the archive is in the way"
    (came_back / "2027-03.severe.key").unlink()
    ran = new.run(*command)
    assert "destroyed again: 2027-03.severe" in ran.stderr
    told = do(new, prelude + "say([keys.names(), keys.destroyed(), keys.returned()])")
    assert told == [["2027-04.severe"], ["2027-03.severe"], []]
    original = node.data.with_name("node-epoch-keys") / "2027-04.severe.key"
    assert (came_back / original.name).read_bytes() == original.read_bytes()


def test_other_keys_another_database_and_no_keys_are_refused_in_words(
    kept: Kept, make_node: MakeNode, tmp_path: Path
) -> None:
    new = make_node("new", empty=True)
    assert "are not here" in new.run("restore", kept.data, status=3).stderr
    stranger = tmp_path / "stranger"
    stranger.write_text(str(x25519.Identity.generate()))
    _, archive, _, mine = kept.keys
    given = ("restore", kept.data, "--keys", archive, "--identity")
    assert "cannot be opened" in new.run(*given, stranger, status=1).stderr
    assert "holds no identity" in new.run(*given, archive, status=2).stderr
    assert "is no backup" in new.run("restore", archive.parent, *given[2:], mine, status=2).stderr
    if SERVER:
        assert "set to SQLite" in new.run(*given, mine, status=2, env={"HIMAYA_DATABASE_URL": ""}).stderr
    assert nothing_in(new)


# --- drills ----------------------------------------------------------------------------------------------------------


def test_a_drill_says_what_would_be_lost_and_leaves_nothing_behind(kept: Kept) -> None:
    node = kept.node
    do(node, "with transaction.atomic(): [services.record('test.act', by='system', about='test') for _ in range(7)]")
    before = sorted(path.name for path in node.data.iterdir())
    node.run("drill", kept.data, status=-9, env={"HIMAYA_FAULT": "drill.restored:kill"})
    ran = node.run("drill", kept.data)
    told = do(
        node,
        """
left = []
if connection.vendor == "postgresql":
    from himaya.site.backups.databases import _drill  # those of this node alone: other tests share the server
    found = connection.cursor().execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [_drill() + "%"])
    left = found.fetchall()
states = sorted(Job.objects.values_list("state", flat=True))
say([queries.entries(act="backup.drilled").get().data, left, states])
""",
    )
    lost = told[0]["missing"]
    assert f"ledger entries: {lost}" in ran.stderr
    assert (lost >= 7, told[0]["sealed"], told[0]["name"]) == (True, 1, kept.told["name"])
    assert told[1] == []
    assert "unknown" not in told[2], "the node itself is as it was"
    assert sorted(path.name for path in node.data.iterdir()) == sorted({*before, ".drill.lock"})
