"""A verdict that is taken back takes its documents back: also those under way, failed, or in doubt."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.ledger.conftest import Scripted

from himaya.ledger import outbox, worker
from himaya.ledger.models import Entry, Job

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., Job]


def state(job: Job) -> str:
    return Job.objects.get(pk=job.pk).state


def acts() -> list[str]:
    return list(Entry.objects.order_by("seq").values_list("act", flat=True))


def taken_back_while(job: Job, then: Exception | None) -> Callable[[outbox.Claimed], None]:
    """While it is being sent, the case is opened again; then sending ends so."""

    def act(_: outbox.Claimed) -> None:
        assert outbox.revoke(job.pk, by="system") is False
        if then is not None:
            raise then

    return act


@pytest.mark.parametrize("before", ["ready", "dead"])
def test_what_has_certainly_not_left_never_leaves(enqueue: Enqueue, before: str) -> None:
    job = enqueue()
    Job.objects.update(state=before)
    assert outbox.revoke(job.pk, by="system") is True
    assert (state(job), acts()) == ("cancelled", ["delivery.cancelled"])
    with pytest.raises(outbox.WrongState):
        outbox.retry(job.pk, by="person:1")


@pytest.mark.parametrize("failure", [worker.TryAgain("busy"), worker.GiveUp("refused")])
def test_an_attempt_that_fails_meanwhile_is_not_repeated(
    enqueue: Enqueue, handler: Scripted, failure: Exception, hasten: Callable[[], None]
) -> None:
    job = enqueue()
    handler.does = taken_back_while(job, failure)
    assert worker.run_until_idle() == 1
    assert (state(job), acts()) == ("cancelled", ["delivery.cancelled"])
    hasten()
    assert worker.run_until_idle() == 0
    assert len(handler.met) == 1


def test_an_attempt_that_succeeds_meanwhile_has_arrived_and_says_so(enqueue: Enqueue, handler: Scripted) -> None:
    job = enqueue()
    handler.does = taken_back_while(job, None)
    worker.run_until_idle()
    assert (state(job), acts()) == ("done", ["delivery.sent"])


def test_an_attempt_that_was_cut_off_is_a_person_s_to_judge_and_is_not_repeated(
    enqueue: Enqueue, handler: Scripted, hasten: Callable[[], None]
) -> None:
    job = enqueue()
    assert outbox.claim("a worker that dies") is not None
    outbox.revoke(job.pk, by="system")
    hasten()
    worker.run_until_idle()
    assert (state(job), handler.met) == ("unknown", [])


@pytest.mark.parametrize(("act", "end"), [("settle", "done"), ("cancel", "cancelled")])
def test_what_is_in_doubt_cannot_be_sent_again_but_settled_either_way(enqueue: Enqueue, act: str, end: str) -> None:
    job = enqueue()
    Job.objects.update(state="unknown")
    assert outbox.revoke(job.pk, by="system") is False
    with pytest.raises(outbox.WrongState, match="taken back with its verdict"):
        outbox.retry(job.pk, by="person:1")
    more: dict[str, Any] = {"reference": "by telephone"} if act == "settle" else {}
    getattr(outbox, act)(job.pk, by="person:1", **more)
    assert state(job) == end


def test_what_is_settled_stays_so(enqueue: Enqueue) -> None:
    job = enqueue()
    Job.objects.update(state="done")
    assert outbox.revoke(job.pk, by="system") is False
    assert (state(job), acts()) == ("done", [])


@pytest.mark.parametrize("act", ["retry", "settle", "cancel", "revoke", "a worker"])
def test_whoever_changes_a_job_and_the_ledger_takes_the_ledger_first(
    enqueue: Enqueue, handler: Scripted, act: str, hasten: Callable[[], None]
) -> None:
    """In two orders, two of them could wait for one another, and PostgreSQL would end one: after it had sent."""
    job = enqueue()
    if act in ("retry", "settle"):
        Job.objects.update(state="unknown")
    more: dict[str, Any] = {"reference": "by telephone"} if act == "settle" else {}
    claimed = outbox.claim("w") if act == "a worker" else None
    with CaptureQueriesContext(connection) as told:
        if claimed is not None:
            handler.does = lambda _: (_ for _ in ()).throw(worker.GiveUp("refused"))
            worker.run_job(claimed)
        else:
            getattr(outbox, act)(job.pk, by="person:1", **more)
    tables = [re.search(r"ledger_(head|job|lane)", query["sql"]) for query in told.captured_queries]
    order = [found[1] for found in tables if found]
    assert order[0] == "head"
    assert "job" in order
