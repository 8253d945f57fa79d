"""Killed while it shows, holds, or opens what waited: each content that was answered has its case or waits, once."""

from __future__ import annotations

import pytest
from tests.crash.conftest import Node

CONTENTS, MOST = 12, 4


@pytest.fixture
def flooded(node: Node) -> Node:
    node.environment["HIMAYA_FLOOD_MATCHES"] = str(MOST)
    return node


@pytest.mark.parametrize("passed", [1, MOST])
def test_whoever_is_killed_while_a_flood_comes_has_answered_nothing_that_is_lost(flooded: Node, passed: int) -> None:
    killed = flooded.start("show", fault=f"cases.opened:kill@{passed}", upto=CONTENTS)
    killed.join(60)
    assert killed.exitcode == -9, flooded.log(killed)
    assert flooded.run("show", upto=CONTENTS) == [MOST, CONTENTS - MOST, CONTENTS - MOST]
    assert flooded.run("check", idle=False) == []


def test_what_waited_opens_its_case_once_however_often_the_worker_is_killed(flooded: Node) -> None:
    flooded.run("show", upto=CONTENTS)
    flooded.run("let_go")
    kills = 0
    for point in ("screening.released_step:kill", "cases.opened:kill", "screening.released_step:kill@2"):
        killed = flooded.start("open_waiting", fault=point)
        killed.join(60)
        assert killed.exitcode == -9, flooded.log(killed)
        kills += 1
    for worker in [flooded.start("open_waiting") for _ in range(2)]:
        flooded.end(worker)
    assert kills == 3
    assert flooded.run("check", idle=False) == []
    told = flooded.run("summary")
    assert [sightings for _, _, sightings in told["cases"]] == [1] * CONTENTS
    assert told["places"] == sorted(f"/shown/{n}" for n in range(1, CONTENTS + 1))
    assert flooded.run("waiting") == [CONTENTS, 0, 0]
