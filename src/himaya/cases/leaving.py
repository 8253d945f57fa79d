"""What leaves this node about a case, as the jobs of the outbox tell: documents, and reports in forms of others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from himaya.ledger.delivery import DeliveryHandler
from himaya.ledger.queries import entries, jobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from himaya.cases.models import Case
    from himaya.ledger.models import Job

FILING = "file-report"
"""The kind of jobs that file a report in a form of another body; the room of reports queues them, above this one."""
LEFT = ("running", "done", "unknown")
"""States of what cannot be taken back."""
STANDS = {"report.filed": "done", "report.settled": "done", "report.unknown": "unknown", "report.refused": "dead"}
"""What was put on record of a report last → its state, where its job has ended without an answer."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A report or a notice: the number of its job, its kind (``report``, ``notice``), its route and its state."""

    number: int
    kind: str
    route: str
    state: str
    settled_at: datetime | None
    about: str
    """Of which verdict it tells, as ``H-2026-000042-7``: the case and the verdict's number."""


def leaving(case: Case) -> Iterator[Leaving]:
    """What is on its way about a case, or has left, the newest first. What was taken back at the other side is
    ``cancelled``.
    """
    for job in jobs(about=case.about).filter(kind__in=(DeliveryHandler.kind, FILING)).iterator():
        payload = job.payload
        if job.kind == FILING:
            about = "-".join(job.key.removeprefix("file:filing-").split("-")[:4])
            yield Leaving(job.pk, "report", payload.get("route", ""), _state(job), job.settled_at, about)
            continue
        document = payload.get("document", {})
        kind, key = str(document.get("kind", "")), str(document.get("key", ""))
        about = key.removeprefix(f"{kind}-")
        yield Leaving(job.pk, kind, payload.get("route", ""), job.state, job.settled_at, about)


def _state(job: Job) -> str:
    if job.state == job.DONE and json.loads(job.receipt or "{}").get("retracted"):
        return job.CANCELLED
    if job.state != job.DEAD:
        return job.state
    told = entries(about=job.about, act="report.").filter(act__in=STANDS)[:200]
    return next((STANDS[one.act] for one in told if one.data.get("filing") == job.payload["filing"]), job.state)
