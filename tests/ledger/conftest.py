"""A handler that does what a test says, and jobs for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction

from himaya.ledger import outbox, worker
from himaya.ledger.models import Job


class Scripted(worker.Handler):
    """Does what ``does`` says and remembers the jobs it met."""

    kind = "scripted"

    def __init__(self) -> None:
        self.met: list[outbox.Claimed] = []
        self.intends = False
        self.does: Callable[[outbox.Claimed], Any] = lambda job: None

    def needs_intent(self, job: outbox.Claimed) -> bool:
        return self.intends

    def may_have_happened(self, job: outbox.Claimed) -> bool:
        return True

    def act(self, job: outbox.Claimed) -> dict[str, Any]:
        self.met.append(job)
        self.does(job)
        return {"reference": job.key}


@pytest.fixture
def handler() -> Iterator[Scripted]:
    """The handler of ``scripted`` jobs."""
    scripted = Scripted()
    worker.register(scripted)
    yield scripted
    worker._handlers.pop("scripted")


@pytest.fixture
def enqueue(handler: Scripted) -> Callable[..., Job]:
    """Queue a job for it, in a transaction of its own."""

    def one(key: str = "k", lane: str = "lane", **more: Any) -> Job:
        with transaction.atomic():
            return outbox.enqueue("scripted", lane=lane, key=key, about="case:1", payload={"n": key}, **more)

    return one


@pytest.fixture
def hasten() -> Callable[[], None]:
    """Let the time pass that jobs and lanes wait for: leases end, back-offs are over."""

    def now() -> None:
        from himaya.ledger.models import Lane

        Job.objects.filter(state__in=("ready", "running")).update(due=0)
        Lane.objects.update(rests_until=0)

    return now
