"""Views of the queue that somebody keeps for themselves, and the queue as a table that leaves the house."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from django.db import transaction

from himaya.cases.models import View
from himaya.cases.quality.queries import veiled_to_programs
from himaya.cases.queries import best_matches
from himaya.core.errors import HimayaError
from himaya.core.records import guarded
from himaya.core.words import N_, Said
from himaya.ledger.services import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from himaya.accounts.models import Person
    from himaya.cases.models import Case, Match

MOST: Final = 20
"""Views of one person."""
COLUMNS: Final = (
    "case", "state", "opened_at", "seen_at", "sightings", "list", "signal", "distance", "listed_as", "claimed_by",
    "verdict", "confirmed", "decided_at",
)  # fmt: skip
AT_ONCE: Final = 500


class BadView(HimayaError):
    """The view cannot be kept: {why}."""

    status = 422


def views(person: Person) -> QuerySet[View]:
    """What the person has kept, by name."""
    return View.objects.filter(person=person).order_by("name")


@transaction.atomic
def keep_view(name: str, *, query: str, person: Person) -> View:
    """Keep the filters of an address under a name; the name again: these instead. It is the person's own affair, so
    nothing of it is on record.

    Raises:
        BadView: no name, one that is too long, or too many of them.
    """
    called = " ".join(name.split())
    if not called or "\0" in called:
        raise BadView(why=N_("it needs a name"))
    if len(called) > 60:
        raise BadView(why=Said("its name has {n} characters; {most} are allowed", n=len(called), most=60))
    if len(query) > 400 or "\0" in query:
        raise BadView(why=N_("its filters are too long"))
    if views(person).exclude(name=called).count() >= MOST:
        raise BadView(why=Said("you have {n} already; let one of them go first", n=MOST))
    return View.objects.update_or_create(person=person, name=called, defaults={"query": query})[0]


def forget_view(pk: int, *, person: Person) -> bool:
    """Let a view of this person go; False where there is none."""
    return bool(View.objects.filter(pk=pk, person=person).delete()[0])


def export_cases(rows: QuerySet[Case], *, filters: dict[str, str], by: str) -> Iterator[bytes]:
    """Hand out cases as CSV, without places and without fingerprints, and record who took them.

    Args:
        rows: of :func:`himaya.cases.queries.queue`.
        filters: by which they were chosen, for the record.
        by: the actor.
    """
    with transaction.atomic():
        told = {name: value for name, value in filters.items() if value and name != "q"}  # a search may be a name
        record("case.exported", by=by, about="cases", searched=bool(filters.get("q")), **told)
    return _table(rows)


def _table(rows: QuerySet[Case]) -> Iterator[bytes]:
    yield _lines([COLUMNS])
    waiting = rows.iterator(chunk_size=AT_ONCE)
    while some := list(islice(waiting, AT_ONCE)):
        best, hidden = best_matches(some), veiled_to_programs(case.pk for case in some)
        yield _lines(_row(case, best.get(case.pk), veiled=case.pk in hidden) for case in some)


def _row(case: Case, match: Match | None, *, veiled: bool) -> tuple[object, ...]:
    verdict = None if veiled else case.verdict
    found: tuple[object, ...] = (
        (match.list_name, match.signal, match.distance, _named(match.scheme, match.code)) if match else ("",) * 4
    )
    said: tuple[object, ...] = ("", "", "")
    if verdict:
        said = (_named(verdict.scheme, verdict.code), "yes" if verdict.confirms else "no", f"{verdict.at:%FT%TZ}")
    return (
        case.reference, case.state, f"{case.opened_at:%FT%TZ}", f"{case.seen_at:%FT%TZ}", case.sightings, *found,
        guarded(str(case.holder() or "")), *said,
    )  # fmt: skip


def _named(scheme: str, code: str) -> str:
    return f"{scheme}/{code}" if code else ""


def _lines(rows: Iterable[tuple[object, ...]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
