"""Killed while it guards, while parts are brought, while keys are dealt anew, while it ends and while it is read: what
two custodians could open they still can, what was brought counts whole or not at all, and nothing is in between.
"""

from __future__ import annotations

import pytest
from tests.crash.conftest import Node

THINGS = 4
TEXTS = [f"text {number}" for number in range(THINGS)]
POINTS = ("evidence.dealt", "evidence.part-brought", "evidence.dealt-anew", "evidence.read")


def killed(node: Node, name: str, fault: str, **arguments: object) -> None:
    process = node.start(name, fault=f"{fault}", **arguments)
    process.join(60)
    assert process.exitcode == -9, node.log(process)


def opened(node: Node, *names: str) -> list[object]:
    """What a reader gets for whom two custodians bring their parts."""
    access = node.run("grant_all")
    for name in names or ("ann", "cat"):
        node.run("bring", about=f"access:{access}", who=name)
    return list(node.run("read_guarded", access=access))


@pytest.mark.parametrize(("point", "passed"), [("evidence.dealt", 1), ("evidence.dealt", 3), ("evidence.sealed", 2)])
def test_what_was_acknowledged_opens_with_two_and_what_was_not_is_not_there(
    node: Node, point: str, passed: int
) -> None:
    node.run("guard_things", upto=0)
    killed(node, "guard_things", f"{point}:kill@{passed}", upto=THINGS)
    there = passed - 1
    assert node.run("counts") == {"Deal": there, "Part": 3 * there, "Brought": 0}
    node.run("guard_things", upto=THINGS)
    assert node.run("sweep_over") == THINGS
    assert opened(node) == TEXTS
    assert node.run("check", idle=False) == []


def test_parts_are_brought_all_or_none(node: Node) -> None:
    node.run("guard_things", upto=THINGS)
    access = node.run("grant_all")
    killed(node, "bring", "evidence.part-brought:kill", about=f"access:{access}", who="ann")
    assert node.run("counts")["Brought"] == 0
    for name in ("ann", "ben"):
        node.run("bring", about=f"access:{access}", who=name)
    assert node.run("read_guarded", access=access) == TEXTS
    assert node.run("counts")["Brought"] == 0
    assert node.run("check", idle=False) == []


@pytest.mark.parametrize("fault", ["evidence.dealt-anew:kill", "evidence.dealt-anew:kill@3", "evidence.dealt:kill@2"])
def test_keys_are_dealt_anew_all_or_none(node: Node, fault: str) -> None:
    node.run("guard_things", upto=THINGS)
    renewal = node.run("renew_all")
    node.run("bring", about=f"renewal:{renewal}", who="ann")
    killed(node, "bring", fault, about=f"renewal:{renewal}", who="ben")
    assert node.run("counts") == {"Deal": THINGS, "Part": 3 * THINGS, "Brought": THINGS}
    assert opened(node) == TEXTS
    node.run("bring", about=f"renewal:{renewal}", who="ben")
    assert node.run("counts") == {"Deal": THINGS, "Part": 3 * THINGS, "Brought": 0}
    assert opened(node, "ben", "cat") == TEXTS
    assert node.run("check", idle=False) == []


def test_a_reading_that_was_cut_off_was_counted_and_the_others_are_still_open(node: Node) -> None:
    node.run("guard_things", upto=THINGS)
    access = node.run("grant_all")
    for name in ("ann", "ben"):
        node.run("bring", about=f"access:{access}", who=name)
    killed(node, "read_guarded", "evidence.read:kill@2", access=access)
    assert node.run("read_guarded", access=access) == ["no-access", "no-access", *TEXTS[2:]]
    assert node.run("counts")["Brought"] == 0
    assert node.run("check", idle=False) == []


@pytest.mark.parametrize("point", ["evidence.moved", "epochs.marked", "evidence.key-destroyed", "evidence.destroyed"])
def test_what_is_over_ends_and_what_is_held_stays_with_its_parts(node: Node, point: str) -> None:
    node.run("guard_things", upto=THINGS)
    node.run("hold_case", case="case:2")  # thing 1
    killed(node, "end_over", f"{point}:kill")
    assert node.run("end_over") == {"destroyed": 3, "kept": 1}
    assert node.run("counts") == {"Deal": 1, "Part": 3, "Brought": 0}
    assert opened(node, "ben", "cat") == ["text 1"]
    assert node.run("check", idle=False) == []
