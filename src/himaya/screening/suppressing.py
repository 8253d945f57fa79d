"""Negative items: what a list knows to be benign keeps its other items from being a match.

A list that once took a harmless picture for a known one would do so for ever. So a lead may say of a content that it is
benign, on the list that it was mistaken for, and from then on, for that list alone:

- equal bytes (an exact signal) suppress every likeness, and the item of that very signal and value;
- a likeness (a perceptual signal) suppresses the matches of its own signal that are not nearer than itself.

Equal bytes are never outweighed by a likeness, nor by a digest of another kind, which somebody may have made to fit.
Only an active item suppresses: one that is disputed or withdrawn does not (docs/decisions/0018).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from himaya.core import registry

if TYPE_CHECKING:
    from himaya.screening.matching import Found


class Judged(NamedTuple):
    """What matched one thing, and what would have, were it not known to be benign; each in the order given."""

    matches: list[Found]
    suppressed: list[Found]


def judge(found: Iterable[Found]) -> Judged:
    """Tell what counts from what is suppressed; the negative items themselves are in neither."""
    listed: dict[str, list[Found]] = defaultdict(list)
    positive: list[Found] = []
    for one in found:
        if not one.item.negative:
            positive.append(one)
        elif one.item.state == "active":
            listed[one.item.list_name].append(one)
    if not listed:
        return Judged(positive, [])
    judged = Judged([], [])
    for one in positive:
        benign = any(_suppresses(other, one) for other in listed[one.item.list_name])
        (judged.suppressed if benign else judged.matches).append(one)
    return judged


def _suppresses(benign: Found, known: Found) -> bool:
    same_signal = benign.item.signal == known.item.signal
    if not registry.is_exact(benign.item.signal):
        return same_signal and benign.distance <= known.distance
    return not registry.is_exact(known.item.signal) or (same_signal and benign.item.value == known.item.value)
