"""From fingerprints to matches: exact ones by the database's index, perceptual ones by ``core.search``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

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
        bodies: value → its parts, of composite signals; a value without is looked up as one that a list has.

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
    """For each thing all that is near, negative items too; of each perceptual fingerprint the nearest ``most``."""
    by_signal: dict[str, dict[str, list[Found]]] = {}
    values: dict[str, set[str]] = defaultdict(set)
    for thing in wanted:
        for signal, value, _ in thing:
            values[signal].add(value)
    for signal, distinct in values.items():
        kind = registry.signal(signal)
        if kind.composite:
            by_signal[signal] = _of_frames(view, signal, distinct, names, bodies)
        elif kind.exact:
            by_signal[signal] = _exact(view, signal, distinct)
        else:
            by_signal[signal] = _near(view, signal, distinct, names, most)
    return [_of_one(thing, by_signal, names) for thing in wanted]


def _of_one(thing: Thing, found: dict[str, dict[str, list[Found]]], names: frozenset[str]) -> list[Found]:
    best: dict[int, Found] = {}
    for signal, value, variant in thing:
        for hit in found[signal].get(value, ()):
            if names and hit.item.list_name not in names:
                continue
            known = best.get(hit.item.id)
            if known is None or hit.distance < known.distance:
                best[hit.item.id] = replace(hit, variant=variant)
    return sorted(best.values(), key=lambda f: (f.distance, not registry.is_exact(f.item.signal), f.item.id))


def _exact(view: View, signal: str, values: set[str]) -> dict[str, list[Found]]:
    ordered = sorted(values)
    if signal in view.exact:
        asked = view.exact[signal].perhaps(search.of_hex(ordered))
        ordered = [value for value, perhaps in zip(ordered, asked, strict=True) if perhaps]
    if not ordered:
        return {}
    known = lists.known_by_value(signal, ordered)
    return {value: [Found(item, 0) for item in items] for value, items in known.items()}


def _of_frames(
    view: View, signal: str, values: set[str], only: frozenset[str], bodies: Mapping[str, bytes]
) -> dict[str, list[Found]]:
    found = video_matching.find(signal, values, bodies, index=view.frames[signal], radii=view.radii_of(only))
    return {value: [Found(item, one.distance, overlap=one) for item, one in hits] for value, hits in found.items()}


def _near(view: View, signal: str, values: set[str], only: frozenset[str], limit: int) -> dict[str, list[Found]]:
    ordered = sorted(values)
    answers = view.near[signal].query_many(search.from_hex(ordered), view.radii_of(only), limit)
    near = {hit.key for hits in answers for hit in hits}
    if not near:
        return {}
    # Looked up once more: what was withdrawn a moment ago, or whose list was switched off, does not match.
    known = lists.known_by_id(near)
    found: dict[str, list[Found]] = {}
    for value, hits in zip(ordered, answers, strict=True):
        met = [Found(known[hit.key], hit.distance) for hit in hits if hit.key in known]
        found[value] = [one for one in met if one.distance <= one.item.radius]
    return found
