"""What the rows of an import say besides, where the operator lets it be kept (:mod:`himaya.lists.marks`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core.config import config
from himaya.lists import marks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from himaya.core.ports import ItemRow
    from himaya.lists.arrivals.hands import Hand, Key
    from himaya.lists.models import Organisation

Gathered = dict[tuple[int, int], marks.Said]
"""Item and organisation → what it says."""


def gathered(
    hands: Mapping[Key, Hand], rows: Sequence[ItemRow], organisation: Callable[[ItemRow], Organisation]
) -> Gathered:
    """What the rows say of items that are written; empty where it is not to be kept."""
    said: Gathered = {}
    for row in rows if config().investigators_marks else ():
        if row.marks:
            key = hands[row.signal, row.value, row.negative].pk, organisation(row).pk
            said[key] = said.get(key, frozenset()) | frozenset(row.marks)
    return said


@transaction.atomic
def write(said: Gathered, *, revision: int, show_life: Callable[[], None]) -> bool:
    """Keep it under the revision that is under way; whether any of it is new."""
    show_life()
    return marks.write(said, revision=revision)
