"""Killed at every point between a step, its answer and what is written down of it: a report is there once, or unknown.

The body is one that opens a second report where it is told twice to open one, and whose answers get lost (R2, R5).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.crash.conftest import SCALE, Node, keep_killing, settle
from tests.cybertipline import PASSWORD, USER, CyberTipline
from tests.filings import laid_down, route


def body(node: Node, tmp_path: Path, **options: Any) -> Path:
    """Every complete draft goes there by itself, and nothing goes elsewhere."""
    at = tmp_path / "body"
    node.routes("filings", [route(at, channel="body", auto=True, options=options)])
    node.routes("reports", [])
    node.routes("notices", [])
    return at


def killed(node: Node, name: str, fault: str, **arguments: Any) -> None:
    process = node.start(name, fault=fault, **arguments)
    process.join(60)
    assert process.exitcode == -9, f"no run reaches {fault}: {node.log(process)}"


def test_killed_at_every_point_of_every_step_it_is_filed_once(node: Node, tmp_path: Path) -> None:
    at = body(node, tmp_path)
    node.run("confirm_with_files", number=1, files=1)
    for fault in (
        "filing.begun:kill", "filing.found:kill", "filing.taken:kill", "filing.found:kill",  # open
        "filing.begun:kill", "filing.taken:kill", "filing.found:kill",  # upload
        "filing.begun:kill", "filing.taken:kill",  # finish
        "filing.found:kill", "outbox.after_act:kill", "outbox.before_commit:kill",
    ):  # fmt: skip
        killed(node, "work", fault, lease=0.4)
    settle(node)
    (told,) = node.run("filed_reports")
    assert (told["state"], told["receipt"], told["begun"]) == ("filed", "S-000001", 6)
    assert [one["state"] for one in laid_down(at)] == ["finished"]


def test_an_answer_that_was_written_down_is_not_asked_for_again(node: Node, tmp_path: Path) -> None:
    at = body(node, tmp_path)
    node.run("confirm_with_files", number=1, files=1)
    for _ in range(3):
        killed(node, "work", "filing.kept:kill", lease=0.4)
    settle(node)
    (told,) = node.run("filed_reports")
    assert (told["state"], told["begun"]) == ("filed", 3)
    assert len(laid_down(at)) == 1


@pytest.mark.parametrize("point", ["filing.retracting", "filing.retracted"])
def test_killed_while_it_is_taken_back_it_is_taken_back(node: Node, tmp_path: Path, point: str) -> None:
    at = body(node, tmp_path)
    node.run("confirm_with_files", number=1, files=1)
    killed(node, "work", "filing.kept:kill@2", lease=0.4)
    node.run("take_back_all")
    killed(node, "work", f"{point}:kill", lease=0.4)
    settle(node)
    assert [one["state"] for one in node.run("filed_reports")] == ["retracted"]
    assert [one["state"] for one in laid_down(at)] == ["retracted"]


def test_killed_while_it_compares_it_compares_the_rest(node: Node, tmp_path: Path) -> None:
    at = body(node, tmp_path)
    node.run("confirm_with_files", number=3, files=0)
    settle(node)
    (at / "S-000002" / "report.json").unlink()
    killed(node, "compare_all", "filings.compared:kill@2", days=1)
    settle(node)
    assert [one["there"] for one in node.run("filed_reports")] == [True, False, True]
    assert len(laid_down(at)) == 2, "what is missing is not filed again"


def test_r5_with_lost_answers_and_killed_workers_each_report_is_there_once(
    node: Node, seed: random.Random, tmp_path: Path
) -> None:
    cases = int(8 * SCALE)
    at = body(node, tmp_path, one_in=10, seed=seed.randrange(10**6))
    node.run("confirm_with_files", number=cases, files=2)
    kills = keep_killing(node, seed, until=lambda: len(laid_down(at, "finished")) >= cases, lease=0.6)
    settle(node)
    told = node.run("filed_reports")
    assert [one["state"] for one in told] == ["filed"] * cases
    finished = [one["key"] for one in laid_down(at, "finished")]
    assert sorted(finished) == sorted(one["key"] for one in told)
    assert laid_down(at, "open") == []
    print(f"{kills} kills, {cases} reports, {sum(one['begun'] for one in told)} steps begun")


@pytest.fixture
def cybertipline(seed: random.Random) -> Iterator[CyberTipline]:
    """It loses one answer in twenty, half of them before it acted."""
    server = CyberTipline()
    server.lose_some(seed=seed.randrange(10**6), share=0.05)
    with server.serving():
        yield server


def test_r5_of_many_reports_to_the_cybertipline_each_is_filed_once_whoever_is_killed(
    node: Node, seed: random.Random, cybertipline: CyberTipline
) -> None:
    cases = int(6 * SCALE)
    options = {
        "environment": "other", "address": cybertipline.url, "private": True, "user": USER, "password": PASSWORD,
        "email": "duty@firm.example",
    }  # fmt: skip
    node.routes("filings", [{"name": "ncmec", "channel": "ncmec", "auto": True, "options": options}])
    node.routes("reports", [])
    node.routes("notices", [])
    node.run("confirm_with_files", number=cases, files=1)
    kills = keep_killing(node, seed, until=lambda: len(cybertipline.filed) >= cases, lease=0.6)
    settle(node)
    told = node.run("filed_reports")
    assert {one["state"] for one in told} <= {"filed", "unknown"}
    for one in told:
        there = cybertipline.filed_with(one["key"])
        assert len(there) <= 1, "a report was filed twice"
        assert one["state"] == "unknown" or [str(each.report_id) for each in there] == [one["receipt"]]
        assert one["state"] == "filed" or one["trouble"], "a person is told what to look for"
    assert len(cybertipline.filed) == sum(len(cybertipline.filed_with(one["key"])) for one in told)
    print(f"{kills} kills, {len(cybertipline.lost)} answers lost, {[one['state'] for one in told]}")
