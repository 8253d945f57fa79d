"""Items on their way into a list: batch by batch, unseen, and then all of them in one moment.

A million rows take a minute to write, and SQLite has one writer. So nobody waits for the whole of an import: it writes
short batches under a revision that has no number yet, and readers pass these over (``lists.models.Arrived``). What it
changes of items that are there already waits beside them. One last, small transaction gives the revision its number:
from then on all of it holds. Whatever is killed in between, readers see the old list or the new one.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter, defaultdict, deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Max

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.ledger.outbox import Now
from himaya.ledger.services import lock_head
from himaya.lists.models import ACTIVE, WITHDRAWN, Amendment, HashList, Item, Portion, Revision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from himaya.core.ports import ItemRow

T = TypeVar("T")

LEASE = 60.0
"""Seconds after its last batch for which an import counts as running."""
CHANNEL = "himaya_lists"
"""Where PostgreSQL says that a list changed (NOTIFY)."""
PATIENCE = 30.0
"""Seconds to wait for another import into the same list."""
STEP = 500
"""Rows of a statement: SQLite takes 32,766 parameters, and shorter statements are parsed once."""
SWEPT = 2000
"""Rows that a sweep removes in a transaction."""


class ImportUnderWay(HimayaError):
    """Another import into {name} is under way."""

    remedy = "Wait until it is done. One that was killed gives way after a minute at most, where a worker runs."
    status = 409


class ImportLost(HimayaError):
    """The import into {name} stood still for more than a minute and was taken for dead; nothing was imported."""

    remedy = "Import the file again."
    status = 409


class Kind(NamedTuple):
    """What items of a list are counted by."""

    signal: str
    scheme: str
    code: str
    state: str
    negative: bool = False


class _Terms(NamedTuple):
    scheme: str
    code: str
    source: str
    reference: str
    note: str


class _Standing(NamedTuple):
    """An item that the list holds already; ``ours`` where this import brought it."""

    pk: int
    state: str
    terms: _Terms
    ours: bool


_Key = tuple[str, str, bool]
"""Signal, value and whether it is negative: what an item is known by within its list."""


class Arrival:
    """An import into a list, from its first batch to its publication. Use as a context: what is left is swept up.

    Args:
        hash_list: where to.
        by: the actor.
        sweeps: remove first what a killed import left; not where that would happen in the caller's transaction.

    Attributes:
        added, changed, unchanged, kept_withdrawn: rows taken so far, by what became of them.
        negative: how many of the added ones are known to be benign; counted by :meth:`weigh`.
    """

    def __init__(self, hash_list: HashList, *, by: str, sweeps: bool = True) -> None:
        self._sweeps = sweeps
        self._list, self._by, self._now = hash_list, by, clock.now()
        self._revision, self._shown = 0, time.monotonic()
        self._new = Counter[Kind]()
        self.added = self.changed = self.unchanged = self.kept_withdrawn = self.negative = 0

    def __enter__(self) -> Arrival:
        """Begin.

        Raises:
            ImportUnderWay: another import into this list has not ended. Outside a transaction this waits a while.
        """
        until = time.monotonic() + (0 if connection.in_atomic_block else PATIENCE)
        while not self._began():
            if time.monotonic() >= until:
                raise ImportUnderWay(name=self._list.name)
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        if not connection.needs_rollback and _give_up(Revision.objects.filter(pk=self._revision)):
            while _sweep_some(self._revision):
                pass

    def _began(self) -> bool:
        before = Revision.objects.filter(list=self._list, number=None).first()
        if before and self._sweeps and _left(before):
            while _sweep_some(before.pk):
                pass
        with suppress(IntegrityError), transaction.atomic():
            mine = Revision.objects.create(list=self._list, alive_until=Now() + LEASE, holder=f"{_HOST}:{os.getpid()}")
            self._revision = mine.pk
        return bool(self._revision)

    # --- rows ---

    def take(self, rows: Sequence[ItemRow]) -> None:
        """Write a batch, in a transaction of its own.

        Raises:
            ImportLost: another process took this import for dead.
        """
        known = self._known(rows)
        new, renewed = dict[_Key, _Terms](), dict[_Key, _Terms]()
        for row in rows:
            key, terms = (row.signal, row.value, row.negative), self._terms(row)
            have = known.get(key)
            if have and have.state == WITHDRAWN:
                self.kept_withdrawn += 1
            elif (renewed.get(key) or new.get(key) or (have and have.terms)) == terms:
                self.unchanged += 1
            else:
                self.added += not have and key not in new
                self.changed += bool(have) or key in new
                (renewed if have else new)[key] = terms
        if new or renewed:
            self._write(new, [(known[key], terms) for key, terms in renewed.items()], rows)
        elif time.monotonic() - self._shown > LEASE / 10:  # a file that brings nothing new is read for long, too
            self._show_life()
        faults.point("lists.import_batch")

    def _show_life(self) -> None:
        if not _alive(self._revision).update(alive_until=Now() + LEASE):
            raise ImportLost(name=self._list.name)
        self._shown = time.monotonic()

    def _terms(self, row: ItemRow) -> _Terms:
        return _Terms(row.scheme, row.code, row.source or self._list.source, row.reference, row.note)

    def _known(self, rows: Sequence[ItemRow]) -> dict[_Key, _Standing]:
        """What the list holds of these rows, with the terms that this import gave it in earlier batches."""
        values = defaultdict[tuple[str, bool], list[str]](list)
        for row in rows:
            values[row.signal, row.negative].append(row.value)
        found: dict[_Key, _Standing] = {}
        with connection.cursor() as cursor:
            for (signal, negative), wanted in values.items():
                for part in _steps(wanted):
                    statement = _KNOWN.format(places=", ".join(["%s"] * len(part)))
                    cursor.execute(statement, [self._list.pk, signal, negative, *part])
                    for value, pk, state, revision, *terms in cursor.fetchall():
                        found[signal, value, negative] = _Standing(
                            pk, state, _Terms(*terms), revision == self._revision
                        )
        if self.changed:
            self._amended(found)
        return found

    def _amended(self, found: dict[_Key, _Standing]) -> None:
        keys = {have.pk: key for key, have in found.items() if not have.ours}
        for part in _steps(list(keys)):
            rows = Amendment.objects.filter(revision=self._revision, item__in=part)
            for pk, *terms in rows.values_list("item", *_Terms._fields):
                found[keys[pk]] = found[keys[pk]]._replace(terms=_Terms(*terms))

    @transaction.atomic
    def _write(self, new: dict[_Key, _Terms], renewed: list[tuple[_Standing, _Terms]], rows: Sequence[ItemRow]) -> None:
        self._show_life()
        self._insert(new, {(row.signal, row.value, row.negative): row.body for row in rows if row.body})
        for have, terms in renewed:
            if have.ours:  # unseen as yet: another line of this file for an item that a line before it brought
                Item.everything.filter(pk=have.pk).update(**terms._asdict())
        standing = [(have.pk, terms) for have, terms in renewed if not have.ours]
        Amendment.objects.bulk_create(
            [Amendment(revision=self._revision, item_id=pk, **terms._asdict()) for pk, terms in standing],
            batch_size=STEP,
            update_conflicts=True,
            unique_fields=["revision", "item"],
            update_fields=_Terms._fields,
        )

    def _insert(self, new: dict[_Key, _Terms], bodies: Mapping[_Key, bytes]) -> None:
        with connection.cursor() as cursor:
            for part in _steps(list(new.items())):
                values: list[Any] = []
                for (signal, value, negative), terms in part:
                    values += (self._list.pk, signal, value, negative, ACTIVE, *terms)
                    values += (self._by, self._now, self._now, self._revision)
                cursor.execute(_INSERT + ", ".join([_ROW] * len(part)), values)
            for key in new.keys() & bodies.keys():
                cursor.execute(_INSERT_BODY, [bodies[key], self._revision, self._list.pk, *key])

    # --- the end ---

    def weigh(self) -> None:
        """Count what is new, after the last batch and before the last transaction: nobody needs to wait for it."""
        self._show_life()
        rows = Item.everything.filter(revision=self._revision).values_list(*Kind._fields)
        self._new = Counter({Kind(*kind): n for *kind, n in rows.annotate(n=Count("id")).order_by()})
        self.negative = sum(n for kind, n in self._new.items() if kind.negative)

    def publish(self) -> None:
        """Let everything that was taken and weighed hold, with the caller's transaction.

        Raises:
            ImportLost: another process took this import for dead.
        """
        weights = Counter(self._new)
        self._show_life()  # and holds the row: nobody takes this import for dead while it is published
        if self.changed:
            weights.update(_amend(self._revision, at=self._now))
        lock_head()
        if not _alive(self._revision).update(number=_next_number()):
            raise ImportLost(name=self._list.name)
        _tell()
        count(self._list, weights, at=self._now)


def _host() -> str:
    """This machine, or this container: where a process number means one process."""
    inside = ""
    with suppress(OSError):
        inside = Path("/proc/self/ns/pid").readlink().name
    return f"{socket.gethostname()[:60]}/{inside}"


_HOST = _host()
_KNOWN = (
    "SELECT value, id, state, revision, scheme, code, source, reference, note FROM lists_item "
    "WHERE list_id = %s AND signal = %s AND negative = %s AND value IN ({places})"
)
_INSERT = (
    "INSERT INTO lists_item (list_id, signal, value, negative, state, scheme, code, source, reference, note, "
    "added_by, added_at, changed_at, revision, reason) VALUES "
)
_ROW = "(" + "%s, " * 14 + "'')"
_INSERT_BODY = """
INSERT INTO lists_body (item_id, data, revision)
SELECT id, %s, %s FROM lists_item WHERE list_id = %s AND signal = %s AND value = %s AND negative = %s"""
_MOVED = """
SELECT i.signal, i.state, i.negative, i.scheme, i.code, a.scheme, a.code, COUNT(*)
FROM lists_amendment a JOIN lists_item i ON i.id = a.item_id
WHERE a.revision = %s AND i.state <> 'withdrawn' GROUP BY 1, 2, 3, 4, 5, 6, 7"""
_AMEND = """
UPDATE lists_item SET scheme = a.scheme, code = a.code, source = a.source, reference = a.reference, note = a.note,
    changed_at = %s, revision = a.revision
FROM lists_amendment a
WHERE a.item_id = lists_item.id AND a.revision = %s AND lists_item.state <> 'withdrawn'"""


def _amend(revision: int, *, at: datetime) -> Counter[Kind]:
    """Give items their new terms; returns by how much the portions change. A withdrawn item stays as it is."""
    moved = Counter[Kind]()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # nobody marks one of them between the count and the change
            amended = Amendment.objects.filter(revision=revision).values("item")
            locked = Item.everything.select_for_update(no_key=True).filter(pk__in=amended).order_by("pk")
            deque(locked.values_list("pk").iterator(), maxlen=0)  # locks them all, and keeps none
        cursor.execute(_MOVED, [revision])
        for signal, state, negative, scheme, code, new_scheme, new_code, n in cursor.fetchall():
            moved[Kind(signal, scheme, code, state, bool(negative))] -= n
            moved[Kind(signal, new_scheme, new_code, state, bool(negative))] += n
        cursor.execute(_AMEND, [at, revision])
        cursor.execute("DELETE FROM lists_amendment WHERE revision = %s", [revision])
    return moved


def count(hash_list: HashList, changes: Mapping[Kind, int], *, at: datetime) -> None:
    """Add to the portions of a list, in the transaction of the change and with the ledger's head locked."""
    for kind, n in sorted(changes.items()):
        rows = Portion.objects.filter(list=hash_list, **kind._asdict())
        if n and not rows.update(number=F("number") + n, changed_at=at):
            Portion.objects.create(list=hash_list, number=n, changed_at=at, **kind._asdict())


def revise() -> Revision:
    """A revision that holds with the caller's transaction; until that ends, other changes wait in a line."""
    lock_head()
    _tell()
    return Revision.objects.create(number=_next_number())


def _tell() -> None:
    """Wake whoever follows the lists, once the caller's transaction holds. On SQLite they ask by themselves."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")


def _next_number() -> int:
    return (Revision.objects.aggregate(last=Max("number"))["last"] or 0) + 1


# --- what was left behind --------------------------------------------------------------------------------------------


def sweep() -> bool:
    """Remove some of what a killed import left; True where there may be more."""
    for revision in Revision.objects.filter(number=None):
        if _left(revision):
            _sweep_some(revision.pk)
            return True
    return False


def _alive(revision: int) -> QuerySet[Revision]:
    return Revision.objects.filter(pk=revision, number=None, alive_until__gt=0)


def _left(revision: Revision) -> bool:
    """Whether nobody goes on with this import; then it is barred from going on. Whoever holds its row is at it now.

    Workers ask in every round: an import that lives costs them no transaction.
    """
    mine = Revision.objects.filter(pk=revision.pk, number=None)
    over = mine if _killed(revision.holder) else mine.filter(alive_until__lt=Now())
    if not over.exists():
        return False
    with transaction.atomic():
        return over.select_for_update(skip_locked=True, no_key=True).exists() and _give_up(over)


def _give_up(revisions: QuerySet[Revision]) -> bool:
    return bool(revisions.filter(number=None).update(alive_until=-1))


def _killed(holder: str) -> bool:
    """Whether a process of this machine is gone; of other machines, only time tells."""
    host, _, pid = holder.rpartition(":")
    if host != _HOST:
        return False
    try:
        with suppress(PermissionError):  # somebody else's, but there
            os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    return False


@transaction.atomic
def _sweep_some(revision: int) -> bool:
    """Remove rows of an import that was given up, in the end itself; False once it is gone.

    Its row is locked first. Two who sweep at once would choose the same rows: the second would wait, remove none, and
    take the import for gone while rows of it are left; without their revision these would count.
    """
    mine = Revision.objects.filter(pk=revision, number=None)
    if not mine.select_for_update(no_key=True).exists():
        return False
    gone = 0
    with connection.cursor() as cursor:
        for table in ("lists_amendment", "lists_body", "lists_item"):
            chosen = f"SELECT id FROM {table} WHERE revision = %s LIMIT {SWEPT}"  # noqa: S608 - constants
            cursor.execute(f"DELETE FROM {table} WHERE id IN ({chosen})", [revision])  # noqa: S608
            gone += cursor.rowcount
    if not gone:
        mine.delete()
    return gone > 0


def _steps(things: list[T]) -> Iterator[list[T]]:
    return (things[start : start + STEP] for start in range(0, len(things), STEP))
