"""Rounds in their time: who reads which subscription when, and what is noted where that fails."""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F

from himaya.core import clock, registry
from himaya.core.errors import HimayaError
from himaya.core.exchange import SourceTrouble
from himaya.core.words import packed, printable
from himaya.ledger.services import record
from himaya.lists.arrivals import ImportLost, ImportUnderWay
from himaya.lists.models import Subscription
from himaya.lists.subscribing import rounds
from himaya.lists.subscribing.options import client, configured
from himaya.lists.subscribing.rounds import actor
from himaya.lists.subscribing.spool import directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from himaya.lists.subscribing.rounds import OnProgress, Round
    from himaya.lists.subscribing.spool import Spool

HOLD = 300
"""Seconds after the last sign of life for which a round counts as being read."""
SOONEST, LATEST = 60, 3600
"""Seconds after a failure before the next attempt: at least, and, doubled each time, at most."""


class BeingRead(HimayaError):
    """The subscription {name!r} is being read just now."""

    remedy = "Wait until the round is over; it can be seen under Lists, Subscriptions."
    status = 409


def run(
    one: Subscription,
    *,
    on_progress: OnProgress = lambda *_: None,
    wait: Callable[[float], object] | None = None,
    stick: Path | None = None,
) -> Round | None:
    """Read a round and apply it; None where another process has applied it meanwhile. With ``stick``, it is read out of
    that file instead.

    Raises:
        BeingRead: somebody else does so now.
        SourceTrouble: it was noted with the subscription; what was read is kept, and the next attempt goes on behind.
            Of a stick nothing is noted.
        Exception: a defect, or a full disk; that was noted, too.
    """
    with _alone(one):
        return _run(one, on_progress, wait, stick)


def _run(
    one: Subscription, on_progress: OnProgress, wait: Callable[[float], object] | None, stick: Path | None
) -> Round | None:
    shown = _Life(one)

    def progress(doing: str, done: int, total: int | None) -> None:
        shown.show()
        on_progress(doing, done, total)

    Subscription.objects.filter(pk=one.pk).update(began_at=clock.now())
    spool: Spool | None = None
    try:
        plugin, options = configured(one)
        with client(one, wait=wait, on_progress=shown.show) as line:
            spool = rounds.read(one, plugin, options, line, progress, stick=stick)
        done = rounds.apply(one, spool, progress)
    except Exception as error:  # a defect and a full disk, too, are seen where the subscription is
        if spool:
            spool.__exit__()
        if stick and isinstance(error, HimayaError):  # whoever brought the file is told; the source did nothing wrong
            Subscription.objects.filter(pk=one.pk).update(began_at=one.began_at, due_at=one.due_at)
        else:
            fail(one, error if isinstance(error, HimayaError) else _unforeseen(error))
        raise
    except KeyboardInterrupt:  # a person: what was read is kept, and the next attempt goes on behind it
        Subscription.objects.filter(pk=one.pk).update(began_at=None, due_at=clock.now() + timedelta(seconds=SOONEST))
        raise
    spool.remove()
    put_off(one, one.interval if done else 0)  # where it was changed meanwhile, what is asked for now is read at once
    return done


def claim(now: datetime | None = None) -> Subscription | None:
    """The subscription that has been due longest, taken for a while by whoever asks; None where none is due."""
    at = now or clock.now()
    asked = [one.name for one in registry.exchanges().values() if not one.pulls]
    due = Subscription.objects.select_related("list", "organisation").filter(enabled=True, due_at__lte=at)
    for one in due.exclude(exchange__in=asked).order_by("due_at")[:50]:
        until = at + timedelta(seconds=HOLD)
        if Subscription.objects.filter(pk=one.pk, due_at=one.due_at, enabled=True).update(due_at=until):
            return one
    return None


class RoundBroken(HimayaError):
    """The round could not be finished: {why}."""

    remedy = "See that the disk has room. If it happens again, look into the log of the worker and report the defect."
    status = 500


def _unforeseen(error: Exception) -> RoundBroken:
    """What nobody has words for; the log has the rest."""
    told = getattr(error, "strerror", None) or str(error) if isinstance(error, OSError | sqlite3.Error) else ""
    return RoundBroken(why=printable(f"{type(error).__name__}: {told}" if told else type(error).__name__)[:200])


class _Life:
    """Shows now and then that a round is being read, so that nobody else begins it."""

    def __init__(self, one: Subscription) -> None:
        self._pk, self._shown = one.pk, clock.now()
        put_off(one, HOLD)

    def show(self) -> None:
        """Called as often as anything comes; written once a minute."""
        now = clock.now()
        if (now - self._shown).total_seconds() > HOLD / 5:
            Subscription.objects.filter(pk=self._pk).update(due_at=now + timedelta(seconds=HOLD))
            self._shown = now


@contextmanager
def _alone(one: Subscription) -> Iterator[None]:
    """Nobody else of this machine reads the subscription within the block: what it keeps of a round is files.

    Raises:
        BeingRead: somebody does so now.
    """
    keep = directory() / str(one.pk)
    keep.mkdir(mode=0o700, exist_ok=True)
    with (keep / ".reading").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BeingRead(name=one.name) from None
        yield


def put_off(one: Subscription, seconds: float) -> None:
    """Let the next round begin in so many seconds."""
    Subscription.objects.filter(pk=one.pk).update(due_at=clock.now() + timedelta(seconds=seconds))


@transaction.atomic
def fail(one: Subscription, error: HimayaError) -> None:
    """Note with the subscription what failed. The first failure in a row is put on record, the others are counted."""
    now = Subscription.objects.select_for_update(no_key=True).get(pk=one.pk)
    at = clock.now()
    waits = min(SOONEST * 2.0**now.failures, LATEST, max(now.interval, SOONEST))
    if isinstance(error, ImportUnderWay | ImportLost):
        waits = SOONEST
    if isinstance(error, SourceTrouble) and error.permanent:
        waits = max(now.interval, SOONEST)
    said = {"what": error.said(), "remedy": error.advice()}
    now.trouble = {**{name: str(text) for name, text in said.items()}, "code": error.code()}
    now.trouble["said"] = {name: packed(text) for name, text in said.items()}
    now.began_at = None
    now.failed_at, now.due_at = now.failed_at or at, at + timedelta(seconds=waits)
    now.failures = F("failures") + 1
    first = not one.failures and now.failed_at == at
    now.save(update_fields=["trouble", "failed_at", "due_at", "failures", "began_at"])
    if first:
        record("subscription.failed", by="system", about=actor(one), list=one.list.name, error=error.code())
