"""The outbox: jobs with leases, on SQLite and PostgreSQL alike.

A job is written in the transaction of the act that calls for it. A worker claims it with one statement, which counts
the attempt; every later statement of that attempt names its number, so that a worker that was thought dead changes
nothing when it wakes up. The database's clock decides, and at most one job runs in a lane: a unique index says so.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.db.models import F, FloatField, Func, Q

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, either, printable
from himaya.ledger import services
from himaya.ledger.models import Job, Lane

if TYPE_CHECKING:
    from collections.abc import Collection

LEASE = 30.0
"""Seconds for which a claimed job belongs to its worker; a heartbeat every third of it renews them."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 3600.0
"""Seconds before the second attempt, and the most between two."""
SETTLED = (Job.DONE, Job.CANCELLED)
"""States that nothing leads out of."""
BREAKER = 5
"""So many failures in a row, and the whole lane rests."""


WORDS = (N_("ready"), N_("running"), N_("done"), N_("dead"), N_("unknown"), N_("cancelled"))
"""States of a job as an error says them, for the catalogue."""


class LeaseLost(HimayaError):
    """Job {job} is no longer ours: attempt {attempt} took too long and another worker has it."""

    status = 409


class WrongState(HimayaError):
    """Job {job} is {state}; only a job that is {allowed} can be {act}."""

    status = 409


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job in the hands of a worker. ``attempt`` fences every statement about it."""

    id: int
    kind: str
    lane: str
    key: str
    about: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    intent: int
    revoked: bool


class Now(Func):
    """Seconds since 1970 by the database's clock."""

    output_field = FloatField()

    def as_sqlite(self, *_: Any, **__: Any) -> tuple[str, tuple[str | int, ...]]:
        """SQL of SQLite and its parameters."""
        return "((julianday('now') - 2440587.5) * 86400.0)", ()

    def as_postgresql(self, *_: Any, **__: Any) -> tuple[str, tuple[str | int, ...]]:
        """SQL of PostgreSQL and its parameters."""
        return "extract(epoch FROM clock_timestamp())::double precision", ()


def _now_sql() -> str:
    now = Now()
    return (now.as_sqlite() if connection.vendor == "sqlite" else now.as_postgresql())[0]


def enqueue(kind: str, *, lane: str, key: str, about: str, payload: dict[str, Any], max_attempts: int = 8) -> Job:
    """Queue a job in the caller's transaction. The same key twice is one job: the first one is returned.

    Args:
        kind: the name of its handler.
        lane: the destination; jobs of a lane run one after the other.
        key: identifies the job for ever.
        about: the object it belongs to, as in the ledger.
        payload: JSON arguments.
        max_attempts: after so many failures a person must look at it.
    """
    Job.objects.bulk_create(
        [
            Job(
                kind=kind,
                lane=lane,
                key=key,
                about=about,
                content=_stored(payload),
                due=Now(),
                max_attempts=max_attempts,
                created_at=clock.now(),
            )
        ],
        ignore_conflicts=True,
    )
    return Job.objects.get(key=key)


def claim(worker: str, *, lease: float = LEASE) -> Claimed | None:
    """Take the job that has been due longest and whose lane is free; None where there is nothing to do."""
    now = _now_sql()
    locked = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    statement = f"""
        UPDATE ledger_job SET state = 'running', attempts = attempts + 1, worker = %s, due = {now} + %s
        WHERE id = (
            SELECT j.id FROM ledger_job j
            WHERE j.state IN ('ready', 'running') AND j.due <= {now}
              AND NOT EXISTS (SELECT 1 FROM ledger_job r WHERE r.lane = j.lane AND r.state = 'running' AND r.id <> j.id)
              AND NOT EXISTS (SELECT 1 FROM ledger_lane l WHERE l.name = j.lane AND l.rests_until > {now})
            ORDER BY j.due, j.id LIMIT 1{locked}
        )
        RETURNING id, kind, lane, key, about, content, attempts, max_attempts, intent, revoked"""  # noqa: S608
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [worker, lease])
            row = cursor.fetchone()
    except IntegrityError:  # another worker took a job of the same lane in the same moment
        return None
    if row is None:
        return None
    job_id, kind, lane, key, about, content, attempts, max_attempts, intent, revoked = row
    payload = json.loads(content)
    return Claimed(job_id, kind, lane, key, about, payload, attempts, max_attempts, intent, bool(revoked))


def _fenced(job: Claimed, **values: Any) -> None:
    """Change the job, if this attempt still holds it.

    Raises:
        LeaseLost: another attempt has begun, or a person has settled the job.
    """
    mine = Job.objects.filter(pk=job.id, attempts=job.attempt, state=Job.RUNNING)
    if not mine.update(**values):
        raise LeaseLost(job=job.id, attempt=job.attempt)


def renew(job: Claimed, *, lease: float = LEASE) -> None:
    """Prolong the lease."""
    _fenced(job, due=Now() + lease)


def require_held(job: Claimed) -> None:
    """See that this attempt still holds the job, and let nobody take it until the caller's transaction ends.

    Raises:
        LeaseLost: another attempt has begun, or a person has settled the job.
    """
    _fenced(job, attempts=job.attempt)


def declare_intent(job: Claimed) -> None:
    """Write down that sending begins now. After a crash, this is how the next attempt knows that it may have left."""
    _fenced(job, intent=job.attempt)


def finish(job: Claimed, *, receipt: dict[str, Any]) -> None:
    """Settle the job as done, in the transaction of what follows from it."""
    _fenced(job, state=Job.DONE, receipt=_stored(receipt), error="", settled_at=clock.now())
    Lane.objects.filter(name=job.lane).update(failures=0, rests_until=0)


def drop_if_revoked(job: Claimed) -> bool:
    """Cancel the job, which has just failed without leaving, where its verdict was taken back meanwhile."""
    failed = Job.objects.filter(pk=job.id, attempts=job.attempt, revoked=True, state__in=(Job.READY, Job.DEAD))
    return bool(failed.update(state=Job.CANCELLED, settled_at=clock.now()))


def stop(job: Claimed, *, state: str, error: str) -> None:
    """Settle the job as dead or unknown: a person must look at it."""
    _fenced(job, state=state, error=_told(error), settled_at=clock.now())


def postpone(job: Claimed, *, error: str) -> float:
    """Give the job back, to be tried again after a while that doubles each time; the seconds are returned."""
    wait = _wait(job.attempt)
    _fenced(job, state=Job.READY, intent=0, error=_told(error), due=Now() + wait)
    Lane.objects.get_or_create(name=job.lane)
    Lane.objects.filter(name=job.lane).update(failures=F("failures") + 1)
    failures = Lane.objects.get(name=job.lane).failures
    if failures >= BREAKER:
        Lane.objects.filter(name=job.lane).update(rests_until=Now() + _wait(failures - BREAKER + 1))
    return wait


def _stored(data: dict[str, Any]) -> str:
    """JSON in ASCII: places and answers of strangers hold characters that no database takes."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _told(error: str) -> str:
    """What went wrong, as far as a database takes it: strangers' servers put anything into their answers."""
    return printable(error)[:2000]


def _wait(attempt: int) -> float:
    """Exponential back-off with full jitter in its upper half, so that many jobs do not come back together."""
    longest = min(FIRST_WAIT * 2.0 ** (attempt - 1), LONGEST_WAIT)
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, hides nothing


# --- what a person may do with a job ---------------------------------------------------------------------------------


def _take(pk: int, allowed: tuple[str, ...], act: str) -> Job:
    job = Job.objects.select_for_update(no_key=True).filter(pk=pk).first()
    if job is None or job.state not in allowed:
        state = Said(job.state) if job else N_("unknown to this node")
        raise WrongState(job=pk, state=state, allowed=either(*map(Said, allowed)), act=act)
    return job


@transaction.atomic
def retry(pk: int, *, by: str) -> None:
    """Send a dead or unknown job again, because a person says so.

    Raises:
        WrongState: the job is not dead or unknown, or its verdict was taken back.
    """
    services.lock_head()
    job = _take(pk, (Job.DEAD, Job.UNKNOWN), N_("sent again"))
    if job.revoked:
        allowed = either(Said(Job.DEAD), Said(Job.UNKNOWN))
        raise WrongState(job=pk, state=N_("taken back with its verdict"), allowed=allowed, act=N_("sent again"))
    job.state, job.intent, job.due, job.settled_at = Job.READY, 0, Now(), None
    job.max_attempts = job.attempts + 8
    job.save()
    Lane.objects.filter(name=job.lane).update(failures=0, rests_until=0)
    services.record("delivery.retried", by=by, about=job.about, job=job.pk)


def doubt_all(*, but: Collection[str], why: str) -> int:
    """Make every job that waits, runs or was given up one for a person: it may have been done, unknown to us.

    In the caller's transaction, which records it. ``but``: kinds that stay as they are. How many there were.
    """
    services.lock_head()
    open_ = Job.objects.filter(state__in=(Job.READY, Job.RUNNING, Job.DEAD)).exclude(kind__in=but)
    return open_.update(state=Job.UNKNOWN, error=_told(why), settled_at=clock.now())


@transaction.atomic
def settle(pk: int, *, by: str, reference: str) -> None:
    """Note that an unknown job did arrive, as the recipient told a person.

    Raises:
        WrongState: the job is not unknown.
    """
    services.lock_head()
    job = _take(pk, (Job.UNKNOWN,), N_("settled by hand"))
    job.state, job.settled_at, job.receipt = Job.DONE, clock.now(), _stored({"reference": reference, "by": by})
    job.save()
    services.record("delivery.settled", by=by, about=job.about, job=job.pk)


@transaction.atomic
def cancel(pk: int, *, by: str) -> bool:
    """Take back a job that has not begun, or one without a verdict that did not arrive; False where it is too late."""
    services.lock_head()
    idle = Q(state=Job.READY, intent=0) | Q(state=Job.UNKNOWN, revoked=True)
    changed = Job.objects.filter(idle, pk=pk).update(state=Job.CANCELLED, settled_at=clock.now())
    if changed:
        services.record("delivery.cancelled", by=by, about=Job.objects.get(pk=pk).about, job=pk)
    return bool(changed)


@transaction.atomic
def revoke(pk: int, *, by: str) -> bool:
    """Take back a job because its verdict was: True where it has certainly not left, and never will.

    What is being sent may still arrive; if the attempt fails, it is not repeated. What may have arrived stays for a
    person to find out, and cannot be sent again.
    """
    services.lock_head()
    job = Job.objects.select_for_update(no_key=True).get(pk=pk)
    if job.state in (Job.READY, Job.DEAD):
        job.state, job.settled_at = Job.CANCELLED, clock.now()
        services.record("delivery.cancelled", by=by, about=job.about, job=pk)
    job.revoked = job.state in (Job.RUNNING, Job.UNKNOWN)
    job.save(update_fields=["state", "settled_at", "revoked"])
    return job.state == Job.CANCELLED
