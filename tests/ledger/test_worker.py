"""The worker: one attempt ends in a state that says what happened, and nothing ends the worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection
from tests.ledger.conftest import Scripted

from himaya.core import faults
from himaya.ledger import outbox, worker
from himaya.ledger.models import Entry, Job
from himaya.ledger.worker import AskAPerson, GiveUp, TryAgain, run_until_idle

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., Job]
threaded = pytest.mark.django_db(transaction=True)


def raising(error: Exception) -> Callable[[outbox.Claimed], None]:
    def act(_: outbox.Claimed) -> None:
        raise error

    return act


def told() -> tuple[str, str, list[str]]:
    """State and error of the one job, and what the ledger says."""
    row = Job.objects.get()
    return row.state, row.error, [entry.act for entry in Entry.objects.order_by("seq")]


def test_a_job_that_is_done_has_its_receipt_and_an_entry(handler: Scripted, enqueue: Enqueue) -> None:
    enqueue()
    assert run_until_idle() == 1
    assert told() == ("done", "", ["delivery.sent"])
    assert Job.objects.get().receipt == '{"reference":"k"}'
    assert Entry.objects.get().data == {"job": handler.met[0].id, "attempt": 1}


@pytest.mark.parametrize(
    ("error", "intends", "expected"),
    [
        (TryAgain("busy"), False, ("ready", "busy", [])),
        (TryAgain("busy"), True, ("ready", "busy", [])),
        (GiveUp("refused"), True, ("dead", "refused", ["delivery.failed"])),
        (AskAPerson("no answer"), True, ("unknown", "no answer", ["delivery.unknown"])),
        (RuntimeError("a defect"), False, ("ready", "RuntimeError: a defect", [])),
        (RuntimeError("a defect"), True, ("unknown", "RuntimeError: a defect", ["delivery.unknown"])),
    ],
)
def test_each_way_to_fail_ends_in_the_state_that_says_so(
    handler: Scripted, enqueue: Enqueue, error: Exception, intends: bool, expected: tuple[str, str, list[str]]
) -> None:
    handler.does, handler.intends = raising(error), intends
    enqueue()
    run_until_idle()
    assert told() == expected


def test_a_job_that_fails_too_often_is_dead(handler: Scripted, enqueue: Enqueue, hasten: Callable[[], None]) -> None:
    handler.does = raising(TryAgain("busy"))
    enqueue(max_attempts=3)
    for _ in range(5):
        run_until_idle()
        hasten()
    assert len(handler.met) == 3
    assert told() == ("dead", "busy (attempt 3 of 3)", ["delivery.failed"])


def test_a_job_that_nobody_handles_is_dead_and_says_why(enqueue: Enqueue) -> None:
    enqueue()
    Job.objects.update(kind="of-a-later-version")
    run_until_idle()
    state, error, _ = told()
    assert state == "dead"
    assert "no handler for jobs of the kind 'of-a-later-version'" in error


# --- after a crash ---------------------------------------------------------------------------------------------------


def cut_off(intent: bool) -> None:
    """A worker claimed the job, and was never heard of again."""
    job = outbox.claim("dead worker", lease=-1)
    assert job is not None
    if intent:
        outbox.declare_intent(job)


def test_an_attempt_that_was_cut_off_is_repeated_where_repeating_is_harmless(
    handler: Scripted, enqueue: Enqueue
) -> None:
    enqueue()
    cut_off(intent=False)
    run_until_idle()
    assert [job.attempt for job in handler.met] == [2]
    assert told()[0] == "done"


def test_an_attempt_that_was_cut_off_while_sending_is_a_persons_to_judge(handler: Scripted, enqueue: Enqueue) -> None:
    enqueue()
    cut_off(intent=True)
    Job.objects.update(due=0)
    run_until_idle()
    assert handler.met == []
    assert told() == ("unknown", "attempt 1 was cut off while sending", ["delivery.unknown"])


def test_a_job_that_kills_its_worker_each_time_is_dead_after_its_attempts(handler: Scripted, enqueue: Enqueue) -> None:
    enqueue(max_attempts=2)
    cut_off(intent=False)
    cut_off(intent=False)
    run_until_idle()
    assert handler.met == []
    assert told() == ("dead", "2 attempts ended without an answer", ["delivery.failed"])


def test_the_intent_is_written_down_before_the_act(handler: Scripted, enqueue: Enqueue) -> None:
    handler.intends = True
    seen: list[int] = []
    handler.does = lambda job: seen.append(Job.objects.get(pk=job.id).intent)
    enqueue()
    run_until_idle()
    assert seen == [1]


def steal(job: outbox.Claimed) -> None:
    """Meanwhile, another worker has taken the job over."""
    Job.objects.filter(pk=job.id).update(attempts=job.attempt + 1, worker="heir")


@pytest.mark.parametrize(
    "then", [None, TryAgain("busy"), GiveUp("refused"), AskAPerson("no answer"), OSError("defect")]
)
def test_a_worker_that_lost_its_job_changes_nothing_and_goes_on(
    handler: Scripted, enqueue: Enqueue, then: Exception | None
) -> None:
    def act(job: outbox.Claimed) -> None:
        steal(job)
        if then is not None:
            raise then

    handler.does = act
    enqueue()
    run_until_idle()
    assert told() == ("running", "", [])
    assert Job.objects.get().worker == "heir"


def test_what_is_done_and_that_it_is_done_commit_together(handler: Scripted, enqueue: Enqueue) -> None:
    enqueue()
    faults.arm("outbox.before_commit:raise")
    with pytest.raises(faults.InjectedFault):
        run_until_idle()
    assert told() == ("running", "", [])


# --- the lease -------------------------------------------------------------------------------------------------------


@contextmanager
def working(*, threads: int = 2, lease: float = 30.0, **more: Any) -> Iterator[worker.Worker]:
    one = worker.Worker(threads=threads, pause=0.05, lease=lease, **more)
    one.start()
    try:
        yield one
    finally:
        one.stop()


def wait_for(done: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, list(Job.objects.values("key", "state", "attempts", "error"))
        time.sleep(0.02)


def all_done() -> bool:
    return not Job.objects.exclude(state="done").exists()


@threaded
def test_a_job_that_takes_longer_than_its_lease_is_kept_by_its_heartbeat(handler: Scripted, enqueue: Enqueue) -> None:
    handler.does = lambda _: time.sleep(1.6)
    enqueue()
    with working(threads=3, lease=0.9):
        wait_for(all_done)
    assert [job.attempt for job in handler.met] == [1]


@threaded
def test_the_heartbeat_outlives_a_database_that_was_away_for_a_moment(
    handler: Scripted, enqueue: Enqueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[float] = []
    renew = outbox.renew

    def stumble(job: outbox.Claimed, *, lease: float) -> None:
        beats.append(time.monotonic())
        if len(beats) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        renew(job, lease=lease)

    monkeypatch.setattr(outbox, "renew", stumble)
    handler.does = lambda _: time.sleep(1.6)
    enqueue()
    with working(threads=3, lease=0.9):
        wait_for(all_done)
    assert len(beats) > 1
    assert [job.attempt for job in handler.met] == [1]


# --- the threads -----------------------------------------------------------------------------------------------------


@threaded
def test_lanes_run_side_by_side_and_a_lane_one_after_the_other(handler: Scripted, enqueue: Enqueue) -> None:
    spans: dict[str, tuple[float, float]] = {}

    def act(job: outbox.Claimed) -> None:
        begun = time.monotonic()
        time.sleep(0.4)
        spans[job.key] = (begun, time.monotonic())

    handler.does = act
    for key, lane in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        enqueue(key, lane=lane)
    with working(threads=3):
        wait_for(all_done)
    assert spans["b1"][0] < spans["a1"][1], "another destination does not wait"
    assert spans["a2"][0] >= spans["a1"][1], "the same destination does"


@threaded
@pytest.mark.parametrize("error", [OperationalError("the server is starting up"), ZeroDivisionError("a defect")])
def test_neither_a_database_that_is_away_nor_a_defect_ends_a_worker(
    handler: Scripted, enqueue: Enqueue, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    claim, tick, failures = outbox.claim, worker.tick, []

    def fail_first(name: str, go_on: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            if failures.count(name) < 2:
                failures.append(name)
                raise error
            return go_on(*args, **more)

        return call

    monkeypatch.setattr(outbox, "claim", fail_first("claim", claim))
    monkeypatch.setattr(worker, "tick", fail_first("tick", tick))
    enqueue()
    with working(threads=1):
        wait_for(all_done)
        wait_for(lambda: failures.count("tick") == 2)


@threaded
def test_a_worker_that_is_stopped_finishes_what_it_has_in_hand(handler: Scripted, enqueue: Enqueue) -> None:
    begun = threading.Event()

    def act(_: outbox.Claimed) -> None:
        begun.set()
        time.sleep(0.5)

    handler.does = act
    enqueue("first"), enqueue("second")
    with working(threads=1):
        assert begun.wait(20)
    assert sorted(Job.objects.values_list("key", "state")) == [("first", "done"), ("second", "ready")]


@threaded
def test_the_threads_close_their_connections(handler: Scripted, enqueue: Enqueue) -> None:
    enqueue()
    with working(threads=2) as running:
        wait_for(all_done)
    assert not any(thread.is_alive() for thread in running._threads)
    connection.close()


# --- the round -------------------------------------------------------------------------------------------------------


def test_every_reader_of_the_ledger_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(worker, "_ticks", [])
    for name, answer in (("first", True), ("second", False)):
        worker.on_tick(lambda name=name, answer=answer: bool(asked.append(name)) or answer)
    assert worker.tick() is True
    assert asked == ["first", "second"]


def test_a_reader_that_asks_twice_is_heard_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_ticks", [])
    asked: list[int] = []

    def react() -> bool:
        asked.append(1)
        return False

    worker.on_tick(react)
    worker.on_tick(react)
    assert worker.tick() is False
    assert asked == [1]


def test_running_until_idle_stops_at_its_limit(handler: Scripted, enqueue: Enqueue) -> None:
    for number in range(4):
        enqueue(f"k{number}")
    assert run_until_idle(limit=3) == 3
    assert run_until_idle() == 1


def test_a_reader_that_fails_holds_no_other_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fail() -> bool:
        asked.append("first")
        raise RuntimeError("away")

    monkeypatch.setattr(worker, "_ticks", [fail, lambda: bool(asked.append("second"))])
    with pytest.raises(RuntimeError, match="away"):
        worker.tick()
    assert asked == ["first", "second"]
