"""How far two people agreed who decided the same case: of everybody, by class and rule, and of oneself.

Only what has ended counts. What the lot drew speaks for all verdicts; what rules chose is harder than they are, and is
counted apart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from himaya.accounts.queries import people
from himaya.cases.quality.agreement import Agreement, confusion, kappa, measured
from himaya.cases.quality.choosing import SAMPLE
from himaya.cases.quality.models import SecondLook
from himaya.cases.quality.states import AGREED, CHANGED, KEPT
from himaya.cases.weighing import facets_of
from himaya.core.terms.grid import RANK
from himaya.core.terms.relations import severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from himaya.accounts.models import Person

GRAVITY = tuple(str(one) for one in range(len(RANK) + 1))
"""What a class says at least (:func:`himaya.core.terms.relations.severity`): nothing, then the acts by their rank."""
MONTHS, CLASSES, SHADES = 12, 12, 4
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two verdicts on one case: scheme, code and whether it confirms of each; who gave them."""

    cause: str
    state: str
    at: datetime
    schemes: tuple[str, str]
    codes: tuple[str, str]
    confirms: tuple[bool, bool]
    people: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """What chose verdicts: how many were looked at, how many differed, and of how many the second one holds."""

    cause: str
    n: int
    differed: int
    changed: int


@dataclass(frozen=True, slots=True)
class Cell:
    """How often two classes met, and how dark that is, 0 to :data:`SHADES`."""

    n: int
    shade: int


@dataclass(frozen=True, slots=True)
class Table:
    """Of a scheme: how far people agree in it, and how often each class met each; the commonest classes."""

    scheme: str
    agreement: Agreement
    codes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def pairs() -> list[Pair]:
    """Every second look that has ended with two verdicts, the oldest first."""
    rows = SecondLook.objects.filter(state__in=(AGREED, KEPT, CHANGED)).order_by("looked_at", "pk").values_list(
        "cause", "state", "looked_at", "verdict__scheme", "scheme", "verdict__code", "code", "verdict__confirms",
        "confirms", "verdict__by", "by",
    )  # fmt: skip
    return [
        Pair(c, s, at, (a, b), (d, e), (f, bool(g)), (h, i))
        for c, s, at, a, b, d, e, f, g, h, i in rows.iterator()
        if at is not None and i is not None
    ]


def outcomes(found: Iterable[Pair]) -> Counter[tuple[str, ...]]:
    """Whether each confirmed."""
    return Counter((YES if a else NO, YES if b else NO) for a, b in (one.confirms for one in found))


def by_outcome(found: Iterable[Pair]) -> Agreement:
    """How far people agree whether a case is confirmed."""
    return measured(outcomes(found))


def by_gravity(found: Iterable[Pair]) -> Agreement:
    """How far they agree how grave it is, whatever the scheme; a class that confirms and names no act is left out."""
    return measured(Counter(_gravities(found)), GRAVITY)


def _gravities(found: Iterable[Pair]) -> Iterator[tuple[str, ...]]:
    for one in found:
        both = tuple(_gravity(*each) for each in zip(one.schemes, one.codes, one.confirms, strict=True))
        if all(both):
            yield both


def _gravity(scheme: str, code: str, confirms: bool) -> str:
    facets = facets_of(scheme, code)
    if facets is None or not facets.act:
        return "" if confirms or facets is None else GRAVITY[0]
    return GRAVITY[severity(confirms, facets).act + 1]


def kappa_of(found: Iterable[Pair]) -> float | None:
    """Cohen's kappa of the outcome: as the first and the second one, who are not the same people each time."""
    return kappa(outcomes(found))


def by_month(found: Sequence[Pair]) -> list[tuple[str, Agreement]]:
    """Month as ``2026-11`` → how far people agreed, the last twelve that have any."""
    months = sorted({f"{one.at:%Y-%m}" for one in found})[-MONTHS:]
    return [(month, by_outcome(one for one in found if f"{one.at:%Y-%m}" == month)) for month in months]


def tables(found: Iterable[Pair]) -> list[Table]:
    """A table for each scheme in which both decided, the commonest first."""
    met: dict[str, Counter[tuple[str, ...]]] = {}
    for one in found:
        if one.schemes[0] == one.schemes[1]:
            met.setdefault(one.schemes[0], Counter())[one.codes] += 1
    return [_table(scheme, units) for scheme, units in sorted(met.items(), key=lambda each: (-each[1].total(), each))]


def _table(scheme: str, units: Counter[tuple[str, ...]]) -> Table:
    often = Counter(code for values, n in units.items() for code in values for _ in range(n))
    codes = tuple(sorted(code for code, _ in often.most_common(CLASSES)))
    cells = confusion({values: n for values, n in units.items() if set(values) <= set(codes)}, codes)
    most = max((n for row in cells for n in row), default=0)
    shaded = tuple(
        (code, tuple(Cell(n, -(-n * SHADES // most) if most else 0) for n in row))
        for code, row in zip(codes, cells, strict=True)
    )
    return Table(scheme, measured(units), codes, shaded)


def by_rule(found: Iterable[Pair]) -> list[Rule]:
    """What chose verdicts, and what came of it; where most differed first."""
    n, differed, changed = Counter[str](), Counter[str](), Counter[str]()
    for one in found:
        n[one.cause] += 1
        differed[one.cause] += one.state != AGREED
        changed[one.cause] += one.state == CHANGED
    rules = [Rule(cause, n[cause], differed[cause], changed[cause]) for cause in n]
    return sorted(rules, key=lambda one: (-one.differed / one.n, one.cause))


def drawn(found: Iterable[Pair]) -> list[Pair]:
    """What the lot drew."""
    return [one for one in found if one.cause == SAMPLE]


def own(found: Iterable[Pair], person: Person) -> list[Pair]:
    """In what the person took part."""
    return [one for one in found if person.pk in one.people]


def support_due(found: Sequence[Pair]) -> list[Person]:
    """People who agree with others less than all do, beyond what chance explains: their whole interval lies below that
    of the others. By name, without a figure and without an order of worth: somebody should sit down with them.
    """
    took_part = {pk for one in found for pk in one.people}
    due = {pk for pk in took_part if _is_below(found, lambda one, pk=pk: pk in one.people)}  # type: ignore[misc]
    return sorted((one for one in people() if one.pk in due), key=lambda one: str(one).casefold())


def _is_below(found: Sequence[Pair], theirs: Callable[[Pair], bool]) -> bool:
    one, rest = (by_outcome(each for each in found if theirs(each) is mine) for mine in (True, False))
    return one.high is not None and rest.low is not None and one.high < rest.low
