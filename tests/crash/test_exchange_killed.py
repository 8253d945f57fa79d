"""Killed while lists are published, imported and followed: the old list or the new one, and in the end the same log."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.crash.conftest import MakeNode, Node
from tests.crash.exchanging import write_rows
from tests.repositories import ORGANISATION, Shelf, Stage, delta, said

ROWS, BATCH = 2400, 300
KILLED = -9
PASSED = {"unlogged": [], "twice": 0, "on record": 0}
NOTHING_WRONG = {"unlogged": [], "twice": 0, "leaves": 0, "on record": 0}


def kill(node: Node, name: str, fault: str, **arguments: Any) -> None:
    """Run a function that has to be killed at a point."""
    running = node.start(name, fault=fault, **arguments)
    running.join(60)
    assert running.exitcode == KILLED, f"it does not reach {fault}: {running.exitcode} {node.log(running)}"


# --- publishing ------------------------------------------------------------------------------------------------------

POINTS = [
    "publishing.written",
    "publishing.published",
    "repository.file",
    "repository.metadata",
    "repository.metadata:2",
    "repository.before_timestamp",
]


def told(node: Node, root: str, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = node.run("published", root=root, folder=str(folder))
    return found


@pytest.mark.parametrize("point", POINTS)
def test_a_round_of_publishing_that_is_killed_leaves_the_old_state_or_the_new_one(
    node: Node, tmp_path: Path, point: str
) -> None:
    name, _, nth = point.partition(":")
    fault = f"{name}:kill@{nth or 1}"
    root = node.run("begin_publishing", number=20)
    if name != "repository.metadata":  # of a repository that was not begun there is nothing to follow
        kill(node, "publish", fault)
        assert told(node, root, tmp_path / "f0")["items"] in (0, 20)
    node.run("publish")
    assert told(node, root, tmp_path / "f1") == {"items": 20, **NOTHING_WRONG}
    node.run("add_own", first=20, number=5)
    kill(node, "publish", fault)
    between = told(node, root, tmp_path / "f2")
    assert between["items"] in (20, 25)
    assert between["unlogged"] == []  # nothing is served that does not stand in the log
    node.run("publish")
    assert told(node, root, tmp_path / "f3") == {"items": 25, **NOTHING_WRONG}
    assert node.run("publish") is False
    assert node.run("check", idle=False) == []


HUB = ["hub.fetched", "hub.logged", "repository.file", "repository.before_timestamp", "hub.attached"]


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[tuple[Stage, str]]:
    """Fifty statements that somebody else signs, and where they are served."""
    (tmp_path / "r").mkdir()
    stage = Stage(tmp_path, at=tmp_path / "r" / "known")
    with Shelf(tmp_path / "r").serving() as url:
        yield stage, url


@pytest.mark.parametrize("point", HUB)
def test_a_hub_that_is_killed_passes_on_the_old_state_or_the_new_one(
    node: Node, tmp_path: Path, publisher: tuple[Stage, str], point: str
) -> None:
    stage, url = publisher
    root, good = node.run("begin_hub", url=url, root=stage.root.decode()), {"told": True, **PASSED}
    for said_before, said_now in ((0, 50), (50, 51)):
        if said_before:
            stage.made.publish(ORGANISATION, delta(tmp_path / "new", 1, 2, said(1, seed=2)))
        kill(node, "pass_on", f"{point}:kill@1")
        between = node.run("passed_on", root=root, folder=str(tmp_path / f"b{said_now}"))
        assert between["said"] in (said_before, said_now)
        assert between["unlogged"] == []
        node.run("pass_on")
        assert node.run("passed_on", root=root, folder=str(tmp_path / f"a{said_now}")) == {"said": said_now, **good}
    assert node.run("pass_on") is False


def test_a_hub_that_is_killed_while_it_dismisses_somebody_tells_nothing_of_it(
    node: Node, tmp_path: Path, publisher: tuple[Stage, str]
) -> None:
    stage, url = publisher
    root = node.run("begin_hub", url=url, root=stage.root.decode())
    node.run("pass_on")
    kill(node, "dismiss", "hub.dismissed:kill@1")
    assert node.run("passed_on", root=root, folder=str(tmp_path / "b"))["told"] is False, "no file of it is handed out"
    assert node.run("settle") is True
    assert node.run("passed_on", root=root, folder=str(tmp_path / "a")) == {"said": 0, "told": False, **PASSED}


def test_of_several_who_publish_at_once_one_does(node: Node, tmp_path: Path) -> None:
    root = node.run("begin_publishing", number=50)
    for first in (50, 100):
        running = [node.start("publish") for _ in range(3)]
        assert sorted(node.end(one) for one in running) == [False, False, True]
        assert told(node, root, tmp_path / str(first)) == {"items": first, **NOTHING_WRONG}
        node.run("add_own", first=first, number=50)
    node.run("publish")
    assert told(node, root, tmp_path / "g") == {"items": 150, **NOTHING_WRONG}


# --- importing and following -----------------------------------------------------------------------------------------


@pytest.fixture
def pair(make_node: MakeNode) -> tuple[Node, Node]:
    """Two nodes with the same keys: one that is killed again and again, and one that is not disturbed."""
    killed, undisturbed = make_node(server=""), make_node(server="")
    killed.run("make_lists")
    undisturbed.environment["HIMAYA_DATA"] = f"{undisturbed.home}/copy"
    shutil.copytree(killed.environment["HIMAYA_DATA"], undisturbed.environment["HIMAYA_DATA"])
    return killed, undisturbed


def log_with_kills(node: Node) -> None:
    """Log what was said, killed at every batch before it is committed."""
    for nth in (1, 2, 3):
        running = node.start("commit_all", fault=f"lists.committed:kill@{nth}", batch=ROWS // 4)
        running.join(60)
        assert running.exitcode in (KILLED, 0), node.log(running)
    node.run("commit_all", batch=ROWS // 4)


def test_an_import_that_is_killed_at_every_batch_counts_for_nothing_until_it_is_whole(
    pair: tuple[Node, Node], tmp_path: Path
) -> None:
    killed, undisturbed = pair
    write_rows(path := tmp_path / "rows.csv", range(ROWS))
    how = {"path": str(path), "batch": BATCH}
    empty = killed.run("standing")
    assert empty["matching"] == 0
    for nth in range(1, ROWS // BATCH + 1):
        kill(killed, "import_file", f"lists.import_batch:kill@{nth}", **how)
        assert {**killed.run("standing"), "statements": 0} == {**empty, "statements": 0}
    killed.run("import_file", **how)
    log_with_kills(killed)
    undisturbed.run("import_file", **how)
    undisturbed.run("commit_all")
    assert killed.run("standing") == undisturbed.run("standing")
    assert killed.run("standing")["matching"] == ROWS
    assert killed.run("check", idle=False) == []


def test_a_subscription_that_is_killed_at_every_page_and_batch_has_the_old_list_or_the_new_one(
    pair: tuple[Node, Node], tmp_path: Path
) -> None:
    killed, undisturbed = pair
    (tmp_path / "stick").mkdir()
    path = tmp_path / "stick" / "rows.csv"
    how = {"batch": BATCH, "page": BATCH}
    for node in pair:
        node.run("subscribe_to", path=str(path))
    for rows in (range(ROWS), range(ROWS // 3, ROWS + ROWS // 3)):  # then a third goes, and as many come
        write_rows(path, rows)
        before = _list(killed)
        for _ in range(len(rows) // BATCH + 1):  # each goes on behind the page at which the last one was killed
            kill(killed, "follow_file", "subscribing.page:kill", **how)
            assert _list(killed) == before
        for nth in range(1, len(rows) // BATCH + 1):
            kill(killed, "follow_file", f"subscribing.batch:kill@{nth}", **how)
            assert _list(killed) == before
        kill(killed, "follow_file", "subscribing.before_commit:kill", **how)
        assert _list(killed) == before
        killed.run("follow_file", **how)
        log_with_kills(killed)
        undisturbed.run("follow_file", **how)
        undisturbed.run("commit_all")
        assert killed.run("standing") == undisturbed.run("standing")
        assert killed.run("standing")["matching"] == len(rows)
    assert killed.run("check", idle=False) == []


def _list(node: Node) -> list[Any]:
    found = node.run("standing")
    return [found[name] for name in ("matching", "digest", "counted", "root")]
