"""Reading about second looks: what is kept from whom, what waits, what was drawn."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q

from himaya.cases.care import queries as care
from himaya.cases.models import Case
from himaya.cases.quality.choosing import is_drawn
from himaya.cases.quality.models import SecondLook
from himaya.cases.quality.states import DIFFERS, OPEN, UNSETTLED
from himaya.core import clock
from himaya.core.config import config
from himaya.ledger.queries import entries, entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from himaya.accounts.models import Person

CHECKED, LONG = 1000, timedelta(days=1)
"""Verdicts of which the sample is drawn again; for how long a report may wait before somebody is told."""


def look(pk: int) -> SecondLook | None:
    """One second look, or None."""
    return _looks().filter(pk=pk).first()


def look_at(case: Case) -> SecondLook | None:
    """The second look at the verdict that holds, or that led to it; None where there is none."""
    if case.verdict_id is None:
        return None
    return _looks().filter(Q(verdict=case.verdict_id) | Q(result=case.verdict_id)).first()


def _looks() -> QuerySet[SecondLook]:
    return SecondLook.objects.select_related("case", "verdict__by", "by", "settled_by")


def offered(person: Person) -> QuerySet[SecondLook]:
    """Second looks that this person could take: the verdict is another's."""
    return _looks().filter(state=OPEN).exclude(verdict__by=person)


def waiting(person: Person) -> QuerySet[SecondLook]:
    """Those that are put before them, the gravest and then the oldest first.

    None of what they chose not to be given, and none that is severe when they have seen enough; they open it by hand.
    """
    rows = offered(person)
    rows = rows.filter(case__severe=False) if care.why_mild(person) else rows
    for facet in care.opt_outs(person):
        rows = rows.exclude(case__facets__contains=f"|{facet}|")
    return rows.order_by("-case__severity", "chosen_at", "pk")


def differing(person: Person) -> QuerySet[SecondLook]:
    """Pairs of verdicts that this person can decide between, the oldest first."""
    return _looks().filter(state=DIFFERS).exclude(Q(verdict__by=person) | Q(by=person)).order_by("chosen_at", "pk")


def unsettled() -> QuerySet[SecondLook]:
    """All that have not ended, the oldest first."""
    return _looks().filter(state__in=UNSETTLED).order_by("chosen_at", "pk")


def veil(case: Case, person: Person) -> SecondLook | None:
    """The second look for the sake of which the verdict of a case is kept from this person: from all who work on cases
    but the one who gave it. Who only reads, as an auditor does, sees everything.
    """
    if case.verdict_id is None or not person.may("cases.claim"):
        return None
    return unsettled().filter(case=case).exclude(verdict__by=person).first()


def veiled(cases: Iterable[Case], person: Person) -> set[int]:
    """Of some cases, the numbers of those whose verdict is kept from this person."""
    if not person.may("cases.claim"):
        return set()
    found = unsettled().filter(case__in=[one.pk for one in cases]).exclude(verdict__by=person)
    return set(found.values_list("case", flat=True))


def decided_with(look: SecondLook, cases: Iterable[Case]) -> set[int]:
    """Of some cases, those that were decided in one batch with the case of a second look: their verdicts tell it."""
    given = entry(look.entry)
    batch = given.data.get("together") if given else None
    if batch is None:
        return set()
    by_about = {one.about: one for one in cases}
    told = entries(act="case.decided").filter(about__in=by_about)
    return {
        by_about[one.about].pk
        for one in told
        if one.data.get("together") == batch and one.data["verdict"] == by_about[one.about].verdict_id
    }


def veiled_to_programs(cases: Iterable[int]) -> set[int]:
    """Of some cases, those whose verdict programs are not told yet: whoever holds a key may be the second person."""
    return set(unsettled().filter(case__in=list(cases)).values_list("case", flat=True))


def first_of_people(case: Case) -> int:
    """The number of the first entry about it by a person: from there on, its history tells who worked on it, and what
    they said; 0 where there is none.
    """
    rows = entries(about=case.about).filter(actor__startswith="person:").order_by("seq")
    return rows.values_list("seq", flat=True).first() or 0


def is_looked_at(case: Case) -> bool:
    """Whether a second look at the verdict that holds on a case has not ended."""
    return case.verdict_id is not None and unsettled().filter(case=case, verdict=case.verdict_id).exists()


def is_held(case_id: int, *, verdict: int) -> bool:
    """Whether what a verdict sends out waits for a second look: as was set when it was chosen, whatever is set now."""
    return unsettled().filter(case=case_id, verdict=verdict, holds=True).exists()


def held_long() -> int:
    """How many confirmed verdicts send nothing out for too long, because they wait for a second look: for more than a
    day, or than the hours within which the operator wants reports filed, where these are fewer.
    """
    clocks = [timedelta(hours=route.within_hours) for route in config().filings if route.within_hours]
    since = clock.now() - min([LONG, *clocks])
    return unsettled().filter(verdict__confirms=True, holds=True, chosen_at__lt=since).order_by().count()


def outcome(case_id: int, *, verdict: int) -> tuple[bool, bool]:
    """Whether this very verdict holds and is to be acted on now: it confirms; it says harmful, and not illegal."""
    found = Case.objects.select_related("verdict").filter(pk=case_id, verdict=verdict).first()
    if found is None or found.verdict is None or is_held(case_id, verdict=verdict):
        return False, False
    return found.verdict.confirms, found.verdict.harmful


def misdrawn(*, last: int = CHECKED) -> tuple[int, list[int]]:
    """Draw the sample again: how many of the last verdicts it was drawn of, and the numbers of the entries of those
    that it hit and that got no second look.
    """
    rows = [(one.seq, one.digest, one.data) for one in entries(act="case.decided")[:last]]
    drawn = {data["verdict"]: seq for seq, digest, data in rows if is_drawn(digest, data.get("sample", 0))}
    looked = SecondLook.objects.filter(Q(verdict__in=drawn) | Q(result__in=drawn)).values_list("verdict", "result")
    known = {number for pair in looked for number in pair}
    return sum("sample" in data for *_, data in rows), sorted(seq for v, seq in drawn.items() if v not in known)
