"""A restore makes no store under the mount point of one that was in use and is away."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.backup.conftest import MakeNode, do, head, only
from tests.backup.test_making import KEEP, READ
from tests.backup.test_over import CLEAR, NAMED
from tests.nodes import Node

pytestmark = pytest.mark.django_db


def on_disk(node: Node, disk: Path) -> Node:
    """The same machine with its sealed files on a disk of their own."""
    return Node({**node.environment, "HIMAYA_EVIDENCE_STORE": f"file:{disk}"})


def test_a_store_that_is_away_is_not_made_under_its_mount_point_by_a_restore(
    make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    disk, to = tmp_path / "disk", tmp_path / "kept"
    node = on_disk(make_node("mounted"), disk)
    do(node, KEEP)
    node.run("backup", "--to", to)
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    before = head(node)
    disk.rename(tmp_path / "mounted elsewhere")
    disk.mkdir()
    ran = node.run("restore", to, "--over", input=NAMED, status=3)
    assert f"mkdir -p {disk}/.new" in ran.stderr
    assert list(disk.iterdir()) == []
    assert head(node) == before, "what was there stands again"
    (disk / ".new").mkdir()  # the disk was replaced by an empty one
    node.run("restore", to, "--over", input=NAMED)
    assert do(node, READ) == CLEAR
    shutil.rmtree(disk)
    disk.mkdir()
    new = on_disk(make_node("new", empty=True), disk)
    new.run("restore", to, "--keys", only(tmp_path / "keys"), "--identity", keeper[1])
    assert do(new, READ) == CLEAR, "nothing was there before: the disk is new with the machine"


def test_the_folder_that_is_lost_from_the_data_directory_is_made_again_by_a_restore(
    make_node: MakeNode, tmp_path: Path
) -> None:
    node = make_node("folder")
    do(node, KEEP)
    node.run("backup", "--to", tmp_path / "kept")
    shutil.rmtree(node.data / "evidence")
    node.run("restore", tmp_path / "kept", "--over", input=NAMED)
    assert do(node, READ) == CLEAR
    shutil.rmtree(node.data / "evidence")
    (node.data / "evidence").mkdir()
    ran = node.run("restore", tmp_path / "kept", "--over", input=NAMED, status=3)
    assert f"mkdir -p {node.data}/evidence/.new" in ran.stderr
