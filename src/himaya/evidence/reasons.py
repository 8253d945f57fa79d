"""What a person gives as the reason of an act on evidence."""

from __future__ import annotations

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
