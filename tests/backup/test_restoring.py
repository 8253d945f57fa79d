"""What is put back is what was backed up; it knows that it is old, and nothing that was destroyed comes with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.backup.conftest import MakeNode, decide, do, head, jobs, only, work
from tests.nodes import Node

pytestmark = pytest.mark.django_db
POINTS = ("marks", "database", "known", "before_unmark")
LAST = "say([queries.head()[0], queries.entries(act='backup.restored').count(), log.alarms().count()])"


@pytest.fixture
def backed_up(node: Node, tmp_path: Path, keeper: tuple[str, Path]) -> Node:
    """A node with two reports sent, two queued, a verdict that nobody followed yet, and a backup of data and keys."""
    decide(node, 1, 3)
    work(node)
    decide(node, 3, 5)
    do(node, "from himaya.flow.reactor import react; react()")
    decide(node, 5, 6)
    (node.data / "proposals").mkdir(exist_ok=True)
    (node.data / "proposals" / "ab12").write_bytes(b"signal,value\n")
    (node.data / "vault" / "ab").mkdir(parents=True)
    (node.data / "vault" / "ab" / "abcd.sealed").write_bytes(b"sealed" * 100)
    node.run("backup", "--to", tmp_path / "kept")
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    return node


def keys(tmp_path: Path, keeper: tuple[str, Path]) -> tuple[Any, ...]:
    return ("--keys", only(tmp_path / "keys"), "--identity", keeper[1])


def manifest(tmp_path: Path) -> dict[str, Any]:
    return json.loads((only(tmp_path / "kept") / "manifest.json").read_text())  # type: ignore[no-any-return]


def restored_well(made: Node, tmp_path: Path) -> None:
    """Everything is there, and the node knows that it is old."""
    told = manifest(tmp_path)
    assert do(made, f"say(queries.entry({told['ledger']['entries']}).digest)") == told["ledger"]["head"]
    assert "each following from the one before" in made.run("ledger", "verify").stderr
    assert do(made, LAST)[1:] == [1, 1]
    assert (made.data / "vault" / "ab" / "abcd.sealed").read_bytes() == b"sealed" * 100
    assert (made.data / "proposals" / "ab12").read_bytes() == b"signal,value\n"
    assert sorted(path.name for path in made.data.iterdir() if "restor" in path.name) == []


def test_what_was_queued_may_have_left_and_is_not_sent_again(
    backed_up: Node, make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    """Also what a rule had not queued yet: it did so afterwards, and a worker sent it."""
    work(backed_up)
    reports = tmp_path / "node-reports"
    assert len(list(reports.glob("*.json"))) == 5
    shutil.rmtree(reports)
    new = make_node("new", empty=True)
    new.environment["HIMAYA_REPORTS"] = backed_up.environment["HIMAYA_REPORTS"]
    ran = new.run("restore", tmp_path / "kept", *keys(tmp_path, keeper))
    assert "wait for a person in the console: 3" in ran.stderr
    work(new)
    states = sorted(jobs(new).values())
    assert states == ["done", "done", "unknown", "unknown", "unknown"]
    assert not reports.exists(), "nothing left the house"
    restored = do(new, "say(queries.entries(act='backup.restored').get().data)")
    assert (restored["jobs"], restored["name"]) == (3, manifest(tmp_path)["name"])
    reference = do(new, "from himaya.cases.models import Case; from tests.casework import opened; say(opened(99).pk)")
    assert reference > 1000, "no number is given a second time: another case 6 was reported meanwhile"
    key = next(key for key, state in jobs(new).items() if state == "unknown")
    do(new, f"outbox.retry(Job.objects.get(key={key!r}).pk, by='cli:test')")
    work(new)
    assert len(list(reports.glob("*.json"))) == 1, "a person may say that it never left"


def test_it_is_put_back_into_an_empty_place_alone_or_over_what_is_set_aside(
    backed_up: Node, make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    other = make_node("other")
    before, secret = head(other), (other.data / "secrets.json").read_bytes()
    (other.data / "repository").mkdir(exist_ok=True)
    (other.data / "repository" / "9.root.json").write_bytes(b"{}")
    command = ("restore", tmp_path / "kept", *keys(tmp_path, keeper))
    assert "There is something already" in other.run(*command, status=2).stderr
    assert "not the name of this node" in other.run(*command, "--over", status=1, input="yes\n").stderr
    assert head(other) == before
    assert not list(other.data.glob("set-aside-*"))
    ran = other.run(*command, "--over", input="Himaya\n")
    aside = only(other.data, "set-aside-*")
    assert str(aside) in ran.stderr
    assert (aside / "repository" / "9.root.json").read_bytes() == b"{}"
    assert not (other.data / "repository" / "9.root.json").exists()
    same = (other.data / "secrets.json").read_bytes() == secret
    assert same == (not (aside / "secrets.json").exists()), "the model's: every copy has it"
    assert list(aside.glob("himaya.sqlite3")) or (aside / "database.dump").stat().st_size > 1000
    restored_well(other, tmp_path)


def test_a_node_that_runs_is_not_replaced(backed_up: Node, tmp_path: Path, keeper: tuple[str, Path]) -> None:
    working = backed_up.begin("worker")
    assert working.stderr is not None
    assert "working" in working.stderr.readline()
    command = ("restore", tmp_path / "kept", *keys(tmp_path, keeper), "--over")
    assert "is running" in backed_up.run(*command, status=2, input="Himaya\n").stderr
    working.terminate()
    working.communicate()


@pytest.mark.parametrize("part", ["database", "vault/ab/abcd.sealed", "files.jsonl", "manifest.json", "absent"])
def test_a_backup_that_was_changed_is_refused_and_nothing_is_put_back(
    backed_up: Node, make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path], part: str
) -> None:
    place = only(tmp_path / "kept")
    if part == "absent":
        (place / "proposals" / "ab12").unlink()
    else:
        path = next(place.glob(f"{part}*"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    new = make_node("new", empty=True)
    ran = new.run("restore", place, *keys(tmp_path, keeper), status=1)
    assert "cannot be used" in ran.stderr
    assert list(new.data.iterdir()) == []
    drilled = backed_up.run("drill", place, status=1)
    assert "cannot be used" in drilled.stderr
    assert do(backed_up, "say(queries.entries(act='backup.drilled').count())") == 0


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_the_node_does_not_run_until_it_is_repeated(
    backed_up: Node, make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path], point: str
) -> None:
    new = make_node("new", empty=True)
    if point == "marks":
        do(backed_up, "from pathlib import Path; say(Path(os.environ['HIMAYA_DATA'] + '-epoch-keys').mkdir())")
        new.data.with_name("new-epoch-keys").mkdir()
    command = ("restore", tmp_path / "kept", *keys(tmp_path, keeper))
    new.run(*command, status=-9, env={"HIMAYA_FAULT": f"restore.{point}:kill"})
    for refused in (("ledger", "verify"), ("init",), ("worker",)):
        assert "was not put back to its end" in new.run(*refused, status=3).stderr
    new.run(*command)
    restored_well(new, tmp_path)
    assert sorted(jobs(new).values()) == ["done", "done", "unknown", "unknown", "unknown"]


@pytest.mark.parametrize("point", ["set_aside", "cleared", "before_rename", "database"])
def test_killed_while_it_replaces_something_that_stays_set_aside(
    backed_up: Node, make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path], point: str
) -> None:
    other = make_node("other")
    on_server = "HIMAYA_DATABASE_URL" in other.environment
    if point == ("before_rename" if on_server else "cleared"):
        pytest.skip("a point of the other database")
    decide(other, 50, 52)
    entries = head(other)[0]
    command = ("restore", tmp_path / "kept", *keys(tmp_path, keeper), "--over")
    other.run(*command, status=-9, env={"HIMAYA_FAULT": f"restore.{point}:kill"}, input="Himaya\n")
    other.run(*command, input="Himaya\n")
    restored_well(other, tmp_path)
    aside = only(other.data, "set-aside-*")
    if on_server:
        assert (aside / "database.dump").stat().st_size > 1000
    else:
        shutil.copy(aside / "himaya.sqlite3", tmp_path / "was.sqlite3")
        there = "import sqlite3; say(sqlite3.connect(sys.argv[-1]).execute('select seq from ledger_head').fetchone())"
        told = do(other, there.replace("sys.argv[-1]", repr(str(tmp_path / "was.sqlite3"))))
        assert told == [entries], "what was there is whole"


def test_a_key_that_was_destroyed_does_not_come_back(
    node: Node, make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    """Neither out of an archive that is older than its end, nor over the mark that a directory kept."""
    prelude = """
from himaya.core.vault.epochs import EpochKeys
from himaya.site.backups.places import epoch_directory
keys = EpochKeys(epoch_directory())
"""
    do(node, prelude + "[keys.key_for(name) for name in ('2027-03.severe', '2027-04.severe')]")
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    do(node, prelude + "keys.destroy('2027-03.severe')")
    node.run("backup", "--to", tmp_path / "kept")
    new = make_node("new", empty=True)
    came_back = new.data.with_name("new-epoch-keys")
    came_back.mkdir()
    (came_back / "2027-03.severe.key").write_bytes(b"an old copy that somebody put there")
    ran = new.run("restore", tmp_path / "kept", *keys(tmp_path, keeper), status=2)
    assert "2027-03.severe.key" in ran.stderr, "another key than that of the archive is in the way"
    (came_back / "2027-03.severe.key").unlink()
    ran = new.run("restore", tmp_path / "kept", *keys(tmp_path, keeper))
    assert "destroyed again: 2027-03.severe" in ran.stderr
    told = do(new, prelude + "say([keys.names(), keys.destroyed(), keys.returned()])")
    assert told == [["2027-04.severe"], ["2027-03.severe"], []]
    original = node.data.with_name("node-epoch-keys") / "2027-04.severe.key"
    assert (came_back / original.name).read_bytes() == original.read_bytes()


def test_other_keys_another_database_and_no_keys_are_refused_in_words(
    backed_up: Node, make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    from pyrage import x25519

    new = make_node("new", empty=True)
    assert "are not here" in new.run("restore", tmp_path / "kept", status=3).stderr
    stranger = tmp_path / "stranger"
    stranger.write_text(str(x25519.Identity.generate()))
    archive = only(tmp_path / "keys")
    given = ("restore", tmp_path / "kept", "--keys", archive, "--identity")
    assert "cannot be opened" in new.run(*given, stranger, status=1).stderr
    assert "holds no identity" in new.run(*given, archive, status=2).stderr
    assert "is no backup" in new.run("restore", tmp_path / "keys", *given[2:], keeper[1], status=2).stderr
    if "HIMAYA_DATABASE_URL" in new.environment:
        more = {"HIMAYA_DATABASE_URL": ""}
        assert "set to SQLite" in new.run(*given, keeper[1], status=2, env=more).stderr
    assert list(new.data.iterdir()) == []


# --- drills ----------------------------------------------------------------------------------------------------------


def test_a_drill_says_what_would_be_lost_and_leaves_nothing_behind(backed_up: Node, tmp_path: Path) -> None:
    decide(backed_up, 20, 22)
    before = sorted(path.name for path in backed_up.data.iterdir())
    entries = head(backed_up)[0]
    backed_up.run("drill", tmp_path / "kept", status=-9, env={"HIMAYA_FAULT": "drill.restored:kill"})
    ran = backed_up.run("drill", tmp_path / "kept")
    lost = entries - manifest(tmp_path)["ledger"]["entries"]
    assert f"ledger entries: {lost}" in ran.stderr
    told = do(backed_up, "say(queries.entries(act='backup.drilled').get().data)")
    assert (told["missing"], told["sealed"], told["name"]) == (lost, 1, manifest(tmp_path)["name"])
    assert sorted(path.name for path in backed_up.data.iterdir()) == sorted({*before, ".drill.lock"})
    assert sorted(jobs(backed_up).values())[0] == "done", "the node itself is as it was"
    left = """
if connection.vendor == "sqlite":
    say([])
else:
    rows = connection.cursor().execute("select datname from pg_database where datname like 'himaya_drill_%'").fetchall()
    say(rows)
"""
    assert do(backed_up, left) == []
