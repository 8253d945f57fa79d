"""What a file that was proposed for import says, for whoever decides: its first rows, its classes, its refused lines.

The file is read as it would be imported, up to so many lines. It does not change, so what was seen of it is remembered
for a while.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from himaya.core import registry
from himaya.lists import proposals
from himaya.lists.parsing import Reader
from himaya.lists.previewing import note

if TYPE_CHECKING:
    from himaya.lists.models import Proposal

MOST = 100_000
"""Lines that are read: a second or two."""


@dataclass(slots=True)
class Glimpse:
    """What a file says.

    Attributes:
        good, refused, caught: lines; ``caught`` of the refused ones match a canary.
        whole: whether these are all lines of the file.
        classes: scheme, code and whether it is known to be benign → good lines.
        rows, refusals: the first of each, as a preview has them.
    """

    good: int = 0
    refused: int = 0
    caught: int = 0
    whole: bool = True
    classes: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)


def glimpse(one: Proposal) -> Glimpse:
    """What the file of a proposal says that waits, by the radius that its list has now.

    Raises:
        ChangedFile: it is gone, or not the one that was proposed.
        BadListFile, AmbiguousSignal: it cannot be read any more as it was.
    """
    given = one.arguments
    with proposals.opened(one):  # also where it is remembered: whoever decides is told that somebody changed it
        return _seen(one.pk, one.sha256, given["format"], given["signal"], given["benign"], one.list.radius, MOST)


@lru_cache(maxsize=8)
def _seen(
    pk: int,
    sha256: str,  # noqa: ARG001
    format_name: str,
    signal: str,
    benign: bool,
    radius: int,
    most: int,
) -> Glimpse:
    """Remembered by all that it depends on; ``sha256`` was compared by whoever calls."""
    made, reader = Glimpse(), Reader(signal, benign=benign, radius=radius)
    with proposals.opened(proposals.find(pk)) as stream:
        lines = reader.read(registry.format_(format_name).read(stream))
        for line in islice(lines, most):
            made.classes.update((row.scheme, row.code, row.negative) for row in note(made, [line]))
        made.whole = next(iter(lines), None) is None
    made.caught = reader.caught
    return made
