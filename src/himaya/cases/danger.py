"""Which case comes first, and why: from facts of a case to a rank and reasons in words. No clock, no database.

Points are added up; the rank is what is left of :data:`LAST`. The points are ours: no standard has any. They stand in
``docs/review.md`` for the people who work by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from himaya.core.words import N_, Said

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from himaya.core.ports import Facets

FIRST, LAST = 0, 9
"""Ranks: the lower one comes first. :data:`FIRST` is for a child who may be in danger now, and for nothing else."""
MANY, VERY_MANY, LATELY_DAYS = 10, 100, 7
"""Sightings; days between an item's listing and the case, within which it counts as listed lately."""
GRAVE, GRAVEST = 2, 3
"""Of :func:`severity`."""
NOW, TOLD = "danger-now", "told-urgent"
FLAGS = {
    NOW: (LAST, N_("A child may be in danger now")),
    TOLD: (6, N_("Who told of the incident says that it is urgent")),
    "live": (5, N_("It may be streamed live")),
    "duty": (4, N_("A duty with a deadline")),
    "coerced": (3, N_("A child may be under pressure from somebody")),
    "unidentified": (3, N_("It may show a child whom nobody has identified")),
}
"""What may be said of a case → points, and words. :data:`TOLD` is what a service says with the particulars."""
GRAVEST_ACTS = frozenset({"penetr", "sadism_animal"})
HARMLESS = frozenset({"harmful", "not-illegal"})


@dataclass(frozen=True, slots=True)
class Raised:
    """A flag that stands; ``due_at`` of a duty."""

    kind: str
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the order goes by.

    ``severity`` is that of the gravest class that a list gives; None: none gives any. ``listed_on`` is when the item
    that was listed last came to its list, ``met_on`` when the case was opened. ``crowded``: the content was met
    :data:`MANY` times within one day.
    """

    flags: Sequence[Raised]
    severity: int | None
    known_exactly: bool
    nearest: int
    disputed: bool
    listed_on: date | None
    met_on: date
    sightings: int
    crowded: bool


@dataclass(frozen=True, slots=True)
class Danger:
    """The rank, :data:`FIRST` to :data:`LAST`, and why: the weightiest reason first."""

    rank: int
    why: tuple[str, ...]


def severity(facets: Facets | None) -> int | None:
    """How grave a class is at worst, 0 to :data:`GRAVEST`; None where it does not say.

    A class that covers several acts counts as the gravest of them: which one it was, the code does not tell.
    """
    if facets is None:
        return None
    if facets.legality in HARMLESS:
        return 0
    if facets.act & GRAVEST_ACTS or "infant" in facets.age:
        return GRAVEST
    if "nonpenetr" in facets.act or facets.legality == "baseline":
        return GRAVE
    return 1 if facets.act or facets.age or facets.legality == "national" else None


def weigh(facts: Facts) -> Danger:
    """The place of a case in the queue."""
    points = sorted([*_flags(facts), *_class(facts), *_newness(facts), *_spread(facts)], key=lambda each: -each[0])
    urgent = any(flag.kind == NOW for flag in facts.flags)
    total = min(max(sum(n for n, _ in points), 0), LAST - 1)
    return Danger(FIRST if urgent else LAST - total, tuple(words for _, words in points))


def _flags(facts: Facts) -> list[tuple[int, str]]:
    raised = []
    for flag in facts.flags:
        points, words = FLAGS[flag.kind]
        due = f"{flag.due_at:%Y-%m-%d %H:%M}" if flag.due_at else ""
        raised.append((points, Said("{what}: by {time} UTC", what=words, time=due) if due else words))
    return raised


def _class(facts: Facts) -> list[tuple[int, str]]:
    disputed = [(-1, N_("An organisation disputes the item"))] if facts.disputed else []
    if facts.severity is None:
        return [(1, N_("The list gives no class")), *disputed]
    words = {GRAVEST: N_("Gravest class"), GRAVE: N_("Grave class")}.get(facts.severity)
    return [*([(facts.severity, words)] if words else []), *disputed]


def _newness(facts: Facts) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    if not facts.known_exactly and facts.nearest:
        found.append((2, N_("Never seen before: near a listed item, and itself on no list")))
    if facts.listed_on and (facts.met_on - facts.listed_on).days <= LATELY_DAYS:
        found.append((1, Said("On a list only since {day}", day=facts.listed_on.isoformat())))
    return found


def _spread(facts: Facts) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    if facts.crowded:
        found.append((2, Said("Met {n} times within a day", n=MANY)))
    if facts.sightings >= MANY:
        reached, points = (VERY_MANY, 2) if facts.sightings >= VERY_MANY else (MANY, 1)
        found.append((points, Said("Met {n} times or more", n=reached)))
    return found
