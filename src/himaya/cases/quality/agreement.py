"""How far people who classify the same things agree: numbers from counts. No clock, no database.

A *unit* is one thing with the classes that people gave it, ``("a", "b")``; equal ones are counted once with how often
they occur. Cohen's kappa: J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological
Measurement 20 (1960). Alpha: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

Units = Mapping[tuple[str, ...], int]
Statistic = Callable[[Units], float | None]
FEWEST = 30
"""Things looked at twice, below which no number is told: with fewer, the interval spans most of what is possible."""
TIMES, SEED, LEVEL = 500, 20111, 0.95
"""Of the bootstrap: samples, the beginning of its random numbers, and how sure the interval is."""


def kappa(units: Units) -> float | None:
    """Cohen's kappa of pairs: the agreement beyond that by chance, at most 1.

    Args:
        units: pairs alone, the first one's class first.

    Returns:
        None where nothing can be said: no pair, or both gave one and the same class to everything.
    """
    total = sum(units.values())
    if not total:
        return None
    first, second = _sides(units)
    seen = sum(n for (a, b), n in units.items() if a == b) / total
    chance = sum(n * second[name] for name, n in first.items()) / total**2
    return None if chance >= 1 else (seen - chance) / (1 - chance)


def _sides(units: Units) -> tuple[Counter[str], Counter[str]]:
    first: Counter[str] = Counter()
    second: Counter[str] = Counter()
    for (a, b), n in units.items():
        first[a] += n
        second[b] += n
    return first, second


def alpha(units: Units, order: Sequence[str] = ()) -> float | None:
    """Krippendorff's alpha of any number of people, who need not all have seen everything; at most 1.

    Args:
        units: those with fewer than two classes say nothing, and are left out.
        order: the classes from the least to the gravest: the further apart, the worse (ordinal). Empty: a difference
            is a difference (nominal).

    Returns:
        None where nothing can be said: nothing was seen twice, or one class alone was ever given.

    Raises:
        ValueError: a class is not in ``order``.
    """
    met = _coincidences(units)
    given: defaultdict[str, float] = defaultdict(float)
    for (a, _), n in met.items():
        given[a] += n
    apart = _ordinal(given, order) if order else _nominal
    total = sum(given.values())
    expected = sum(n * m * apart(a, b) for a, n in given.items() for b, m in given.items())
    if not expected:
        return None
    observed = sum(n * apart(a, b) for (a, b), n in met.items())
    return 1 - (total - 1) * observed / expected


def _coincidences(units: Units) -> dict[tuple[str, str], float]:
    """How often each class met each within one unit; a unit counts as much as the people who saw it."""
    met: dict[tuple[str, str], float] = {}
    for values, times in units.items():
        for place, a in enumerate(values):
            for b in (*values[:place], *values[place + 1 :]):
                met[a, b] = met.get((a, b), 0) + times / (len(values) - 1)
    return met


def _nominal(a: str, b: str) -> float:
    return float(a != b)


def _ordinal(given: Mapping[str, float], order: Sequence[str]) -> Callable[[str, str], float]:
    """Two classes are as far apart as what was given in between, squared."""
    if strange := sorted(set(given) - set(order)):
        raise ValueError(f"classes without a place in the order: {strange}")
    ends, upto = {}, 0.0
    for name in order:
        ends[name] = upto + given.get(name, 0) / 2
        upto += given.get(name, 0)
    return lambda a, b: (ends[a] - ends[b]) ** 2


def interval(
    units: Units, statistic: Statistic, *, times: int = TIMES, seed: int = SEED, level: float = LEVEL
) -> tuple[float, float] | None:
    """Between which values the statistic lies, by the bootstrap (percentiles); the same for the same units.

    None where it can be worked out for fewer than half of the samples.
    """
    kinds = sorted(units)
    counts = np.array([units[kind] for kind in kinds], dtype=float)
    if not counts.sum():
        return None
    draws = np.random.default_rng(seed).multinomial(int(counts.sum()), counts / counts.sum(), size=times)
    found = [
        value
        for draw in draws
        if (value := statistic({kind: int(n) for kind, n in zip(kinds, draw, strict=True) if n})) is not None
    ]
    if len(found) * 2 < times:
        return None
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A number with what it rests on: ``n`` things that two people classified, and from where to where it may lie.

    ``value`` is None where there are too few to say (:data:`FEWEST`), or one class alone was ever given.
    """

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def few(self) -> bool:
        """Too few to say."""
        return self.n < FEWEST


def measured(units: Units, order: Sequence[str] = ()) -> Agreement:
    """Alpha with its interval; nothing but ``n`` below :data:`FEWEST`. Worked out once for the same units."""
    return _measured(frozenset(units.items()), tuple(order))


@lru_cache(maxsize=256)
def _measured(items: frozenset[tuple[tuple[str, ...], int]], order: tuple[str, ...]) -> Agreement:
    units = dict(items)
    n = sum(times for values, times in units.items() if len(values) > 1)
    if n < FEWEST:
        return Agreement(n)
    statistic = partial(alpha, order=order)
    low, high = interval(units, statistic) or (None, None)
    return Agreement(n, statistic(units), low, high)


def confusion(units: Units, names: Sequence[str]) -> list[list[int]]:
    """How often the row's class met the column's, whoever said which: the same above the diagonal as below it."""
    place = {name: at for at, name in enumerate(names)}
    cells = [[0] * len(names) for _ in names]
    for (a, b), n in units.items():
        for row, column in {(a, b), (b, a)}:
            cells[place[row]][place[column]] += n
    return cells
