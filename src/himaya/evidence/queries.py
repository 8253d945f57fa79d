"""Reading about evidence: what is kept, by which rule, until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet

from himaya.core import clock
from himaya.evidence import rules
from himaya.evidence.ending import held
from himaya.evidence.models import DESTROYED, ROTTEN, Binding, Blob, Exhibit, Hold, Rule
from himaya.evidence.services import UnknownExhibit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def exhibits(*, case: str = "", state: str = "", since: int = 0) -> QuerySet[Exhibit]:
    """Exhibits in the order in which they came, behind the number ``since``."""
    found = Exhibit.objects.filter(pk__gt=since).annotate(is_held=held()).order_by("pk")
    found = found.filter(case=case) if case else found
    return found.filter(state=state) if state else found


def exhibit(number: int) -> Exhibit:
    """One of them.

    Raises:
        UnknownExhibit: there is none of this number.
    """
    found = Exhibit.objects.select_related("blob", "epoch").annotate(is_held=held()).filter(pk=number).first()
    if found is None:
        raise UnknownExhibit(exhibit=number)
    return found


def by_reference(text: str) -> Exhibit:
    """The exhibit that people call ``E-2026-000042``, or by its number.

    Raises:
        UnknownExhibit: there is none.
    """
    digits = text.rpartition("-")[2]
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise UnknownExhibit(exhibit=repr(text[:40]))
    return exhibit(int(digits))


def ends_next(*, before: datetime) -> QuerySet[Exhibit]:
    """What is kept and ends before a time, or would but for a hold or a person's look, the first one first."""
    found = Exhibit.objects.exclude(state=DESTROYED).filter(until__lt=before)
    return found.annotate(is_held=held()).order_by("until", "pk")


def holds(*, lifted: bool = False) -> QuerySet[Hold]:
    """Holds that stand, those that are to be reviewed first first; with ``lifted`` all."""
    found = Hold.objects.select_related("exhibit").order_by("review_on", "pk")
    return found if lifted else found.filter(lifted_at=None)


def holds_on(one: Exhibit) -> QuerySet[Hold]:
    """The holds that keep an exhibit."""
    return holds().filter(Q(exhibit=one) | (Q(case=one.case) & ~Q(case="")))


def bindings(one: Exhibit) -> tuple[list[Binding], rules.Bound]:
    """The rules that bind an exhibit, and which of them counts."""
    found = list(Binding.objects.filter(exhibit=one).select_related("rule").order_by("pk"))
    return found, rules.bound(found)


def rules_that_hold() -> QuerySet[Rule]:
    """Rules by which something new may be kept, by name."""
    return Rule.objects.filter(ended_at=None).order_by("name")


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand: counts of exhibits, bytes of sealed files, what is rotten, what waits for a person."""

    states: Mapping[str, int]
    held: int
    to_review: int
    rotten: int


def standing() -> Standing:
    """How things stand now."""
    states = dict(Exhibit.objects.values_list("state").annotate(n=Count("pk")).values_list("state", "n"))
    kept = Exhibit.objects.exclude(state=DESTROYED)
    over = kept.filter(~held(), review=True, until__lte=clock.now())
    return Standing(states, kept.filter(held()).count(), over.count(), Blob.objects.filter(state=ROTTEN).count())


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    now = standing()
    return {
        "evidence.kept": sum(n for state, n in now.states.items() if state != DESTROYED),
        "evidence.destroyed": now.states.get(DESTROYED, 0),
        "evidence.held": now.held,
    }
