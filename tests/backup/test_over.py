"""A backup is put back over a node that is there: nothing of it goes before the backup was proved, nor on its word."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.backup.conftest import SERVER, MakeNode, do, head, only
from tests.backup.test_making import KEEP, READ
from tests.nodes import Node

pytestmark = pytest.mark.django_db
NAMED = "Himaya\n"
CLEAR = [f"a neutral text {n}" for n in range(3)]
EPOCHS = """
from himaya.evidence.keys import epoch_keys
say(epoch_keys().names())
"""


def rewritten(place: Path, **facts: Any) -> None:
    """Its manifest as somebody wrote it who can compute a digest."""
    path = place / "manifest.json"
    told = json.loads(path.read_text())
    for name, value in facts.items():
        told[name] = {**told[name], **value} if isinstance(value, dict) else value
    content = json.dumps(told).encode()
    path.write_bytes(content)
    (place / "manifest.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  manifest.json\n")


def keys_of(node: Node) -> dict[str, bytes]:
    folder = node.data.with_name(f"{node.data.name}-epoch-keys")
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def sealed(node: Node) -> list[Path]:
    return sorted((node.data / "evidence").rglob("*.sealed"))


@pytest.fixture
def keeps(make_node: MakeNode, tmp_path: Path) -> Node:
    """A node with three exhibits, a file that waits to be collected, and a backup in ``data``."""
    node = make_node("keeps")
    do(node, KEEP)
    (node.data / "running.lock").touch()
    (node.data / "outbox").mkdir(exist_ok=True)
    (node.data / "outbox" / "one.json").write_bytes(b"{}")
    node.run("backup", "--to", tmp_path / "data")
    return node


def test_a_backup_that_proves_false_leaves_the_node_as_it_was(keeps: Node, tmp_path: Path) -> None:
    """Neither its files nor its keys are touched, though a manifest names them as destroyed."""
    place, keys, before = only(tmp_path / "data"), keys_of(keeps), head(keeps)
    rewritten(place, destroyed=do(keeps, EPOCHS), ledger={"head": "0" * 64})
    there = sorted(path.name for path in keeps.data.iterdir())
    ran = keeps.run("restore", place, "--over", status=1, input=NAMED)
    assert "its ledger is not the one that its manifest names" in ran.stderr
    assert keys_of(keeps) == keys
    assert sorted(path.name for path in keeps.data.iterdir()) == there
    assert keeps.run("ledger", "verify")
    assert (head(keeps), do(keeps, READ)) == (before, CLEAR)


def test_what_is_destroyed_is_taken_from_the_ledger_and_not_from_the_manifest(keeps: Node, tmp_path: Path) -> None:
    place, keys = only(tmp_path / "data"), keys_of(keeps)
    rewritten(place, destroyed=do(keeps, EPOCHS))
    keeps.run("restore", place, "--over", input=NAMED)
    assert keys_of(keeps) == keys
    assert do(keeps, READ) == CLEAR


def test_a_backup_of_another_node_is_refused_unless_this_one_becomes_it(
    keeps: Node, make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    other = make_node("other", empty=True)
    other.run("lists", "create", "theirs")
    do(other, KEEP)
    for n in range(2):  # in the second backup, what they kept has ended
        other.run("backup", "--to", tmp_path / f"theirs{n}")
        other.run("backup", "--keys", "--to", tmp_path / f"keys{n}", "--recipient", keeper[0])
        if not n:
            do(other, END)
    before, keys = head(keeps), keys_of(keeps)
    archive = ("--keys", only(tmp_path / "keys0"), "--identity", keeper[1])
    for given in ((), archive):
        refused = keeps.run("restore", tmp_path / "theirs1", *given, "--over", status=2, input=NAMED).stderr
        assert "is one of another node" in refused
    assert "belongs to --keys" in keeps.run("restore", tmp_path / "theirs1", "--become", status=2).stderr
    assert (head(keeps), keys_of(keeps), do(keeps, READ)) == (before, keys, CLEAR)

    ran = keeps.run("restore", tmp_path / "theirs0", *archive, "--over", "--become", input=NAMED)
    assert "set aside" in ran.stderr
    assert do(keeps, READ) == CLEAR, "theirs, with their keys"
    aside = only(keeps.data, "set-aside-*").name
    apart = keeps.data.with_name(f"{keeps.data.name}-epoch-keys") / aside
    assert {path.name: path.read_bytes() for path in apart.iterdir()} == keys, "ours are beside"


END = """
from datetime import timedelta
from himaya.core import clock
from himaya.evidence import ending
from himaya.evidence.models import Exhibit
Exhibit.objects.update(until=clock.now() - timedelta(days=1), review=False)
while ending.end_due(): pass
"""


def test_a_key_that_only_the_ledger_says_was_destroyed_is_set_apart(
    keeps: Node, make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    keeps.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    name, key = next(one for one in keys_of(keeps).items() if one[0].endswith(".key"))
    do(keeps, END)
    keeps.run("backup", "--to", tmp_path / "ended")
    new = make_node("new", empty=True)
    folder = new.data.with_name("new-epoch-keys")
    folder.mkdir(mode=0o700)
    (folder / name).write_bytes(key)
    ran = new.run("restore", tmp_path / "ended", "--keys", only(tmp_path / "keys"), "--identity", keeper[1])
    (apart,) = folder.glob(f"set-aside-*/{name}")
    assert apart.read_bytes() == key
    assert str(apart) in ran.stderr.replace("\n", "")
    assert sorted(keys_of(new)) == [name.replace(".key", ".gone"), "owner"]


# --- sealed files ----------------------------------------------------------------------------------------------------


def test_sealed_files_that_came_after_the_backup_are_set_aside_with_their_database(
    make_node: MakeNode, tmp_path: Path
) -> None:
    node = make_node("later")
    node.run("backup", "--to", tmp_path / "data")
    do(node, KEEP)
    came = {path.relative_to(node.data): path.read_bytes() for path in sealed(node)}
    ran = node.run("restore", tmp_path / "data", "--over", input=NAMED)
    assert "came after the backup are set aside with the rest: 3" in ran.stderr
    assert sealed(node) == []
    aside = only(node.data, "set-aside-*")
    assert {path.relative_to(aside): path.read_bytes() for path in aside.rglob("*.sealed")} == came


def test_a_sealed_file_that_has_rotted_is_replaced(keeps: Node, tmp_path: Path) -> None:
    rotten, good = sealed(keeps)[0], sealed(keeps)[0].read_bytes()
    os.chmod(rotten, 0o600)
    rotten.write_bytes(bytes(len(good)))
    keeps.run("restore", tmp_path / "data", "--over", input=NAMED)
    assert rotten.read_bytes() == good
    assert do(keeps, READ) == CLEAR


def test_a_good_sealed_file_is_not_replaced_by_one_that_was_backed_up_rotten(
    make_node: MakeNode, tmp_path: Path
) -> None:
    node = make_node("rotted")
    do(node, KEEP)
    one, two = sealed(node)[:2]
    good = one.read_bytes()
    os.chmod(one, 0o600)
    one.write_bytes(bytes(len(good)))
    two.rename(tmp_path / "lost")
    node.run("backup", "--to", tmp_path / "data")
    one.write_bytes(good)
    ran = node.run("restore", tmp_path / "data", "--over", input=NAMED)
    assert one.read_bytes() == good
    assert "that neither the backup has nor this machine: 1" in " ".join(ran.stderr.split())


# --- killed, failed, in use ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["database", "known", "set_aside", "before_rename", "marks"])
def test_killed_at_each_step_the_node_starts_or_says_how_to_go_on(keeps: Node, tmp_path: Path, point: str) -> None:
    command = ("restore", tmp_path / "data", "--over")
    before = head(keeps)
    keeps.run(*command, status=-9, env={"HIMAYA_FAULT": f"restore.{point}:kill"}, input=NAMED)
    if point in ("database", "known") and not SERVER:
        keeps.run("ledger", "verify")
        assert (head(keeps), do(keeps, READ)) == (before, CLEAR)
    else:
        assert "Run himaya restore again" in " ".join(keeps.run("ledger", "verify", status=3).stderr.split())
    keeps.run(*command, input=NAMED)
    assert do(keeps, READ) == CLEAR
    assert (keeps.data / "outbox" / "one.json").read_bytes() == b"{}"
    assert [path.name for path in keeps.data.iterdir() if "restoring" in path.name] == []
    keeps.run("ledger", "verify")


@pytest.mark.parametrize("point", ["cleared" if SERVER else "database", "known", "set_aside", "before_rename"])
def test_where_it_fails_what_was_there_stands_again(keeps: Node, tmp_path: Path, point: str) -> None:
    before, keys = head(keeps), keys_of(keeps)
    there = sorted(str(path.relative_to(keeps.data)) for path in keeps.data.rglob("*"))
    fault = {"HIMAYA_FAULT": f"restore.{point}:raise"}
    failing = keeps.begin("restore", tmp_path / "data", "--over", env=fault, stdin=-1)
    assert f"restore.{point}" in failing.communicate(NAMED)[1]
    assert sorted(str(path.relative_to(keeps.data)) for path in keeps.data.rglob("*")) == there
    assert (head(keeps), do(keeps, READ), keys_of(keeps)) == (before, CLEAR, keys)
    keeps.run("ledger", "verify")


def test_while_any_command_works_with_the_node_nothing_is_put_back(keeps: Node, tmp_path: Path) -> None:
    working = keeps.begin("backup", "--to", tmp_path / "slow", env={"HIMAYA_FAULT": "backup.files:sleep=60"})
    while not list((tmp_path / "slow").glob(".himaya-*.partial/evidence")):
        assert working.poll() is None
    refused = keeps.run("restore", tmp_path / "data", "--over", status=2, input=NAMED).stderr
    assert "another command works with it" in refused
    working.terminate()
    working.communicate()
    keeps.run("restore", tmp_path / "data", "--over", input=NAMED)


def test_while_it_is_put_back_no_command_begins(keeps: Node, tmp_path: Path) -> None:
    """Also where nobody ever ran the node, and there was no lock."""
    (keeps.data / "running.lock").unlink()
    fault = {"HIMAYA_FAULT": "restore.set_aside:sleep=60"}
    restoring = keeps.begin("restore", tmp_path / "data", "--over", env=fault, stdin=-1)
    assert restoring.stdin is not None
    restoring.stdin.write(NAMED)
    restoring.stdin.flush()
    while not list(keeps.data.glob("set-aside-*")):
        assert restoring.poll() is None
    for refused in (("ledger", "verify"), ("init",), ("worker",)):
        assert "Another command puts a backup back" in " ".join(keeps.run(*refused, status=3).stderr.split())
    restoring.kill()
    restoring.communicate()
