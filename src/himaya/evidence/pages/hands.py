"""What changed hands, as pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from himaya.accounts.faces import Actors
from himaya.evidence import handing, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from himaya.evidence.models import Handover


def hand_rows(found: Iterable[Handover]) -> list[dict[str, Any]]:
    """Each with what became of it, as ``evidence/hands.html`` takes them."""
    rows = list(found)
    who, with_whom = Actors(one.by for one in rows), handing.with_whom(rows)
    return [
        {
            "one": one,
            "by": who[one.by],
            "whom": with_whom[one.pk],
            **words.word(words.HANDS, handing.state_of(one)),
        }
        for one in rows
    ]
