"""The outbox: what is queued is claimed once, fenced, given back, and never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from himaya.ledger import outbox
from himaya.ledger.models import Entry, Job, Lane

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., Job]


def claimed(worker: str = "w", **more: Any) -> outbox.Claimed:
    """The next job, which there has to be."""
    job = outbox.claim(worker, **more)
    assert job is not None
    return job


def state(job: Any) -> str:
    return Job.objects.get(pk=getattr(job, "pk", None) or job.id).state


# --- queueing --------------------------------------------------------------------------------------------------------


def test_the_same_key_twice_is_one_job_and_the_first_one_stays(enqueue: Enqueue) -> None:
    first, again = enqueue("same", lane="a"), enqueue("same", lane="b")
    assert first.pk == again.pk
    assert again.lane == "a"
    assert Job.objects.count() == 1


def test_a_transaction_that_is_rolled_back_leaves_no_job(enqueue: Enqueue) -> None:
    with transaction.atomic():
        enqueue("gone")
        transaction.set_rollback(True)
    assert outbox.claim("w") is None
    assert not Job.objects.exists()


def test_a_payload_that_is_not_json_is_refused(handler: object) -> None:
    with pytest.raises(TypeError):
        outbox.enqueue("scripted", lane="a", key="k", about="case:1", payload={"picture": b"bytes"})
    assert not Job.objects.exists()


def test_the_database_knows_the_states_and_lets_one_job_run_in_a_lane(enqueue: Enqueue) -> None:
    enqueue("a"), enqueue("b")
    for change in ({"state": "lost"}, {"state": "running"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Job.objects.update(**change)


# --- claiming --------------------------------------------------------------------------------------------------------


def test_a_claim_counts_the_attempt_and_hands_the_job_out_once(enqueue: Enqueue) -> None:
    enqueue("k", lane="a")
    job = claimed()
    assert (job.key, job.lane, job.payload, job.attempt, job.intent) == ("k", "a", {"n": "k"}, 1, 0)
    assert outbox.claim("other") is None


def test_jobs_come_in_the_order_in_which_they_are_due(enqueue: Enqueue) -> None:
    jobs = [enqueue(key, lane=key) for key in "abc"]
    Job.objects.filter(pk=jobs[2].pk).update(due=1)
    assert [claimed().key for _ in jobs] == ["c", "a", "b"]


def test_one_job_of_a_lane_runs_at_a_time_and_other_lanes_do_not_wait(enqueue: Enqueue) -> None:
    enqueue("a1", lane="a"), enqueue("a2", lane="a"), enqueue("b1", lane="b")
    first, second = claimed(), claimed()
    assert (first.key, second.key) == ("a1", "b1")
    assert outbox.claim("w") is None
    outbox.finish(first, receipt={})
    assert claimed().key == "a2"


def test_a_job_that_is_not_due_waits(enqueue: Enqueue) -> None:
    enqueue()
    Job.objects.update(due=2e9)
    assert outbox.claim("w") is None


def test_a_job_whose_lease_is_over_is_claimed_again_and_the_first_holder_changes_nothing(enqueue: Enqueue) -> None:
    enqueue()
    zombie = claimed("first", lease=-1)
    heir = claimed("second")
    assert (zombie.attempt, heir.attempt) == (1, 2)
    for act in (
        lambda: outbox.renew(zombie),
        lambda: outbox.declare_intent(zombie),
        lambda: outbox.finish(zombie, receipt={}),
        lambda: outbox.stop(zombie, state=Job.DEAD, error=""),
        lambda: outbox.postpone(zombie, error=""),
    ):
        with pytest.raises(outbox.LeaseLost, match="attempt 1"):
            act()
    row = Job.objects.get()
    assert (row.state, row.worker, row.attempts, row.intent) == ("running", "second", 2, 0)


def test_a_renewed_lease_holds(enqueue: Enqueue) -> None:
    enqueue()
    job = claimed(lease=-1)
    outbox.renew(job, lease=60)
    assert outbox.claim("other") is None


def test_the_lease_is_measured_by_the_clock_of_the_database(enqueue: Enqueue, clock: Any) -> None:
    job = enqueue()
    before = job.due_at
    claimed(lease=30)
    assert 29 < (Job.objects.get().due_at - before).total_seconds() < 35
    assert before.year > clock.now().year - 1, "our own clock stands in January 2026 and decides nothing"


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_claim_every_job_once_and_one_in_a_lane(enqueue: Enqueue) -> None:
    for lane in "abc":
        for number in range(4):
            enqueue(f"{lane}{number}", lane=lane)
    got: list[str] = []
    running: dict[str, int] = dict.fromkeys("abc", 0)
    beside: list[str] = []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        idle = 0
        while idle < 20:
            job = outbox.claim(threading.current_thread().name)
            if job is None:
                idle += 1
                continue
            running[job.lane] += 1
            if running[job.lane] > 1:
                beside.append(job.lane)
            got.append(job.key)
            running[job.lane] -= 1
            with transaction.atomic():
                outbox.finish(job, receipt={})
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(got) == [f"{lane}{number}" for lane in "abc" for number in range(4)]
    assert beside == []


@pytest.mark.django_db(transaction=True)
def test_two_transactions_that_queue_the_same_key_at_once_make_one_job(enqueue: Enqueue) -> None:
    made: list[int] = []
    start = threading.Barrier(4)

    def queue() -> None:
        start.wait()
        with transaction.atomic():
            made.append(enqueue("same").pk)
        connection.close()

    threads = [threading.Thread(target=queue) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 4
    assert len(set(made)) == Job.objects.count() == 1


# --- settling --------------------------------------------------------------------------------------------------------


def test_a_finished_job_keeps_its_receipt_and_never_comes_again(enqueue: Enqueue, hasten: Callable[[], None]) -> None:
    enqueue()
    outbox.finish(claimed(), receipt={"reference": "4711"})
    hasten()
    row = Job.objects.get()
    assert (row.state, row.receipt, row.error) == ("done", '{"reference":"4711"}', "")
    assert row.settled_at is not None
    assert outbox.claim("w") is None


def test_the_wait_doubles_from_one_attempt_to_the_next_up_to_an_hour(enqueue: Enqueue) -> None:
    enqueue(max_attempts=99)
    for attempt in range(1, 14):
        Job.objects.update(due=0)
        Lane.objects.update(rests_until=0)
        wait = outbox.postpone(claimed(), error="no answer")
        longest = min(5 * 2 ** (attempt - 1), 3600)
        assert longest / 2 <= wait <= longest
        row = Job.objects.get()
        assert (row.state, row.error, row.intent) == ("ready", "no answer", 0)
        assert outbox.claim("w") is None


def test_many_that_failed_together_do_not_come_back_together(enqueue: Enqueue) -> None:
    waits = set()
    for number in range(8):
        enqueue(f"k{number}", lane=f"l{number}")
        waits.add(outbox.postpone(claimed(), error=""))
    assert len(waits) == 8


def test_after_five_failures_in_a_row_the_whole_lane_rests_and_no_other(
    enqueue: Enqueue, hasten: Callable[[], None]
) -> None:
    for number in range(6):
        enqueue(f"bad{number}", lane="bad")
    for _ in range(outbox.BREAKER):
        outbox.postpone(claimed(), error="down")
    enqueue("good", lane="good")
    assert claimed().key == "good"
    assert outbox.claim("w") is None, "one of the lane is due, but the lane rests"
    hasten()
    outbox.finish(claimed(), receipt={})
    assert Lane.objects.get(name="bad").failures == 0, "one success, and the count begins anew"


def test_what_a_server_of_strangers_answered_can_always_be_stored(enqueue: Enqueue) -> None:
    enqueue()
    outbox.postpone(claimed(), error="451 \0 \udcff\x1b[2J " + "x" * 9000)
    error = Job.objects.get().error
    assert len(error) == 2000
    assert error.isprintable()


# --- what a person may do --------------------------------------------------------------------------------------------

ALLOWED = {
    "sent again": (lambda pk: outbox.retry(pk, by="person:1"), {"dead", "unknown"}),
    "settled by hand": (lambda pk: outbox.settle(pk, by="person:1", reference="call of 3 May"), {"unknown"}),
}


@pytest.mark.parametrize("act", ALLOWED)
@pytest.mark.parametrize("now", Job.STATES)
def test_a_person_acts_on_a_job_only_in_the_states_that_allow_it(enqueue: Enqueue, act: str, now: str) -> None:
    job = enqueue()
    Job.objects.update(state=now)
    do, allowed = ALLOWED[act]
    if now in allowed:
        do(job.pk)
        assert state(job) == ("ready" if act == "sent again" else "done")
        assert Entry.objects.get(about="case:1").actor == "person:1"
    else:
        with pytest.raises(outbox.WrongState, match=f"is {now}.*{act}"):
            do(job.pk)
        assert state(job) == now
        assert not Entry.objects.exists()


@pytest.mark.parametrize("act", ALLOWED)
def test_a_job_that_does_not_exist_is_said_to_be_unknown_here(act: str) -> None:
    with pytest.raises(outbox.WrongState, match="unknown to this node"):
        ALLOWED[act][0](4711)


def test_a_job_that_is_sent_again_has_new_attempts_and_a_lane_that_does_not_rest(enqueue: Enqueue) -> None:
    job = enqueue(max_attempts=1)
    outbox.stop(claimed(), state=Job.UNKNOWN, error="who knows")
    Job.objects.update(intent=1)
    Lane.objects.create(name="lane", failures=9, rests_until=2e9)
    outbox.retry(job.pk, by="person:1")
    again = claimed()
    assert (again.attempt, again.max_attempts, again.intent) == (2, 9, 0)


def test_a_job_is_taken_back_only_before_it_has_begun(enqueue: Enqueue) -> None:
    waits, runs = enqueue("waits", lane="a"), enqueue("runs", lane="b")
    Job.objects.filter(pk=waits.pk).update(due=2e9)
    claimed()
    assert outbox.cancel(waits.pk, by="system") is True
    assert outbox.cancel(waits.pk, by="system") is False
    assert outbox.cancel(runs.pk, by="system") is False
    assert (state(waits), state(runs)) == ("cancelled", "running")
    assert [entry.act for entry in Entry.objects.all()] == ["delivery.cancelled"]
