"""Workers are killed with SIGKILL at random, answers get lost, the database falls over: what was decided is delivered.

The catalogue of faults is that of the design: R1, R2, R3, R15.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.configured import file_route, mail_route
from tests.crash.conftest import SCALE, MakeNode, Node, keep_killing, settle
from tests.crash.receivers import Mailbox, Receiver

LANES = 4


def post_routes(receiver: Receiver) -> list[dict[str, Any]]:
    return [
        {"name": f"post-{n}", "channel": "post", "options": {"port": receiver.port, "lane": f"post-{n}"}}
        for n in range(LANES)
    ]


@pytest.fixture
def receiver(seed: random.Random) -> Iterator[Receiver]:
    with closing(Receiver(seed=seed.randrange(10**6), one_in=20)) as server:
        yield server


@pytest.fixture
def mailbox(seed: random.Random) -> Iterator[Mailbox]:
    with closing(Mailbox(seed=seed.randrange(10**6), one_in=20)) as server:
        yield server


def test_r1_no_job_is_lost_and_none_done_twice_while_workers_are_killed(node: Node, seed: random.Random) -> None:
    cases = int(60 * SCALE)
    with closing(Receiver(seconds=0.05)) as receiver:
        node.routes("reports", post_routes(receiver))
        node.run("decide_cases", number=cases)
        wanted = cases * LANES
        killed = keep_killing(node, seed, until=lambda: len(receiver.effects) == wanted)
        settle(node)
        assert killed >= 5, "the test did not disturb anybody"
        assert len(receiver.effects) == wanted
        assert set(receiver.effects.values()) == {1}
    ended = node.run("jobs").values()
    assert {state for state, _, _ in ended} == {"done"}
    attempts = sum(attempts for _, attempts, _ in ended)
    print(f"{killed} kills, {wanted} jobs, {attempts} attempts, {receiver.posts.total()} posts")


def prepare(node: Node, receiver: Receiver, mailbox: Mailbox, *, cases: int) -> None:
    """Reports over a channel that can tell a repeat, notices by mail, which cannot."""
    node.routes("reports", post_routes(receiver)[:2])
    node.routes("notices", [mail_route(mailbox.port)])
    node.run("decide_cases", number=cases)


def storm(
    node: Node,
    seed: random.Random,
    receiver: Receiver,
    mailbox: Mailbox,
    *,
    cases: int,
    beside: Callable[[], None] = lambda: None,
) -> int:
    """Kill workers until all reports and most notices have left. How many were killed."""

    def nearly_done() -> bool:
        beside()
        return len(receiver.effects) == cases * 2 and len(mailbox.mails) >= cases * 0.7

    return keep_killing(node, seed, until=nearly_done)


def judge(node: Node, receiver: Receiver, mailbox: Mailbox, *, cases: int) -> None:
    """Each report arrived and counts once; each notice arrived at most once, or a person is asked."""
    assert len(receiver.effects) == cases * 2
    assert set(receiver.effects.values()) == {1}
    jobs = node.run("jobs")
    states = {key: state for key, (state, _, _) in jobs.items()}
    assert {state for key, state in states.items() if key.startswith("report-")} == {"done"}
    mails = {
        key: mailbox.mails[f"<{key.rpartition(':')[0]}@example.org>"] for key in states if key.startswith("notice-")
    }
    assert len(mails) == cases
    for key, number in mails.items():
        assert (states[key], number) in {("done", 1), ("unknown", 0), ("unknown", 1)}, jobs[key]
    assert sum(mails.values()) == mailbox.mails.total(), "no mail but these"


def test_r2_with_lost_answers_each_message_counts_once_or_a_person_is_asked(
    node: Node, seed: random.Random, receiver: Receiver, mailbox: Mailbox
) -> None:
    cases = int(24 * SCALE)
    prepare(node, receiver, mailbox, cases=cases)
    killed = storm(node, seed, receiver, mailbox, cases=cases)
    settle(node)
    judge(node, receiver, mailbox, cases=cases)
    assert receiver.posts.total() > cases * 2, "no answer was lost, or nobody repeated"
    print(f"{killed} kills, {receiver.lossy.lost} + {mailbox.lossy.lost} answers lost, {receiver.posts.total()} posts")


@pytest.mark.postgres
def test_r3_a_database_that_falls_over_twice_loses_nothing(
    make_node: MakeNode, postgres: Any, seed: random.Random, receiver: Receiver, mailbox: Mailbox
) -> None:
    cases = int(24 * SCALE)
    node = make_node(server=postgres.url)
    prepare(node, receiver, mailbox, cases=cases)
    falls = [cases // 4, cases // 2]

    def nemesis() -> None:
        if falls and len(receiver.effects) > falls[0]:
            postgres.crash_and_restart()
            falls.pop(0)

    storm(node, seed, receiver, mailbox, cases=cases, beside=nemesis)
    settle(node)
    assert not falls, "it did not fall over twice"
    judge(node, receiver, mailbox, cases=cases)


def test_r15_a_job_that_kills_its_worker_each_time_is_put_aside_and_the_others_go_on(
    node: Node, seed: random.Random
) -> None:
    with closing(Receiver()) as receiver:
        node.routes("reports", post_routes(receiver)[:2])
        node.run("decide_cases", number=10)
        node.run("enqueue", kind="poison", number=1, max_attempts=3)
        workers = [node.start("work", lease=0.6) for _ in range(2)]
        end = time.monotonic() + 60
        while (jobs := node.run("jobs"))["poison-0"][0] != "dead" or len(receiver.effects) < 20:
            assert time.monotonic() < end, jobs
            for number, process in enumerate(workers):
                if process.exitcode is not None:
                    workers[number] = node.start("work", lease=0.6)
            time.sleep(0.1)
        settle(node)
    jobs = node.run("jobs")
    assert jobs.pop("poison-0") == ["dead", 4, "3 attempts ended without an answer"]
    assert len(jobs) == 30
    assert {state for state, _, _ in jobs.values()} == {"done"}


def test_a_job_of_a_transaction_that_was_rolled_back_never_runs(node: Node) -> None:
    node.run("enqueue_and_roll_back")
    worker = node.start("work")
    time.sleep(0.5)
    assert worker.is_alive(), "the job that must not be there would have killed it"
    assert node.run("jobs") == {}


def test_a_worker_that_is_killed_in_the_middle_is_replaced_within_its_lease(node: Node) -> None:
    """The patience of the outbox: what a dead worker held is taken up when its lease is over, not later."""
    with closing(Receiver()) as receiver:
        node.routes("reports", post_routes(receiver)[:1])
        node.routes("notices", [])  # so that it is the report's attempt that is cut off
        node.run("decide_cases", number=1)
        held = node.start("work", fault="outbox.after_act:kill", lease=1.0)
        held.join(30)
        died = time.monotonic()
        assert held.exitcode == -9
        node.start("work", lease=1.0)
        while {state for state, _, _ in node.run("jobs").values()} != {"done"}:
            assert time.monotonic() < died + 1.0 + 4.0, "the lease is one second"
        settle(node)
        assert receiver.posts.total() == 2
        assert receiver.effects.total() == 1


def test_a_rule_that_is_followed_again_by_workers_that_are_killed_does_its_work_once(
    node: Node, tmp_path: Path
) -> None:
    node.routes("reports", [file_route(tmp_path / "reports")])
    node.routes("notices", [])
    node.run("decide_cases", number=1)
    node.run("follow_badly")
    (key,) = node.run("jobs")
    for attempts, point in enumerate(("outbox.after_act", "outbox.before_commit"), start=1):
        killed = node.start("work", fault=f"{point}:kill")
        killed.join(30)
        assert killed.exitcode == -9
        assert node.run("jobs") == {key: ["running", attempts, ""]}, "what was cut off has not happened"
    settle(node)
    jobs = node.run("jobs")
    assert jobs.pop(key) == ["done", 3, ""]
    assert [state for state, _, _ in jobs.values()] == ["done"]
    assert len(list((tmp_path / "reports").glob("*.json"))) == 1
