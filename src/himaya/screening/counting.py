"""The day's counts: what opens a case is counted with it, what leaves nothing but a number is gathered for a moment.

Were every miss written by itself, each question would wait for the disk, and all of them for one row. So a process
gathers what it counts outside a transaction and writes it together, :data:`AFTER` seconds after the first and when it
ends. One that is killed, or loses its power, loses the numbers of these last seconds: a count of misses may be a little
too low, never too high. Counts of hits that opened cases, and of scans, commit with these and are exact.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from multiprocessing.util import Finalize

from django.db import Error, connection, transaction
from django.db.models import F

from himaya.core import clock
from himaya.lists import quarantine
from himaya.screening import flood
from himaya.screening import kept as keeping
from himaya.screening.models import DayCount

AFTER = 2.0
"""Seconds that a number may wait to be written."""
FULL = 10_000
"""Rows that wait before whoever brings more writes them."""
Key = tuple[date, str, str]
"""Day, origin, outcome."""

logger = logging.getLogger(__name__)


def count(
    numbers: Mapping[str, int], *, origin: str, met: Sequence[flood.Met] = (), kept: Sequence[keeping.Trace] = ()
) -> None:
    """Add to today's counts: with the transaction that is under way, else soon.

    Args:
        numbers: outcome (``hit``, ``miss``, ``skipped``, …) → how many.
        origin: ``api``, ``scan``, ``cli``.
        met: what the flood guard is to know of; items that are too much are held when this is written.
        kept: what is to be kept of what was screened.
    """
    today = clock.now().date()
    pending = Pending({(today, origin, outcome): number for outcome, number in numbers.items() if number}, met, kept)
    if connection.in_atomic_block:
        _write(pending)
    elif _gathered.add(pending) > FULL:
        flush()


def waiting() -> Mapping[Key, int]:
    """What this process has counted and not written yet: readers add it."""
    return _gathered.numbers()


def flush() -> None:
    """Write what waits, in a transaction of its own. Where the database refuses, it waits on."""
    _gathered.write()


def forget() -> None:
    """Drop what waits. For tests."""
    _gathered.take()


class Pending:
    """What is to be written together."""

    __slots__ = ("kept", "met", "numbers")

    def __init__(
        self, numbers: Mapping[Key, int] = {}, met: Iterable[flood.Met] = (), kept: Iterable[keeping.Trace] = ()
    ) -> None:
        self.numbers, self.met, self.kept = dict(numbers), list(met), list(kept)

    def __bool__(self) -> bool:
        return bool(self.numbers or self.met or self.kept)

    def add(self, other: Pending) -> None:
        """Take what the other has."""
        for key, number in other.numbers.items():
            self.numbers[key] = self.numbers.get(key, 0) + number
        self.met += other.met
        self.kept += other.kept


class _Gathered:
    """What this process has to write, and waits; and the alarm that sees to it."""

    def __init__(self) -> None:
        self._waiting = Pending()
        self._changing, self._writing = threading.Lock(), threading.Lock()
        self._alarm: threading.Timer | None = None

    def add(self, more: Pending) -> int:
        """Take what is to be written; how many rows wait now."""
        with self._changing:
            self._waiting.add(more)
            if self._alarm is None and self._waiting:
                _write_at_the_end()
                self._alarm = threading.Timer(AFTER, self._rings)
                self._alarm.daemon = True
                self._alarm.start()
            return len(self._waiting.met) + len(self._waiting.kept)

    def numbers(self) -> Mapping[Key, int]:
        with self._changing:
            return self._waiting.numbers.copy()

    def take(self) -> Pending:
        with self._changing:
            if self._alarm is not None:
                self._alarm.cancel()
            taken, self._waiting, self._alarm = self._waiting, Pending(), None
        return taken

    def write(self) -> None:
        with self._writing:  # whoever comes second finds what the first one has written
            taken = self.take()
            if not taken:
                return
            try:
                with transaction.atomic(durable=True):
                    _write(taken)
            except Error as error:
                logger.warning("the day's counts wait: %s", error)
                self.add(taken)

    def _rings(self) -> None:
        try:
            self.write()
        finally:
            connection.close()  # this thread's own; it ends here


def _write(waiting: Pending) -> None:
    """Add to the rows, in one order: two who add to the same ones wait for each other in turn."""
    keeping.write(waiting.kept)
    quarantine.hold_items(flood.note(waiting.met).new)
    for (day, origin, outcome), number in sorted(waiting.numbers.items()):
        rows = DayCount.objects.filter(day=day, origin=origin, outcome=outcome)
        if not rows.update(number=F("number") + number):
            DayCount.objects.bulk_create([DayCount(day=day, origin=origin, outcome=outcome)], ignore_conflicts=True)
            rows.update(number=F("number") + number)


def _write_at_the_end() -> None:
    """Once a process. Not by ``atexit``, which the web server's processes leave out."""
    global _seen_to
    if _seen_to != os.getpid():
        Finalize(None, flush, exitpriority=0)
        _seen_to = os.getpid()


def _begin_anew() -> None:
    """In a forked process: what was gathered before is its parent's to write, and its locks may be held for ever."""
    global _gathered
    _gathered = _Gathered()


_seen_to = 0
_gathered = _Gathered()
os.register_at_fork(after_in_child=_begin_anew)
