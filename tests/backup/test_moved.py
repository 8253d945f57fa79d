"""A backup of the data from before an end: what was moved in time opens, what ended does not, what is lost is told."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.backup.conftest import MakeNode, do, only
from tests.backup.test_making import KEEP
from tests.backup.test_order import NAMED
from tests.nodes import Node

Keeper = tuple[str, Path]
HOLD = """
from datetime import timedelta
from himaya.evidence.holding import place_hold
from himaya.evidence.models import Exhibit
Exhibit.objects.update(until=now() - timedelta(days=2))
for one in Exhibit.objects.order_by("pk")[:2]:
    place_hold(one.about, reason="r", authority="a", review_on=now().date() + timedelta(days=90), by="person:1")
"""
END = """
from datetime import timedelta
from himaya.evidence.ending import end_due
from himaya.evidence.models import Exhibit, Hold
Hold.objects.filter(exhibit__in={let_go}).update(lifted_at=now() - timedelta(days=4), lifted_by="person:1")
while end_due(): pass
say([(one.state, one.generation) for one in Exhibit.objects.order_by("pk")])
"""
OPEN = """
from himaya.core.errors import HimayaError
from himaya.evidence.models import Exhibit
from himaya.evidence.reading import unsafe_content
def opened(one):
    try:
        return b"".join(unsafe_content(one)).decode()
    except HimayaError as error:
        return type(error).__name__
say([opened(one) for one in Exhibit.objects.select_related("blob", "epoch").order_by("pk")])
"""
FIRST, SECOND = "a neutral text 0", "a neutral text 1"
LOST = "exhibits that are to be kept, as the backup has it, and whose keys were destroyed since: "


def end(node: Node, *let_go: int) -> Any:
    """End what is over; holds on ``let_go`` were lifted days ago."""
    return do(node, END.format(let_go=list(let_go)))


def archive(node: Node, to: Path, keeper: Keeper) -> tuple[Any, ...]:
    node.run("backup", "--keys", "--to", to, "--recipient", keeper[0])
    return "--keys", only(to), "--identity", keeper[1]


@pytest.fixture
def held(make_node: MakeNode, tmp_path: Path) -> Node:
    """Three exhibits whose time is over, two of them held; of that moment there is a backup of the data in ``old``."""
    node = make_node("held")
    do(node, KEEP)
    do(node, HOLD)
    node.run("backup", "--to", tmp_path / "old")
    return node


def test_what_was_held_opens_after_an_older_backup_was_put_back(
    held: Node, make_node: MakeNode, tmp_path: Path, keeper: Keeper
) -> None:
    assert end(held) == [["kept", 2], ["kept", 2], ["destroyed", 1]]
    mine = archive(held, tmp_path / "keys", keeper)
    ran = held.run("drill", tmp_path / "old", *mine)
    assert "exhibits opened: 2 of 2" in ran.stderr
    assert LOST not in ran.stderr
    new = make_node("new", empty=True)
    ran = new.run("restore", tmp_path / "old", *mine)
    assert LOST not in ran.stderr
    assert do(new, OPEN) == [FIRST, SECOND, "ExhibitEnded"]
    assert "nothing opens any more" not in new.run("doctor", status=None).stdout


def test_a_chain_of_ends_is_followed_and_what_ended_in_it_does_not_come_back(
    held: Node, make_node: MakeNode, tmp_path: Path, keeper: Keeper
) -> None:
    end(held)
    again = end(held, 2)
    assert again == [["kept", 3], ["destroyed", 2], ["destroyed", 1]]
    mine = archive(held, tmp_path / "keys", keeper)
    new = make_node("new", empty=True)
    ran = new.run("restore", tmp_path / "old", *mine)
    assert do(new, OPEN) == [FIRST, "ExhibitEnded", "ExhibitEnded"]
    assert f"{LOST}1" in ran.stderr, "the data that were put back have a hold on it: that is told"
    assert do(new, "from himaya.evidence.keys import epoch_keys\nsay([*epoch_keys().names()])")[-1].endswith("-3")
    ran = held.run("drill", tmp_path / "old", *mine)
    assert f"{LOST}1" in ran.stderr


def test_the_keys_that_are_here_lead_an_older_backup_on_without_an_archive(held: Node, tmp_path: Path) -> None:
    end(held)
    ran = held.run("restore", tmp_path / "old", "--over", input=NAMED)
    assert LOST not in ran.stderr
    assert do(held, OPEN) == [FIRST, SECOND, "ExhibitEnded"]


def test_what_an_archive_from_before_the_end_cannot_open_is_told_by_drill_restore_and_doctor(
    held: Node, make_node: MakeNode, tmp_path: Path, keeper: Keeper
) -> None:
    mine = archive(held, tmp_path / "keys", keeper)
    end(held)
    ran = held.run("drill", tmp_path / "old", *mine)
    assert f"{LOST}2" in ran.stderr
    directory = Path(do(held, "from himaya.core.config import config\nsay(str(config().epoch_directory))"))
    for path in directory.glob("*-2.*"):  # the volume was lost, and comes back as it was before the end
        path.unlink()
    ran = held.run("restore", tmp_path / "old", "--over", input=NAMED)
    assert f"{LOST}2" in ran.stderr
    assert do(held, OPEN)[:2] == ["ExhibitEnded", "ExhibitEnded"]
    assert "nothing opens any more" in held.run("doctor", status=None).stdout


def test_a_restore_without_an_archive_writes_no_marks_where_the_volume_of_keys_is_not_mounted(
    held: Node, tmp_path: Path
) -> None:
    end(held)
    held.run("backup", "--to", tmp_path / "new")
    directory = Path(do(held, "from himaya.core.config import config\nsay(str(config().epoch_directory))"))
    shutil.move(directory, tmp_path / "mounted elsewhere")
    directory.mkdir()
    held.run("restore", tmp_path / "new", "--over", input=NAMED)
    assert list(directory.iterdir()) == []
    assert "Mount its volume" in held.run("doctor", status=None).stdout
    directory.rmdir()
    shutil.move(tmp_path / "mounted elsewhere", directory)
    assert do(held, OPEN) == [FIRST, SECOND, "ExhibitEnded"]
