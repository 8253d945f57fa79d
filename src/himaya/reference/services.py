"""Changing the reference: a change is a revision over what the program ships, with its reason; nothing is deleted."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.reference import Table
from himaya.core.reference.tables import OWN
from himaya.core.words import N_
from himaya.ledger.services import record
from himaya.reference.models import Revision
from himaya.reference.rows import Row, digest, find_row, find_table

LONGEST_REASON = 500
HOWS = {
    "rang": N_("We rang the number."),
    "read": N_("We read its own page, or the text of the law."),
    "asked": N_("We asked somebody who works there."),
}
"""How somebody made sure of a row → the reason that its history keeps."""
MOST = 5_000
"""Changes of one table, and rows of its own that a node can add."""


class NoReasonGiven(HimayaError):
    """Say in 1 to 500 characters why the row changes."""

    remedy = "Name what you read or whom you asked."
    status = 422


class NoSuchWay(HimayaError):
    """Nobody makes sure of a row by {how!r}."""

    status = 422


class NothingChanges(HimayaError):
    """The row {key} stands so already."""

    status = 409


class ChangedMeanwhile(HimayaError):
    """Somebody else changed the row {key} meanwhile."""

    remedy = "Look at it again, and repeat what is still needed."
    status = 409


class TooManyChanges(HimayaError):
    """The table {table} of the reference holds {most} changes, and takes no more."""

    status = 409


class NotShipped(HimayaError):
    """The program ships no row {key}: it was added here."""

    remedy = "Set it aside where it is not to be used."
    status = 409


@transaction.atomic
def add_row(table: str, *, values: Mapping[str, str], reason: str, by: str) -> Row:
    """Add a row of this node's own.

    Args:
        table: the name of a table of ``core.reference``.
        values: its fields, as texts; one that is left out is empty.
        reason: why.
        by: the actor.

    Raises:
        UnknownTable, BadRow, NoReasonGiven, TooManyChanges, ChangedMeanwhile: as their names say.
    """
    found = find_table(table)
    taken = found.checked(values)
    begins = f"{OWN}{taken[found.place].lower()}-"
    others = Revision.objects.filter(table=table, number=1, key__startswith=begins).count()
    _write(found, f"{begins}{others + 1}", None, values=taken, aside=False, reason=reason, by=by, what="added")
    return find_row(found, f"{begins}{others + 1}")


@transaction.atomic
def change_row(
    table: str, *, key: str, values: Mapping[str, str], reason: str, by: str, seen: int | None = None
) -> Row:
    """Write a row anew: from now on this node's words hold, whatever the program ships.

    Args:
        table: the name of a table.
        key: the row.
        values: fields that change; the others stay as they are.
        reason: why.
        by: the actor.
        seen: the number of the change that the actor looked at (0: none); None: whatever it is.

    Raises:
        UnknownTable, UnknownRow, BadRow, NoReasonGiven, NothingChanges, ChangedMeanwhile, TooManyChanges: as their
            names say.
    """
    row = _seen(table, key, seen)
    taken = row.table.checked({**row.values, **values})
    if taken == dict(row.values):
        raise NothingChanges(key=key)
    _write(row.table, key, row, values=taken, aside=row.aside, reason=reason, by=by, what="changed")
    return find_row(row.table, key)


@transaction.atomic
def confirm_row(table: str, *, key: str, how: str, by: str, seen: int | None = None) -> Row:
    """Say that somebody looked and that a row stands: it counts as confirmed by this node, from today, and as sure.

    Args:
        table: the name of a table.
        key: the row.
        how: a name of :data:`HOWS`; the history keeps its words, in the language of who acts.
        by: the actor.
        seen: as for :func:`change_row`.

    Raises:
        UnknownTable, UnknownRow, NoSuchWay, NothingChanges, ChangedMeanwhile, TooManyChanges: as their names say.
    """
    if how not in HOWS:
        raise NoSuchWay(how=how[:20])
    row = _seen(table, key, seen)
    today = clock.now().date().isoformat()
    taken = {**row.values, "basis": "confirmed", "confidence": "high", "checked": today}
    if taken == dict(row.values):
        raise NothingChanges(key=key)
    reason = gettext(HOWS[how])
    _write(row.table, key, row, values=taken, aside=row.aside, reason=reason, by=by, what="confirmed")
    return find_row(row.table, key)


@transaction.atomic
def set_row_aside(table: str, *, key: str, reason: str, by: str, seen: int | None = None) -> Row:
    """Let a row be used no more. It stays, with its history, and can be taken up again.

    Raises:
        UnknownTable, UnknownRow, NoReasonGiven, NothingChanges, ChangedMeanwhile, TooManyChanges: as their names say.
    """
    return _put(table, key, aside=True, reason=reason, by=by, seen=seen, what="set-aside")


@transaction.atomic
def restore_row(table: str, *, key: str, reason: str, by: str, seen: int | None = None) -> Row:
    """Take a row up again that was set aside.

    Raises:
        UnknownTable, UnknownRow, NoReasonGiven, NothingChanges, ChangedMeanwhile, TooManyChanges: as their names say.
    """
    return _put(table, key, aside=False, reason=reason, by=by, seen=seen, what="restored")


@transaction.atomic
def take_shipped_row(table: str, *, key: str, reason: str, by: str, seen: int | None = None) -> Row:
    """Let the program's words hold again, now and after its next update. What was written here stays in the history.

    Raises:
        UnknownTable, UnknownRow, NoReasonGiven, NothingChanges, NotShipped, ChangedMeanwhile, TooManyChanges: as their
            names say.
    """
    row = _seen(table, key, seen)
    if row.shipped is None:
        raise NotShipped(key=key)
    if not row.ours:
        raise NothingChanges(key=key)
    _write(row.table, key, row, values=None, aside=row.aside, reason=reason, by=by, what="as-shipped")
    return find_row(row.table, key)


def _put(table: str, key: str, *, aside: bool, reason: str, by: str, seen: int | None, what: str) -> Row:
    row = _seen(table, key, seen)
    if row.aside is aside:
        raise NothingChanges(key=key)
    values = dict(row.values) if row.ours else None
    _write(row.table, key, row, values=values, aside=aside, reason=reason, by=by, what=what)
    return find_row(row.table, key)


def _seen(table: str, key: str, seen: int | None) -> Row:
    row = find_row(find_table(table), key)
    if seen is not None and seen != row.number:
        raise ChangedMeanwhile(key=key)
    return row


def _write(
    table: Table,
    key: str,
    row: Row | None,
    *,
    values: dict[str, str] | None,
    aside: bool,
    reason: str,
    by: str,
    what: str,
) -> None:
    """Add the revision, and the ledger's entry: which fields, and a digest of what they are; no text of anybody's."""
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON or "\0" in reason:
        raise NoReasonGiven
    if Revision.objects.filter(table=table.name).count() >= MOST:
        raise TooManyChanges(table=table.name, most=MOST)
    number = row.number + 1 if row else 1
    shipped = dict(row.shipped) if row and row.shipped is not None else None
    try:
        with transaction.atomic():
            Revision.objects.create(
                table=table.name, key=key, number=number, values=values, shipped=shipped, aside=aside, reason=reason,
                by=by, at=clock.now(),
            )  # fmt: skip
    except IntegrityError:
        raise ChangedMeanwhile(key=key) from None
    holds = values if values is not None else shipped or {}
    before: Mapping[str, str] = row.values if row else {}
    record(
        "reference.changed",
        by=by,
        about=f"reference:{table.name}/{key}",
        what=what,
        number=number,
        fields=[name for name, value in holds.items() if before.get(name, "") != value],
        sha256=digest(holds),
    )
