"""What comes new into a list where it lies beside what the list knows to be benign: it is taken, and there is an alarm.

A picture that is known to be benign may lie near an item that is right: that is why one says so. But what comes anew at
such a place is most likely what was said to be no material. What is there already, and comes again, says nothing new.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from himaya.ledger.services import record
from himaya.lists.models import ACTIVE, Item, Portion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from himaya.lists.arrivals.hands import Key
    from himaya.lists.models import HashList

NEAR = "pdq"
"""The signal whose values lie near one another; of all others equal ones are looked for."""


class _Known(NamedTuple):
    values: frozenset[tuple[str, str]]
    rows: NDArray[np.uint64]


class Benign:
    """The benign items of a list, read once where it has any, and what comes beside them.

    Attributes:
        met: new items that are equal to one of them or, by PDQ, within the radius of the list.
    """

    def __init__(self, hash_list: HashList) -> None:
        self._list, self.met = hash_list, 0

    @cached_property
    def _known(self) -> _Known:
        if not Portion.objects.filter(list=self._list, negative=True, state=ACTIVE, number__gt=0).exists():
            return _Known(frozenset(), _rows(()))
        items = Item.objects.filter(list=self._list, negative=True, state=ACTIVE)
        values = frozenset(items.values_list("signal", "value"))
        return _Known(values, _rows(value for signal, value in values if signal == NEAR))

    def look(self, new: Iterable[Key]) -> None:
        """Count those of new items that lie there."""
        known = self._known
        if not known.values:
            return
        for signal, value, negative in new:
            if negative:
                continue
            if (signal, value) in known.values:
                self.met += 1
            elif signal == NEAR and len(known.rows):
                apart = np.bitwise_count(known.rows ^ _rows((value,))).sum(axis=1)
                self.met += bool((apart <= self._list.radius).any())

    def alarm(self, *, by: str) -> None:
        """Put it on record, with the caller's transaction, where any do."""
        if self.met:
            record("list.beside-benign", by=by, about=f"list:{self._list.name}", items=self.met)


def _rows(values: Iterable[str]) -> NDArray[np.uint64]:
    """Values of 256 bits, one a row."""
    return np.frombuffer(b"".join(map(bytes.fromhex, values)), np.uint64).reshape(-1, 4)
