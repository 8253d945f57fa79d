"""From fingerprints to matches: exact ones by the database's index, perceptual ones by ``core.search``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from himaya.core import registry, search
from himaya.core.overlap import Overlap
from himaya.lists import queries as lists
from himaya.screening import live, video_matching
from himaya.screening.suppressing import Judged, judge

if TYPE_CHECKING:
    from himaya.lists.queries import Known
    from himaya.screening.live import View


MOST = 100_000
"""Items that are looked at for one fingerprint where some of them may suppress others."""
Thing = Sequence[tuple[str, str, str]]
"""The fingerprints of a thing: signal, canonical value, variant."""


@dataclass(frozen=True, slots=True)
class Found:
    """An item that matched a fingerprint, and how far away it is, in bits. ``variant``: how the content was turned."""

    item: Known
    distance: int
    variant: str = ""
    overlap: Overlap | None = None
    """Of videos: which frames matched, and where."""


_Group = tuple[str, ...]
"""The distinct values of a thing by one signal, in its order: its variants."""
_Met = dict[_Group, list[tuple[str, Found]]]
"""What each group met, each item once, and by which of the values: the first at the least distance."""


def find(
    wanted: Sequence[Thing],
    *,
    only: Iterable[str] = (),
    limit: int,
    bodies: Mapping[str, bytes] = MappingProxyType({}),
) -> list[Judged]:
    """Match many things at once.

    Args:
        wanted: for each thing its fingerprints, as (signal, canonical value, variant).
        only: names of the lists to look in; all where empty.
        limit: the most matches for one thing; the nearest stay. What is suppressed takes no place among them.
        bodies: value → its parts, of composite signals; a value without matches nothing.

    Returns:
        For each thing its matches, nearest first, each item once; equal in every byte goes before equal in looks.
        Beside them, in the same order and as many at most, those that a list's negative items suppress.
    """
    names, view = frozenset(only), live.view()
    found = _found(view, wanted, names, limit, bodies)
    again = [n for n, one in enumerate(found) if len(one) >= limit]
    if again and lists.any_negative():  # among the nearest alone, one may stand without what suppresses it
        for n, one in zip(again, _found(view, [wanted[n] for n in again], names, MOST, bodies), strict=True):
            found[n] = one
    judged = map(judge, found)
    return [Judged(matches[:limit], suppressed[:limit]) for matches, suppressed in judged]


def is_unknown(values: Mapping[str, Sequence[str]], *, only: Iterable[str] = ()) -> bool:
    """Whether surely nothing matches, by what is in memory; where False, :func:`find` tells.

    Args:
        values: signal → canonical values.
        only: names of the lists to look in; all where empty.
    """
    view = live.view()
    radii = view.radii_of(frozenset(only))
    for signal, some in values.items():
        if signal in view.exact:
            known = bool(view.exact[signal].perhaps(search.of_hex(some)).any())
        elif signal in view.near:
            known = bool(len(view.near[signal].near(search.from_hex(some), radii, 1).rows))
        else:
            return False
        if known:
            return False
    return True


def _found(
    view: View, wanted: Sequence[Thing], names: frozenset[str], most: int, bodies: Mapping[str, bytes]
) -> list[list[Found]]:
    """For each thing all that is near, negative items too; by each perceptual signal the nearest ``most``."""
    things = [_by_signal(thing) for thing in wanted]
    groups: dict[str, set[_Group]] = defaultdict(set)
    for thing in things:
        for signal, variants in thing.items():
            groups[signal].add(tuple(variants))
    met: dict[str, _Met] = {}
    for signal, distinct in groups.items():
        kind = registry.signal(signal)
        if kind.composite:
            met[signal] = _of_frames(view, signal, distinct, names, most, bodies)
        elif kind.exact:
            met[signal] = _exact(view, signal, distinct)
        else:
            met[signal] = _near(view, signal, distinct, names, most)
    return [_of_one(thing, met, names) for thing in things]


def _by_signal(thing: Thing) -> dict[str, dict[str, str]]:
    """Signal → value → variant, the first of those with that value."""
    found: dict[str, dict[str, str]] = {}
    for signal, value, variant in thing:
        found.setdefault(signal, {}).setdefault(value, variant)
    return found


def _of_one(thing: Mapping[str, Mapping[str, str]], met: Mapping[str, _Met], names: frozenset[str]) -> list[Found]:
    found = [
        replace(hit, variant=variants[value])
        for signal, variants in thing.items()
        if met[signal]
        for value, hit in met[signal].get(tuple(variants), ())
        if not names or hit.item.list_name in names
    ]
    return sorted(found, key=lambda f: (f.distance, not registry.is_exact(f.item.signal), f.item.id))


def _each_once(groups: Iterable[_Group], found: Mapping[str, list[Found]]) -> _Met:
    """From what each value found."""
    met: _Met = {}
    for group in groups:
        best: dict[int, tuple[str, Found]] = {}
        for value in group:
            for hit in found.get(value, ()):
                if hit.item.id not in best or hit.distance < best[hit.item.id][1].distance:
                    best[hit.item.id] = value, hit
        met[group] = list(best.values())
    return met


def _exact(view: View, signal: str, groups: set[_Group]) -> _Met:
    ordered = sorted({value for group in groups for value in group})
    if signal in view.exact:
        asked = view.exact[signal].perhaps(search.of_hex(ordered))
        ordered = [value for value, perhaps in zip(ordered, asked, strict=True) if perhaps]
    if not ordered:
        return {}
    known = lists.known_by_value(signal, ordered)
    return _each_once(groups, {value: [Found(item, 0) for item in items] for value, items in known.items()})


def _of_frames(
    view: View, signal: str, groups: set[_Group], only: frozenset[str], limit: int, bodies: Mapping[str, bytes]
) -> _Met:
    values, radii = {value for group in groups for value in group}, view.radii_of(only)
    hits = video_matching.find(values, bodies, index=view.frames[signal], radii=radii, most=limit)
    found = {value: [Found(item, one.distance, overlap=one) for item, one in some] for value, some in hits.items()}
    return _each_once(groups, found)


def _near(view: View, signal: str, groups: set[_Group], only: frozenset[str], limit: int) -> _Met:
    ordered = sorted(groups)
    values = search.from_hex([value for group in ordered for value in group])
    ends = np.fromiter(accumulate(map(len, ordered)), np.uint32, len(ordered))
    answers = view.near[signal].query_variants(values, ends, view.radii_of(only), limit)
    near = {hit.key for hits in answers for hit in hits}
    if not near:
        return {}
    # Looked up once more: what was withdrawn a moment ago, or whose list was switched off, does not match.
    known = lists.known_by_id(near)
    met: _Met = {}
    for group, hits in zip(ordered, answers, strict=True):
        found = [(group[hit.variant], Found(known[hit.key], hit.distance)) for hit in hits if hit.key in known]
        met[group] = [(value, one) for value, one in found if one.distance <= one.item.radius]
    return met
