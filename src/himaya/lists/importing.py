"""Import: a file becomes items of a list, all of it or nothing.

The file is read once, without touching the list: good rows go to a spool on disk, refused lines to the caller. Then,
where nothing was refused (or the caller takes the good lines alone), they arrive (:mod:`himaya.lists.arrivals`).
Memory stays constant.
"""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, ParamSpec

from django.db import transaction

from himaya.core import registry
from himaya.core.config import config
from himaya.core.errors import Flawed, HimayaError
from himaya.core.ports import ItemRow, Refusal
from himaya.ledger.services import record
from himaya.lists.arrivals import Arrival, Voice
from himaya.lists.labels import StricterThanList, bind, check_file
from himaya.lists.parsing import Reader
from himaya.lists.seconding import NeedsSecond, is_seconded, require_second

if TYPE_CHECKING:
    from himaya.lists.models import HashList

BATCH = 2000
"""Rows that are written in a transaction: few enough that nobody waits long for SQLite's one writer."""
HEAVY = 4 * 1024**2
"""Bytes of bodies after which a batch is full, too."""


class UnknownList(HimayaError):
    """There is no list named {name!r}; there are: {known}."""

    remedy = "Check the name. Whoever keeps the lists makes a new one: himaya lists create NAME"
    status = 404


class RefusedRows(Flawed):
    """{refused} of {rows} rows cannot be taken; nothing was imported."""

    remedy = "Correct the rows named here, or ask for the good ones alone with accept_good."


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did. ``kept_withdrawn`` counts rows of the file that are withdrawn here and stay so."""

    rows: int
    refused: int
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    kept_withdrawn: int = 0
    imported: bool = True
    caught: int = 0
    """Rows that match a canary; they are among those refused."""


class _Spool:
    """Good rows on their way, in an unnamed file of the data directory that vanishes with the process."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(dir=config().data)  # noqa: SIM115 - closed by __exit__
        self._waiting: list[tuple[Any, ...]] = []
        self._weight = 0

    def __enter__(self) -> _Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, row: ItemRow) -> None:
        timed = row.at is not None or row.until is not None
        self._waiting.append(
            (*row[:_AT], _packed(row.at), _packed(row.until), *row[_AT + 2 :]) if timed else tuple(row)
        )
        self._weight += len(row.body)
        if len(self._waiting) == BATCH or self._weight >= HEAVY:
            self._flush()

    def _flush(self) -> None:
        try:
            marshal.dump(self._waiting, self._file)
        except OSError as error:  # an unnamed file says nothing of where it lies
            raise OSError(error.errno, error.strerror, str(config().data)) from error
        self._waiting, self._weight = [], 0

    def batches(self) -> Iterator[list[ItemRow]]:
        self._flush()
        end = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < end:
            some = marshal.load(self._file)  # noqa: S302 - this process wrote it, and nobody else can
            if some:
                yield [_unpacked(fields) for fields in some]


_AT = ItemRow._fields.index("at")
"""Here the times of a row begin: when it was said, and until when it counts. Marshal takes none as they are."""


def _packed(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def _moment(packed: float | None) -> datetime | None:
    return None if packed is None else datetime.fromtimestamp(packed, UTC)


def _unpacked(fields: tuple[Any, ...]) -> ItemRow:
    at, until, *rest = fields[_AT:]
    if at is None and until is None:  # nearly all of a file
        return ItemRow._make(fields)
    return ItemRow._make((*fields[:_AT], _moment(at), _moment(until), *rest))


@transaction.atomic
def alarm(list_name: str, caught: int, *, by: str) -> None:
    """Put on record that rows which were to come into a list match a canary, where some do."""
    if caught:
        record("list.canary", by=by, about=f"list:{list_name}", items=caught)


@dataclass(slots=True)
class Staged:
    """A file whose rows have arrived, or been refused, and count for nobody yet."""

    hash_list: HashList
    by: str
    rows: int
    refused: int
    caught: int = 0
    """Rows that match a canary."""
    second: str = ""
    """Who approved, where the list is a common one."""
    tlp: str = ""
    """How far the file may be handed on."""
    arrival: Arrival | None = None

    def heard(self, voice: Voice | None) -> Voice | None:
        """In whose name: borrowed where it is another's, and no second person approves."""
        other = voice is not None and not voice.organisation.own
        return voice._replace(borrowed=not is_seconded(by=self.by, second=self.second)) if voice and other else voice

    def check_label(self) -> None:
        """Let the file pass, where the list is for no more readers.

        Raises:
            StricterThanList: it is.
        """
        try:
            check_file(self.hash_list, self.tlp)
        except StricterThanList:
            alarm(self.hash_list.name, self.caught, by=self.by)
            raise

    def require_second(self, act: str, arguments: dict[str, Any], *, other: bool = False) -> None:
        """Let it pass, where it may.

        Raises:
            NeedsSecond: the list is a common one, and no second person approves.
        """
        try:
            require_second(self.hash_list, by=self.by, second=self.second, act=act, arguments=arguments, other=other)
        except NeedsSecond:
            alarm(self.hash_list.name, self.caught, by=self.by)
            raise

    @transaction.atomic
    def publish(self) -> ImportResult:
        """Let the items count, in one small transaction, and put it on record. Where lines barred it, nothing happens.

        Raises:
            ImportLost: this import stood still and was taken for dead.
            StricterThanList: the list has become one for more readers than the file is meant for.
        """
        come = self.arrival
        alarm(self.hash_list.name, self.caught, by=self.by)
        if come is None:
            return ImportResult(rows=self.rows, refused=self.refused, imported=False, caught=self.caught)
        bind(self.hash_list, self.tlp)
        come.publish()
        counts = {"added": come.added, "changed": come.changed, "kept_withdrawn": come.kept_withdrawn}
        counts |= {"negative": come.negative} if come.negative else {}
        told = {"second": self.second} if self.second else {}
        come.benign.alarm(by=self.by)
        record("list.imported", by=self.by, about=f"list:{self.hash_list.name}", refused=self.refused, **counts, **told)
        return ImportResult(
            rows=self.rows,
            refused=self.refused,
            added=come.added,
            changed=come.changed,
            unchanged=come.unchanged,
            kept_withdrawn=come.kept_withdrawn,
            caught=self.caught,
        )


@contextmanager
def staged(
    hash_list: HashList,
    *,
    stream: BinaryIO,
    format_name: str,
    by: str,
    signal: str = "",
    accept_good: bool = False,
    benign: bool = False,
    voice: Voice | None = None,
    second: str = "",
    on_refusal: Callable[[Refusal], None] = lambda _: None,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> Iterator[Staged]:
    """Read ``stream`` and let its rows arrive beside the list. What is not published within the context vanishes.

    Args:
        hash_list: where to.
        stream: the file, opened binary.
        format_name: a format plug-in.
        by: the actor.
        signal: what the values are, where the file does not say.
        accept_good: import the good lines although others are refused.
        benign: whether lines may say what is known to be benign, which a lead alone may.
        voice: in whose name; this node's own where None.
        second: who approves; a common list needs a second person, and one that asks for several organisations where
            it is in another's name.
        on_refusal: called once for every refused line, in order.
        on_progress: called with the number of rows read, then of rows written, as it goes on.

    Raises:
        BadListFile: the file as a whole is not of the format.
        AmbiguousSignal: the values fit more than one signal and ``signal`` is not given.
        StricterThanList: the file is marked as one for fewer readers than the list.
        NeedsSecond: the file can be taken, but a second person has to approve, and none does.
        ImportUnderWay, ImportLost: another import into this list has not ended; this one stood still too long.
    """
    reader, format_ = Reader(signal, benign=benign, radius=hash_list.radius), registry.format_(format_name)
    good = refused = 0
    with _Spool() as spool:
        for row in reader.read(format_.read(stream)):
            if isinstance(row, Refusal):
                refused += 1
                on_refusal(row)
            else:
                good += 1
                spool.add(row)
            if (good + refused) % BATCH == 0:
                on_progress(good + refused, 0)
        read = Staged(hash_list, by, good + refused, refused, reader.caught, second, reader.tlp)
        read.check_label()
        if refused and not accept_good:
            yield read
            return
        how = {"format": format_name, "signal": signal, "accept_good": accept_good, "benign": benign, "rows": good}
        how |= {"voice": _whose(voice)} if voice else {}
        read.require_second("import", how, other=voice is not None and not voice.organisation.own)
        with Arrival(hash_list, by=by, voice=read.heard(voice)) as read.arrival:
            _bring(read.arrival, spool, lambda done: on_progress(read.rows, done))
            yield read


def _bring(arrival: Arrival, spool: _Spool, on_progress: Callable[[int], None]) -> None:
    done = 0
    for batch in spool.batches():
        arrival.take(batch)
        done += len(batch)
        on_progress(done)
    arrival.weigh()


def _told(row: ItemRow) -> dict[str, Any]:
    """A row as somebody wrote it, for a proposal."""
    names = ("line", "signal", "value", "scheme", "code", "source", "reference", "note", "negative")
    told = {name: getattr(row, name) for name in names if getattr(row, name)}
    return told if row.tells_class else {**told, "tells_class": False}


def _whose(voice: Voice) -> dict[str, str]:
    """In whose name a file is, for a proposal: a second person has to see where that one acts, which may count."""
    who = voice.organisation
    return {"organisation": who.name, "jurisdiction": who.jurisdiction, "basis": voice.basis}


P = ParamSpec("P")


def _published(stage: Callable[P, AbstractContextManager[Staged]]) -> Callable[P, ImportResult]:
    def act(*args: P.args, **how: P.kwargs) -> ImportResult:
        with stage(*args, **how) as read:
            return read.publish()

    return act


import_items = _published(staged)
"""Read a file into the list; the arguments and errors are those of :func:`staged`. Returns the counts: with refused
lines and without ``accept_good`` nothing is imported, and ``imported`` is False.
"""


def add_items(
    hash_list: HashList,
    *,
    rows: list[ItemRow],
    by: str,
    accept_good: bool = False,
    benign: bool = False,
    voice: Voice | None = None,
    second: str = "",
    on_refusal: Callable[[Refusal], None] = lambda _: None,
) -> ImportResult:
    """Add rows that somebody wrote, under the rules of :func:`import_items`; a refusal's ``line`` is the row's."""
    reader = Reader("", benign=benign, radius=hash_list.radius)
    read = list(reader.read(rows))
    good = [row for row in read if isinstance(row, ItemRow)]
    for row in read:
        if isinstance(row, Refusal):
            on_refusal(row)
    found = Staged(hash_list, by, len(read), len(read) - len(good), reader.caught, second)
    if found.refused and not accept_good:
        return found.publish()
    how = {"rows": [_told(row) for row in rows], "accept_good": accept_good, "benign": benign}
    found.require_second("add", how, other=voice is not None and not voice.organisation.own)
    with transaction.atomic(), Arrival(hash_list, by=by, voice=found.heard(voice), sweeps=False) as found.arrival:
        found.arrival.take(good)
        found.arrival.weigh()
        return found.publish()
