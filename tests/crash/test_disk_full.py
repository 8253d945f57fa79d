"""The disk is full: whoever writes is told so, what was acknowledged is kept, and with new space it goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.configured import file_route
from tests.crash.conftest import MakeNode, Node

MIB = 1024 * 1024
SIZE, BALLAST = 6 * MIB, 2 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path | None]:
    """A directory on a disk of 6 MiB, two of them taken; None where this machine does not let us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    options = f"size={SIZE},mode=700,uid={os.getuid()}"
    if shutil.which("mount") is None or subprocess.call(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]):
        yield None
        return
    (place / "ballast").write_bytes(bytes(BALLAST))
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def small(make_node: MakeNode, disk: Path | None, tmp_path: Path) -> tuple[Node, Callable[[], None]]:
    """A node with little room on SQLite, and how to give it more."""
    data = disk / "data" if disk else tmp_path / "data"
    node = make_node(server="", data=data)
    if disk:
        return node, (disk / "ballast").unlink
    node.environment["FILE_LIMIT"] = str(SIZE - BALLAST)  # no file grows beyond it: the next best thing
    return node, lambda: node.environment.pop("FILE_LIMIT") and None


def test_r6_what_was_acknowledged_survives_a_full_disk(small: tuple[Node, Callable[[], None]], tmp_path: Path) -> None:
    node, make_room = small
    told = tmp_path / "acknowledged"
    error = node.run("fill", acknowledged=str(told))
    acknowledged = [int(line) for line in told.read_text().split()]
    assert "disk" in error, "the database's own words name the disk"
    assert len(acknowledged) > 20

    make_room()
    kept = node.run("filled")
    assert kept["integrity"] == "ok"
    assert kept["whole"]
    assert kept["numbers"] == acknowledged, "neither less than was acknowledged nor half of what was not"
    assert kept["jobs"] == len(acknowledged)

    more = tmp_path / "more"
    node.run("fill", acknowledged=str(more), limit=3)
    assert more.read_text().split() == ["0", "1", "2"]


def test_a_report_for_a_full_disk_waits_and_names_the_place(
    make_node: MakeNode, disk: Path | None, tmp_path: Path
) -> None:
    node = make_node(server="")
    place = (disk or tmp_path) / "reports"
    node.routes("reports", [file_route(place)])
    node.routes("notices", [])
    place.mkdir()
    node.run("decide_cases", number=1)
    if disk:
        (disk / "all-the-rest").write_bytes(bytes(shutil.disk_usage(disk).free))
    job = node.run("attempt", limited=disk is None)
    assert job["state"] == "ready", "it will be tried again"
    assert str(place) in job["error"]
    assert ("No space left on device" if disk else "File too large") in job["error"]
    assert list(place.iterdir()) == [], "nothing half-written"

    if disk:
        (disk / "all-the-rest").unlink()
    node.run("deliver")
    assert node.run("check") == []
    assert len(list(place.glob("*.json"))) == 1
