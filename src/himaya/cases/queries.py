"""Reading cases."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Count, Exists, F, Func, OuterRef, Q, Sum, Value, When

from himaya.cases.classing import is_harmful, means_harm
from himaya.cases.danger import FIRST
from himaya.cases.models import Case, Flag, Identity, Match, Sighting, Skip, Verdict
from himaya.cases.quality import appeal_queries
from himaya.cases.quality.models import SecondLook
from himaya.cases.quality.states import UNSETTLED
from himaya.cases.searching import with_words
from himaya.cases.states import DECIDED, OPEN
from himaya.core import clock, registry
from himaya.core.documents import FingerprintFact, MatchFact, SightingFact, VerdictFact
from himaya.core.statements import ABSTAIN, CONFIRM, DISPUTE
from himaya.core.terms.grid import unpacked
from himaya.lists.queries import readings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from himaya.accounts.models import Person


IN_TURN = ("rank", "opened_at", "pk")
"""The order of what is open: :mod:`himaya.cases.danger` says the rank."""


def queue(
    *,
    state: str = OPEN,
    list_name: str = "",
    signal: str = "",
    held_by: Person | None = None,
    free: bool = False,
    severe: bool | None = None,
    urgent: bool = False,
    search: str = "",
) -> QuerySet[Case]:
    """Cases by rank, then those that wait longest (decided ones: newest first), narrowed by the filters given."""
    rows = Case.objects.select_related("claimed_by", "verdict")
    if state:
        rows = rows.filter(state=state)
    if list_name or signal:
        hits = Match.objects.filter(case=OuterRef("pk"))
        hits = hits.filter(list_name=list_name) if list_name else hits
        hits = hits.filter(signal=signal) if signal else hits
        rows = rows.filter(Exists(hits))
    if urgent:
        rows = rows.filter(rank=FIRST)
    if severe is not None:
        rows = rows.filter(severe=severe)
    now = clock.now()
    if held_by is not None:
        rows = rows.filter(claimed_by=held_by, claimed_until__gt=now)
    if free:
        rows = rows.filter(Q(claimed_by=None) | Q(claimed_until__lte=now))
    if search:
        rows = rows.filter(_search(search.strip()))
    return rows.order_by(*IN_TURN) if state == OPEN else rows.order_by("-opened_at", "-pk")


def held(person: Person) -> int:
    """How many open cases the person holds."""
    return queue(held_by=person).count() if person.may("cases.claim") else 0


def in_order(*, state: str = "", list_name: str = "", after: int = 0) -> QuerySet[Case]:
    """Cases in the order in which they were opened, beginning after the case ``after``."""
    return queue(state=state, list_name=list_name).filter(pk__gt=after).order_by("pk")


def is_digest(text: str) -> bool:
    """Whether it is a whole fingerprint as any signal writes it: then an index finds the cases."""
    return bool(readings(text))


def _search(text: str) -> Q:
    """By a whole fingerprint; otherwise by reference, by a list's name, or by words of notes, reasons and places."""
    if values := set(readings(text).values()):
        found = Q(Exists(Identity.objects.filter(case=OuterRef("pk"), value__in=values)))
        return found | Q(Exists(Match.objects.filter(value__in=values, case=OuterRef("pk"))))
    named = _REFERENCE.fullmatch(text)  # of a case: E-2026-000001 is an exhibit, and another number
    found = Q(Exists(Match.objects.filter(list_name=text, case=OuterRef("pk"))))
    if (worded := with_words(text)) is not None:
        found |= worded
    return found | Q(pk=int(named[1])) if named else found


_REFERENCE = re.compile(r"(?:H-[0-9]{4}-)?([0-9]{1,15})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a queue. ``before`` and ``after`` are the ids to go on from, 0 where nothing lies there."""

    cases: list[Case]
    before: int = 0
    after: int = 0


def page(rows: QuerySet[Case], *, after: int = 0, before: int = 0, size: int = 50) -> Page:
    """The ``size`` rows of a :func:`queue` behind the case ``after``, or those ahead of the case ``before``.

    Pages are found by key: they stay whole while cases come and go. An unknown id gives the first page.
    """
    edge = Case.objects.filter(pk=before or after).first() if before or after else None
    backwards = edge is not None and bool(before)
    if edge is not None:
        names = [str(name) for name in rows.query.order_by]
        rows = rows.filter(_beyond(edge, names, below=names[0].startswith("-") != backwards))
    found = list((rows.reverse() if backwards else rows)[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page([], before=0, after=0)
    behind, ahead = (True, more) if backwards else (more, edge is not None)
    return Page(found, before=found[0].pk if ahead else 0, after=found[-1].pk if behind else 0)


def _beyond(edge: Case, names: list[str], *, below: bool) -> Func:
    """What lies behind a case by a whole key: one comparison of rows, so that the index is entered where a page begins,
    however deep that is. Django's own one asks field by field.
    """
    plain = (name.lstrip("-").replace("pk", "id") for name in names)
    fields = [field for name in plain if isinstance(field := Case._meta.get_field(name), models.Field)]
    key = Func(*(F(field.name) for field in fields), template="(%(expressions)s)")
    values = (Value(getattr(edge, field.attname), output_field=field) for field in fields)
    return Func(
        key,
        Func(*values, template="(%(expressions)s)"),
        arg_joiner=" < " if below else " > ",
        template="%(expressions)s",
        output_field=models.BooleanField(),
    )


def case(pk: int) -> Case | None:
    """One case, or None."""
    return Case.objects.select_related("claimed_by", "verdict", "verdict__by").filter(pk=pk).first()


def best_matches(cases: list[Case], *, list_name: str = "", signal: str = "", search: str = "") -> dict[int, Match]:
    """Case id → its nearest match among those that the filters of :func:`queue` ask for."""
    hits = Match.objects.filter(case__in=[c.pk for c in cases])
    hits = hits.filter(list_name=list_name) if list_name else hits
    hits = hits.filter(signal=signal) if signal else hits
    asked = Q(value=search.strip().lower()) | Q(list_name=search.strip())
    best: dict[int, Match] = {}
    for match in hits.order_by(_first(asked), *_nearest()):
        best.setdefault(match.case_id, match)
    return best


def matches(of: Case) -> QuerySet[Match]:
    """Its matches, nearest first; equal bytes say more than equal fingerprints of a picture."""
    return Match.objects.filter(case=of).order_by(*_nearest())


def opinions(case_id: int) -> dict[int, str]:
    """Item that a case matched → what our reviewers think of it (``core.statements``), by all verdicts that hold now.

    A verdict that confirms confirms every item that its case matched. One that does not disputes the items that are
    equal to what was seen; of those that are only near, the nearness may be what is wrong. One that says harmful, not
    illegal, confirms those that are on a list as that. The last word holds; where there is none, or none any more, it
    is an abstention. A verdict that waits for a second look is no word yet: the page of the item would tell it.
    """
    items = list(Match.objects.filter(case=case_id).values_list("item", flat=True))
    found = dict.fromkeys(items, ABSTAIN)
    waiting = SecondLook.objects.filter(verdict=OuterRef("case__verdict"), state__in=UNSETTLED)
    for start in range(0, len(items), 500):
        seen = Match.objects.filter(item__in=items[start : start + 500], case__verdict__isnull=False)
        told = seen.exclude(Exists(waiting)).order_by("case__verdict__at", "case__verdict")
        said = ("case__verdict__confirms", "case__verdict__facets", "scheme", "code")
        for item, distance, confirms, facets, scheme, code in told.values_list("item", "distance", *said):
            agrees = confirms or (is_harmful(confirms, facets) and means_harm(scheme, code))
            if agrees or distance == 0:
                found[item] = CONFIRM if agrees else DISPUTE
    return found


def _nearest() -> tuple[Any, ...]:
    exact = [name for name, signal in registry.signals().items() if signal.exact]
    return "distance", _first(Q(signal__in=exact)), "pk"


def _first(rows: Q) -> models.Case:
    return models.Case(When(rows, then=0), default=1)


def already_seen(subject: str, place: str, items: Iterable[int]) -> bool:
    """Whether the content has a case that knows all these items, and a sighting at this place: nothing would be new."""
    signal, _, value = subject.partition(":")
    case = Identity.objects.filter(signal=signal, value=value).values_list("case", flat=True).first()
    if case is None:
        return False
    wanted = set(items)
    known = set(Match.objects.filter(case=case, item__in=wanted).values_list("item", flat=True))
    return known == wanted and Sighting.objects.filter(case=case, place=place).exists()


def sightings(of: Case) -> QuerySet[Sighting]:
    """Where and when it was seen, newest first."""
    return Sighting.objects.filter(case=of).order_by("-at", "-pk")


def places(of: Case) -> int:
    """At how many places it was seen; those without a name are not counted."""
    return Sighting.objects.filter(case=of).exclude(place="").values("place_digest").distinct().count()


def sightings_of_a_host(of: Case) -> QuerySet[Sighting]:
    """Sightings at places that a host knows by that name, newest first: addresses, and what a program called so."""
    address = Q(place__istartswith="https://") | Q(place__istartswith="http://")
    return sightings(of).filter(address | Q(origin="api"))


def kin(of: Case, *, state: str) -> QuerySet[Case]:
    """Other cases in that state which match one of the same items, newest first.

    What was decided there is worth knowing here; what is open there may belong to the same hands.
    """
    items = Match.objects.filter(case=of).values("item")
    same = Match.objects.filter(item__in=items).values("case")
    found = Case.objects.select_related("verdict").filter(pk__in=same).exclude(pk=of.pk)
    # by prefix, which no index answers: SQLite would walk through all cases in that state, and look each one up
    return found.filter(state__startswith=state).order_by("-pk")


def flags(of: Case) -> QuerySet[Flag]:
    """What was said of its urgency and stands."""
    return Flag.objects.filter(case=of, ended_at=None).order_by("pk")


def skips() -> QuerySet[Skip]:
    """What people left to others within a month, newest first: for leads."""
    since = clock.now() - timedelta(days=30)
    return Skip.objects.select_related("case", "person").filter(at__gte=since).order_by("-at", "-pk")


def earlier_verdicts(of: Case) -> QuerySet[Verdict]:
    """Verdicts on this case that no longer hold."""
    return Verdict.objects.select_related("by").filter(case=of).exclude(pk=of.verdict_id or 0).order_by("-at")


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """A decided case as documents tell it."""

    reference: str
    verdict_id: int
    verdict: VerdictFact
    confirms: bool
    harmful: bool
    fingerprints: tuple[FingerprintFact, ...]
    matches: tuple[MatchFact, ...]
    sightings: tuple[SightingFact, ...]


LEGAL = {
    "baseline": "illegal in any country",
    "national": "illegal under national law",
    "harmful": "harmful to a child, although not illegal",
}
"""What a class means to somebody outside, in neutral words."""


def facts(pk: int) -> CaseFacts | None:
    """What may leave the house about a case, to an authority; None where it has no verdict."""
    found = case(pk)
    if found is None or found.verdict is None:
        return None
    verdict = found.verdict
    code = registry.scheme(verdict.scheme).get(verdict.code)
    label = code.label if code else verdict.code
    return CaseFacts(
        found.reference,
        verdict.pk,
        VerdictFact(verdict.scheme, verdict.code, label, verdict.reason, verdict.at, verdict.facets),
        verdict.confirms,
        verdict.harmful,
        tuple(FingerprintFact(*f) for f in found.fingerprints),
        tuple(
            MatchFact(m.list_name, m.signal, m.value, m.distance, m.radius, m.scheme, m.code, m.source)
            for m in matches(found)[:50]
        ),
        tuple(SightingFact(s.at, s.place, s.origin) for s in sightings(found)[:50]),
    )


def facts_for_a_host(pk: int) -> CaseFacts | None:
    """What a host is told of it: what was found, when and where in the host's own words, and what it is by law.

    Which list knows the content, how near it is and who vouches is not the host's affair, nor is the reviewer's reason,
    nor a path of the machine that scanned. Where no place has a name that the host knows, the last time is told.
    """
    found, told = case(pk), facts(pk)
    if found is None or told is None:
        return None
    places = [SightingFact(s.at, s.place, "") for s in sightings_of_a_host(found)[:50]]
    nameless = [SightingFact(s.at, "", "") for s in told.sightings[:1]]
    legal = LEGAL.get(unpacked(found.verdict.facets).legality, told.verdict.label) if found.verdict else ""
    verdict = replace(told.verdict, label=legal, reason="", facets={})
    return replace(told, verdict=verdict, matches=(), sightings=tuple(places or nameless))


def tally() -> dict[str, int]:
    """Numbers for the statistics page, from one walk through the cases."""
    rows = Case.objects.values_list("state", "verdict__confirms").order_by()
    counted = rows.annotate(n=Count("id"), seen=Sum("sightings"))
    numbers: Counter[str] = Counter()
    for state, confirms, n, seen in counted:
        numbers[state] += n
        numbers["seen"] += seen
        numbers[f"confirms:{confirms}"] += n
    return {
        "cases.open": numbers[OPEN],
        "cases.decided": numbers[DECIDED],
        "cases.confirmed": numbers["confirms:True"],
        "cases.dismissed": numbers["confirms:False"],
        "sightings": numbers["seen"],
        **appeal_queries.tally(),
    }
