"""Killed while it takes what others bring: told again, everything is kept once, and nothing that differs ever is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests import brought
from tests.crash.conftest import Node

FILES = [f"a neutral text, number {n}".encode() for n in range(4)]
POINTS = (
    "intake.read", "intake.kept", "evidence.sealed", "cases.opened", "stores.written", "stores.linked",
    "stores.lasting",
)  # fmt: skip


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    """A delivery of which one file is known, and one was changed on its way."""
    folder = brought.vics(tmp_path / "v", *FILES)
    (folder / "Media" / "4.bin").write_bytes(FILES[3][::-1])
    return {"path": str(brought.zipped(folder)), "known": hashlib.sha256(FILES[1]).hexdigest()}


def whole(told: dict[str, Any]) -> None:
    kept = told["kept"]
    assert set(kept) == {"case.json", "Media\\1.BIN", "Media\\2.BIN", "Media\\3.BIN"}
    for number in (1, 2, 3):
        text, _, labels = kept[f"Media\\{number}.BIN"]
        assert (text, labels) == (FILES[number - 1].decode()[:40], 5)
    cases = {case for _, case, _ in kept.values()}  # its number may be the second: PostgreSQL gives none twice
    assert len(cases) == 1
    assert cases != {""}
    assert (told["exhibits"], told["sightings"]) == (4, 1)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("passed", [1, 3])
def test_what_is_killed_is_completed_by_telling_it_again(
    node: Node, given: dict[str, str], point: str, passed: int
) -> None:
    if passed > 1 and point in ("intake.read", "cases.opened"):
        passed = 1  # it comes by once
    killed = node.start("take_brought", fault=f"{point}:kill@{passed}", **given)
    killed.join(60)
    assert killed.exitcode == -9, node.log(killed)
    before = node.run("read_brought")
    assert before["exhibits"] == len(before["kept"])
    assert all(case for _, case, _ in before["kept"].values())
    assert node.run("take_brought", **given) == "done"
    whole(node.run("read_brought"))
    assert node.run("take_brought", **given) == "done"
    whole(node.run("read_brought"))
    assert node.run("sweep_over") == 4
    whole(node.run("read_brought"))
    assert node.run("check", idle=False) == []


def test_two_at_once_take_it_once(node: Node, given: dict[str, str]) -> None:
    first = node.start("take_brought", **given)
    second = node.start("take_brought", **given)
    for one in (first, second):
        one.join(60)
    assert 0 in (first.exitcode, second.exitcode), node.log(first) + node.log(second)
    assert node.run("take_brought", **given) == "done"
    whole(node.run("read_brought"))
    assert node.run("check", idle=False) == []
