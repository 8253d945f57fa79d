"""All items of a list judged by another rule: batch by batch, unseen, and then all of them in one moment."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from django.db import transaction

from himaya.ledger.services import lock_head
from himaya.lists.admission import standing
from himaya.lists.arrivals import amending, words
from himaya.lists.arrivals.arrival import LEASE, Arrival, ImportUnderWay
from himaya.lists.arrivals.revisions import next_number
from himaya.lists.models import Amendment, Item, Revision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import QuerySet

    from himaya.lists.admission import Rule
    from himaya.lists.models import HashList

BATCH = 1000
"""Items that are judged at once."""
TRIES = 20
"""How often the end is begun anew, because somebody said something about an item in the very moment."""


class _Moved(Exception):
    """An item changed between the look at it and the lock."""


class Judging(Arrival):
    """As an import that brings no item: while it is under way, no other comes into the list.

    What is said about single items meanwhile is heard: it is looked at again in the end.

    Args:
        hash_list: the list, with the rule that holds as yet.
        by: the actor.
        rule: by which its items are judged. Those that are known to be benign have a rule of their own.
    """

    def __init__(self, hash_list: HashList, *, by: str, rule: Rule) -> None:
        super().__init__(hash_list, by=by)
        self._rule, self._since = rule, 0
        self.judged = self.moved = 0

    def __enter__(self) -> Judging:
        """Begin; see :meth:`Arrival.__enter__`."""
        super().__enter__()
        self._since = next_number()["number"] - 1
        return self

    def judge(self, on_progress: Callable[[int], object] = lambda _: None) -> None:
        """Judge every item there is, in constant memory; ``on_progress`` is told how many were."""
        after = 0
        while some := list(self._items_of_the_list().filter(pk__gt=after).order_by("pk")[:BATCH]):
            changed = self._judged(some)
            if changed:
                self._keep(changed)
            elif time.monotonic() - self._shown > LEASE / 10:
                self._show_life()
            self.moved += len(changed)
            self.judged += len(some)
            after = some[-1].pk
            on_progress(self.judged)

    def _items_of_the_list(self) -> QuerySet[Item]:
        return Item.objects.filter(list=self._list, negative=False)

    def _judged(self, items: Sequence[Item], *, all_of_them: bool = False) -> list[tuple[int, int, dict[str, Any]]]:
        """Of those that stand elsewhere by the rule (or of all of them) where that is."""
        said, found = words.read(one.pk for one in items), []
        for item in items:
            place = standing((one.word() for one in said[item.pk].words), self._rule, now=self._now)
            columns = {
                "state": place.state,
                "agreement": min(place.vouching, 9),
                "organisation_id": place.organisation or item.organisation_id,
                "until": place.until,
            }
            if all_of_them or any(getattr(item, name) != value for name, value in columns.items()):
                terms = {name: getattr(item, name) for name in amending.TERMS}
                found.append((item.pk, item.revision, {**terms, **columns}))
        return found

    @transaction.atomic
    def _keep(self, changed: list[tuple[int, int, dict[str, Any]]]) -> None:
        self._show_life()
        amending.put(self._revision, changed)
        self._amended = True

    def publish(self) -> None:
        """Let the items stand where they were found to, with the caller's transaction, which locked the list.

        Raises:
            ImportLost: another process took this for dead.
            ImportUnderWay: so much is said about the items that no moment was found in which nobody spoke.
        """
        for _ in range(TRIES):
            try:
                with transaction.atomic():
                    return self._published()
            except _Moved:
                continue
        raise ImportUnderWay(name=self._list.name)

    def _published(self) -> None:
        if late := self._judged(list(self._late()), all_of_them=True):
            self._keep(late)
        deque(amending.lock(self._revision), maxlen=0)  # items before the ledger's head, as everywhere
        lock_head()
        amended = Amendment.objects.filter(revision=self._revision).values("item")
        if self._late().exclude(pk__in=amended).exists():
            raise _Moved
        super().publish()

    def _late(self) -> QuerySet[Item]:
        """About which somebody spoke since this began. Numbers are given in a line: none comes later and is lower."""
        since = Revision.objects.filter(number__gt=self._since).values("pk")
        return self._items_of_the_list().filter(revision__in=since)
