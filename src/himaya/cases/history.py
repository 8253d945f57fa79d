"""What happened to a case, from the ledger. Content that is met again and again does not bury what people did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Count, Max, Min, Value, When

from himaya.accounts.queries import names
from himaya.cases.models import Comment, Flag, Verdict
from himaya.ledger.queries import entries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from himaya.cases.models import Case
    from himaya.ledger.models import Entry

SEEN = "case.seen"
LINES = 50
"""Lines of a page, those not counted that fold sightings."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One entry of the ledger; ``text`` is the reason or comment that belongs to it."""

    seq: int
    at: datetime
    actor: str
    act: str
    data: dict[str, Any]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Sightings between two lines, ``times`` of them, folded into one."""

    times: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class History:
    """Some lines, newest first.

    ``before`` is the entry to go on from, 0 where nothing older is left; ``opening`` is the first entry of all, where
    it does not stand among the lines.
    """

    lines: list[Happening | Run]
    before: int = 0
    opening: Happening | None = None


def history(of: Case, *, before: int = 0, size: int = LINES) -> History:
    """What happened to the case, newest first: what people and the node did, and how often it was met between.

    A fixed number of queries, whatever the number of sightings.

    Args:
        of: the case.
        before: only entries with a lower number; 0: all.
        size: lines that are not sightings.
    """
    rows = entries(about=of.about, before=before or None)
    found = list(rows.exclude(act=SEEN)[: size + 1])
    more, told = len(found) > size, found[:size]
    floor = told[-1].seq if more else 0
    first = entries(about=of.about).order_by("seq").first() if more else None
    runs = _runs(of, told, floor=floor, before=before)
    single = {
        row.seq: row for row in entries(about=of.about).filter(seq__in=[r[1] for r in runs.values() if r[0] == 1])
    }
    said = {one.seq: one for one in _said([*told, *single.values(), *([first] if first else [])])}
    lines: list[Happening | Run] = []
    for place in range(len(told) + 1):
        if place in runs:
            times, seq, earliest, latest = runs[place]
            lines.append(said[seq] if times == 1 else Run(times, earliest, latest))
        if place < len(told):
            lines.append(said[told[place].seq])
    return History(lines, before=floor, opening=said[first.seq] if first else None)


def _runs(of: Case, told: list[Entry], *, floor: int, before: int) -> dict[int, tuple[int, int, datetime, datetime]]:
    """How many sightings stand above each line, their last number, and when: place → (times, number, first, last)."""
    # by prefix, which no index answers: SQLite would read every sighting of the node rather than all of this case
    seen = entries(about=of.about, before=before or None).filter(act__startswith=SEEN, seq__gt=floor).order_by()
    above = [When(seq__gt=row.seq, then=Value(place)) for place, row in enumerate(told)]
    place = models.Case(*above, default=Value(len(told)), output_field=models.IntegerField())
    counted = seen.annotate(place=place).values_list("place")
    rows = counted.annotate(n=Count("seq"), number=Max("seq"), first=Min("at"), last=Max("at"))
    return {place: (n, number, first, last) for place, n, number, first, last in rows}


def _said(rows: Iterable[Entry]) -> list[Happening]:
    """The entries with names of people, and with the reasons and comments that the ledger only points to."""
    rows = list(rows)
    who = names(row.actor for row in rows)
    facts = {row.seq: row.data for row in rows}
    comments = _texts(Comment, "text", (data.get("comment") for data in facts.values()))
    reasons = _texts(Verdict, "reason", (facts[row.seq].get("verdict") for row in rows if row.act == "case.decided"))
    flags = _texts(Flag, "reason", (data.get("flag") for data in facts.values()))
    told = []
    for row in rows:
        data = facts[row.seq]
        text = comments.get(data.get("comment"), "") or flags.get(data.get("flag"), "")
        text = text or (reasons.get(data.get("verdict"), "") if row.act == "case.decided" else "")
        told.append(Happening(row.seq, row.at, who.get(row.actor, row.actor), row.act, data, text))
    return told


def _texts(model: Any, field: str, keys: Iterable[Any]) -> dict[Any, str]:
    return dict(model.objects.filter(pk__in=[key for key in keys if key]).values_list("pk", field))
