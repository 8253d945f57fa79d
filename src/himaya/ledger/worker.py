"""The worker: claims jobs, runs their handlers, and lets readers of the ledger react."""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import DatabaseError, close_old_connections, connection, transaction

from himaya.core import faults
from himaya.ledger import outbox, services, turns
from himaya.ledger.models import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger("himaya.worker")


class TryAgain(Exception):
    """Nothing was done; the same job may be tried later."""


class GiveUp(Exception):
    """Nothing was done, and trying again cannot help."""


class AskAPerson(Exception):
    """It cannot be known whether it was done."""


class Handler(ABC):
    """What to do with a kind of job."""

    kind: ClassVar[str]
    within: ClassVar[bool] = False
    """True where ``act`` changes nothing but the database, and that in less than a lease: act and settlement are one
    transaction then, so that what is killed in between has not happened. No heartbeat renews the lease meanwhile: if it
    is lost all the same, the settlement is refused and takes the act with it."""
    done: ClassVar[str] = "delivery.sent"
    """What the ledger says once it is done."""

    repeats: ClassVar[bool] = False
    """True where doing it once more, whatever became of it before, changes nothing for anybody outside. Of other kinds,
    what is queued in a backup is not done when that is put back: it may have been done since."""

    def may_have_happened(self, job: outbox.Claimed) -> bool:
        """Whether an earlier attempt, of which nothing is known, forbids another one."""
        return False

    def needs_intent(self, job: outbox.Claimed) -> bool:
        """Whether the attempt must be written down before ``act``, because it must not be repeated."""
        return False

    def follow_done(self, job: outbox.Claimed, receipt: dict[str, Any]) -> None:  # noqa: B027 - few have any
        """What becomes of what the job is about, once it is done: in the transaction that settles the job, first."""

    def follow_stopped(self, job: outbox.Claimed, state: str, why: str) -> None:  # noqa: B027
        """The same where a person must look: ``state`` is ``dead`` or ``unknown``."""

    @abstractmethod
    def act(self, job: outbox.Claimed) -> dict[str, Any]:
        """Do it, outside any transaction unless ``within``; the receipt is stored.

        Raises:
            TryAgain, GiveUp, AskAPerson: as their names say. Anything else counts as TryAgain, or as AskAPerson
                where an intent was declared.
        """


_handlers: dict[str, Handler] = {}
_ticks: list[Callable[[], bool]] = []
_beside: list[Callable[[], bool]] = []
_here = threading.local()


def register(handler: Handler) -> None:
    """Let ``handler`` take the jobs of its kind."""
    _handlers[handler.kind] = handler


def repeated() -> list[str]:
    """Kinds of jobs that may be done again whatever became of them."""
    return sorted(kind for kind, handler in _handlers.items() if handler.repeats)


def on_tick(react: Callable[[], bool]) -> None:
    """Call ``react`` in every round; it answers whether there was something to do."""
    if react not in _ticks:
        _ticks.append(react)


def beside(step: Callable[[], bool]) -> None:
    """Let workers call ``step`` again and again in a thread of its own: for what takes long, and must hold up neither
    readers of the ledger nor deliveries. It answers whether there was something to do.
    """
    if step not in _beside:
        _beside.append(step)


def stop_asked() -> threading.Event:
    """Set when the worker in whose thread this is called is to end; never, outside of one. Its ``wait`` ends early."""
    found: threading.Event = getattr(_here, "stop", None) or threading.Event()
    return found


@contextmanager
def _heartbeat(job: outbox.Claimed, lease: float) -> Iterator[None]:
    done = threading.Event()

    def beat() -> None:
        try:
            while not done.wait(lease / 3):
                try:
                    outbox.renew(job, lease=lease)
                except DatabaseError as error:  # it may be back for the next beat, before the lease is over
                    log.warning("job %s: the lease could not be renewed: %s", job.id, str(error).strip())
                    connection.close()
        except outbox.LeaseLost as error:
            log.warning("%s", error)
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name=f"heartbeat-{job.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def run_job(job: outbox.Claimed, *, lease: float = outbox.LEASE) -> None:
    """One attempt, from intent to settlement. Whatever happens, the job ends in a state that says so."""
    try:
        _settle(job, lease)
    except outbox.LeaseLost as error:
        log.warning("%s", error)


def _settle(job: outbox.Claimed, lease: float) -> None:
    handler = _handlers.get(job.kind)
    try:
        if handler is None:
            raise GiveUp(f"this version has no handler for jobs of the kind {job.kind!r}")
        if job.revoked:
            raise AskAPerson("an attempt was cut off, and the verdict was taken back meanwhile")
        if job.intent and handler.may_have_happened(job):
            raise AskAPerson(f"attempt {job.intent} was cut off while sending")
        if job.attempt > job.max_attempts:
            raise GiveUp(f"{job.max_attempts} attempts ended without an answer")
        intends = handler.needs_intent(job)
        if intends:
            outbox.declare_intent(job)
        faults.point("outbox.before_act")
        with transaction.atomic() if handler.within else nullcontext():
            with nullcontext() if handler.within else _heartbeat(job, lease):
                receipt = _act(handler, job, intends=intends)
            faults.point("outbox.after_act")
            with transaction.atomic():
                handler.follow_done(job, receipt)
                services.record(handler.done, by=services.SYSTEM, about=job.about, job=job.id, attempt=job.attempt)
                outbox.finish(job, receipt=receipt)
                faults.point("outbox.before_commit")
        faults.point("outbox.after_commit")
    except TryAgain as error:
        _again(job, str(error))
    except GiveUp as error:
        _stop(job, Job.DEAD, "delivery.failed", str(error))
    except AskAPerson as error:
        _stop(job, Job.UNKNOWN, "delivery.unknown", str(error))


def _act(handler: Handler, job: outbox.Claimed, *, intends: bool) -> dict[str, Any]:
    try:
        return handler.act(job)
    except (TryAgain, GiveUp, AskAPerson, faults.InjectedFault):
        raise
    except Exception as error:
        log.exception("job %s (%s) failed", job.id, job.kind)
        why = f"{type(error).__name__}: {error}"
        raise (AskAPerson(why) if intends else TryAgain(why)) from error


def _again(job: outbox.Claimed, why: str) -> None:
    if job.attempt >= job.max_attempts:
        _stop(job, Job.DEAD, "delivery.failed", f"{why} (attempt {job.attempt} of {job.max_attempts})")
        return
    with transaction.atomic():
        services.lock_head()
        outbox.postpone(job, error=why)
        if outbox.drop_if_revoked(job):
            services.record("delivery.cancelled", by=services.SYSTEM, about=job.about, job=job.id)


def _stop(job: outbox.Claimed, state: str, act: str, why: str) -> None:
    with transaction.atomic():
        if job.kind in _handlers:
            _handlers[job.kind].follow_stopped(job, state, why)
        services.lock_head()
        outbox.stop(job, state=state, error=why)
        if outbox.drop_if_revoked(job):
            act = "delivery.cancelled"
        services.record(act, by=services.SYSTEM, about=job.about, job=job.id, attempt=job.attempt)


def name() -> str:
    """Who claims: host, process, thread."""
    return f"{socket.gethostname()}/{os.getpid()}/{threading.get_native_id()}"[:80]


def tick() -> bool:
    """Show life, and let every reader react once; True where one had something to do.

    Every one is asked, whatever the first answers or fails with; then the first failure is raised.
    """
    turns.show_life()
    reacted, failures = False, list[Exception]()
    for react in _ticks:
        try:
            reacted |= react()
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
    if failures:
        raise failures[0]
    return reacted


def run_until_idle(*, limit: int = 10_000) -> int:
    """React and run jobs in this thread until nothing is due; the number of jobs run. For tests and the demo."""
    ran = 0
    while ran < limit:
        reacted = tick()
        job = outbox.claim(name())
        if job is not None:
            run_job(job)
            ran += 1
        elif not reacted:
            break
    return ran


class Worker:
    """Threads that work until told to stop: one that reacts, the others run jobs."""

    def __init__(self, *, threads: int, pause: float = 0.5, lease: float = outbox.LEASE) -> None:
        self._stop = threading.Event()
        self._pause, self._lease = pause, lease
        loops = [self._react, *_beside, *[self._deliver] * threads]
        self._threads = [threading.Thread(target=self._loop, args=(loop,), daemon=True) for loop in loops]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, patience: float = 10.0) -> None:
        """Finish what is in hand and end; after ``patience`` seconds the leases are left to expire."""
        self._stop.set()
        for thread in self._threads:
            thread.join(patience)

    def _react(self) -> bool:
        return tick()

    def _deliver(self) -> bool:
        job = outbox.claim(name(), lease=self._lease)
        if job is None:
            return False
        run_job(job, lease=self._lease)
        return True

    def _loop(self, step: Callable[[], bool]) -> None:
        """Repeat ``step``; a database that is away is waited for, a defect is logged and does not end the thread."""
        _here.stop = self._stop
        while not self._stop.is_set():
            try:
                close_old_connections()
                busy = step()
            except DatabaseError as error:
                log.error("the database does not answer (%s); trying again", str(error).strip())
                connection.close()
                busy = False
                self._stop.wait(self._pause * 4)
            except Exception:
                log.exception("unexpected; the worker goes on")
                busy = False
            if not busy:
                self._stop.wait(self._pause * random.uniform(0.7, 1.3))  # noqa: S311
        connection.close()
