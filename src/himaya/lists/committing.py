"""What was said about items, in the transparency log: a leaf for each statement, in the order in which they count.

A worker follows the changes of the lists; whatever is killed in between, each statement is logged once. What stands in
the log is a commitment alone (``log.events``): who is entitled is shown the statement and the salt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from himaya.core import faults
from himaya.core.statements import Statement as Said
from himaya.ledger.queries import read_upto
from himaya.ledger.services import lock_cursor, move_cursor
from himaya.lists.models import Revision, Statement
from himaya.lists.speakers import guise_at, guises
from himaya.log import queries as log
from himaya.log.events import Event, provides
from himaya.log.services import append

KIND = "statement"
READER = "statements"
BATCH = 5000
"""Statements that are logged in a transaction."""
SLICE = 20
"""Changes that are looked at in a round of the worker."""
_COLUMNS = (
    "pk", "item", "organisation", "revision", "act", "item__signal", "item__value", "scheme", "code", "basis", "at",
    "until", "key", "reason", "item__list__name",
)  # fmt: skip


def said(row: tuple[Any, ...], name: str, place: str) -> Said:
    """A row of :data:`_COLUMNS` as a statement of an organisation, as that was called when it began to count."""
    act, signal, value, scheme, code, basis, at, until, key, reason = row[4:14]
    return Said(name, place, act, signal, value, scheme, code, basis, _whole(at), _whole(until), key, reason)


def _whole(at: datetime | None) -> Any:
    return at.replace(microsecond=0) if at else None


def canonical(row: tuple[Any, ...], name: str, place: str) -> bytes:
    """What is committed to: the statement and its list."""
    return said(row, name, place).canonical(row[-1])


def _committed(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[tuple[Any, ...], bytes]]:
    """Rows and what is committed to. They count since the change of their revision, and so does the name then."""
    found = list(rows)
    numbers = dict(Revision.objects.filter(pk__in={row[3] for row in found}).values_list("pk", "number"))
    known = guises({row[2] for row in found})
    for row in found:
        yield row, canonical(row, *guise_at(known, row[2], numbers[row[3]] or 0))


def commit() -> bool:
    """Log some of what was said since the last time; True where there may be more.

    Where nothing was said it costs no transaction: workers ask in every round.
    """
    if not Revision.objects.filter(number__gt=read_upto(READER)).exists():
        return False
    with transaction.atomic():
        cursor = lock_cursor(READER)
        room, done = BATCH, cursor.seq
        changes = Revision.objects.filter(number__gt=done).order_by("number")[:SLICE]
        for change in changes:
            rows = list(_behind(change.pk)[:room])
            append(_events(rows))
            room -= len(rows)
            if room <= 0:
                break
            assert change.number is not None
            done = change.number
        if done != cursor.seq:
            move_cursor(cursor, to=done)
        faults.point("lists.committed")
    return True


def _behind(revision: int) -> Any:
    """The statements of a change that are not in the log yet."""
    rows = Statement.objects.filter(revision=revision)
    last = log.last_of(KIND)
    if rows.filter(pk=last).exists():  # of this change some are there already; of another one its number says nothing
        rows = rows.filter(pk__gt=last)
    return rows.order_by("pk").values_list(*_COLUMNS)


def _events(rows: Iterable[tuple[Any, ...]]) -> Iterator[Event]:
    for row, event in _committed(rows):
        yield Event(KIND, f"item:{row[1]}", row[0], event)


def _shown(numbers: Collection[int]) -> Mapping[int, bytes]:
    rows = Statement.objects.filter(pk__in=list(numbers)).values_list(*_COLUMNS)
    return {row[0]: event for row, event in _committed(rows)}


provides(KIND, _shown)
