"""The comparison with what came before is killed at any step, and goes on: every content once, none left out."""

from __future__ import annotations

import pytest
from tests.crash.conftest import Node

CONTENTS = 20
ROWS = "signal,value\n" + "".join(f"md5,{n:032x}\n" for n in range(1, CONTENTS + 1))


@pytest.mark.parametrize("point", ["screening.before_step", "cases.opened"])
def test_what_came_before_is_found_once_however_often_the_worker_is_killed(node: Node, point: str) -> None:
    node.environment["HIMAYA_KEEP_FINGERPRINTS_DAYS"] = "1"
    node.run("look_back")
    node.run("keep", number=1, upto=CONTENTS + 10)
    node.run("import_list", rows=ROWS)
    kills = 0
    while kills < 4:
        killed = node.start("look_back_in_steps", fault=f"{point}:kill@{1 + kills % 2}")
        killed.join(60)
        if killed.exitcode == 0:
            break
        assert killed.exitcode == -9, node.log(killed)
        kills += 1
    node.run("look_back_in_steps")
    assert kills >= 2
    assert node.run("check", idle=False) == []
    told = node.run("summary")
    assert [sightings for _, _, sightings in told["cases"]] == [1] * CONTENTS
    assert told["places"] == sorted(f"/before/{n}" for n in range(1, CONTENTS + 1))


def test_two_workers_at_once_find_everything_once(node: Node) -> None:
    node.environment["HIMAYA_KEEP_FINGERPRINTS_DAYS"] = "1"
    node.run("look_back")
    node.run("keep", number=1, upto=CONTENTS + 1)
    node.run("import_list", rows=ROWS)
    for worker in [node.start("look_back_in_steps") for _ in range(3)]:
        node.end(worker)
    assert node.run("check", idle=False) == []
    assert [sightings for _, _, sightings in node.run("summary")["cases"]] == [1] * CONTENTS
