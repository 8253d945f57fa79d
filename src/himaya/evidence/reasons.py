"""What a person gives as the reason of an act on evidence, and why something that they gave cannot be taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from himaya.core.errors import HimayaError
from himaya.core.words import Said, printable

LONGEST = 500


def reason_of(text: str, error: type[HimayaError]) -> str:
    """The reason, as it is kept.

    Raises:
        error: it is empty, or longer than :data:`LONGEST` characters.
    """
    found = printable(text).strip()
    if not 0 < len(found) <= LONGEST:
        raise error(why=Said("a reason is required, of 1 to {n} characters", n=LONGEST))
    return found


def listed(names: Iterable[str], *, more: bool = False) -> str:
    """Several names in one fact of an error, with the comma of the reader's language; ``more``: there are others."""
    first, *others = names
    for other in others:
        first = Said("{one}, {other}", one=first, other=other)
    return Said("{one} …", one=first) if more else first


def refuse(flaws: Mapping[str, bool], error: type[HimayaError]) -> None:
    """See that nothing is wrong.

    Args:
        flaws: why it cannot be taken → whether that is so; the first that is counts.
        error: what says so, by its fact ``why``.
    """
    for why, is_so in flaws.items():
        if is_so:
            raise error(why=why)
