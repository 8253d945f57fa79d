"""Practice: training cases one after the other, for oneself; of others, sums alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from himaya.cases.quality.golden import BY_NAME, GOLDEN
from himaya.cases.quality.models import Practised
from himaya.core import clock, registry
from himaya.core.errors import HimayaError
from himaya.core.words import N_

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.cases.quality.golden import Golden

PEOPLE = 3
"""Fewer who answered a case, and its sum would tell of them: it is not told."""


class BadPractice(HimayaError):
    """The answer cannot be taken: {why}."""

    status = 422


@dataclass(frozen=True, slots=True)
class Sum:
    """Of a scheme, or of one training case: answers, and how many were right."""

    name: str
    n: int
    right: int


def next_case(person: Person, *, scheme: str = "") -> Golden:
    """The training case that this person has had least often, the first of those in the order of the set."""
    had = Counter(Practised.objects.filter(person=person).values_list("item", flat=True))
    offered = [one for one in GOLDEN if scheme in ("", one.scheme)] or list(GOLDEN)
    return min(offered, key=lambda one: had[one.name])


def answer_case(name: str, *, person: Person, code: str) -> Practised:
    """Classify a training case; nothing of it is on record but for the person.

    Args:
        name: of one of :data:`.golden.GOLDEN`.
        person: who practises.
        code: of its scheme; empty: none fits.

    Raises:
        BadPractice: there is no such case, or no such class.
    """
    golden = BY_NAME.get(name)
    if golden is None:
        raise BadPractice(why=N_("there is no such training case"))
    if code and registry.scheme(golden.scheme).get(code) is None:
        raise BadPractice(why=N_("choose a class"))
    return Practised.objects.create(person=person, item=name, code=code, right=code == golden.code, at=clock.now())


def last_answer(person: Person, *, name: str) -> Practised | None:
    """What the person said last of a training case."""
    return Practised.objects.filter(person=person, item=name).order_by("-pk").first()


def own_sums(person: Person) -> list[Sum]:
    """How the person did, by scheme."""
    n, right = Counter[str](), Counter[str]()
    for item, was_right in Practised.objects.filter(person=person).values_list("item", "right"):
        if item in BY_NAME:
            n[BY_NAME[item].scheme] += 1
            right[BY_NAME[item].scheme] += was_right
    return [
        Sum(scheme, n[scheme], right[scheme]) for scheme in dict.fromkeys(one.scheme for one in GOLDEN) if n[scheme]
    ]


def sums() -> list[Sum]:
    """How everybody did, by training case, the hardest first; only where at least :data:`PEOPLE` answered it."""
    counted = Practised.objects.values("item").order_by().annotate(
        n=Count("pk"), yes=Count("pk", filter=Q(right=True)), people=Count("person", distinct=True)
    )  # fmt: skip
    found = [Sum(row["item"], row["n"], row["yes"]) for row in counted if row["people"] >= PEOPLE]
    return sorted((one for one in found if one.name in BY_NAME), key=lambda one: (one.right / one.n, one.name))
