"""What a backup of the data from before an end knows under a key that was destroyed since, and that was moved in time.

Beside each outer key stands what was moved under it (``EpochKeys.moved``), so that an older backup is led on to it.
What ended is in no such file: nothing of it comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core.errors import HimayaError
from himaya.evidence.ending import AT_ONCE, due
from himaya.evidence.guarded.models import Brought, Deal
from himaya.evidence.keys import epoch_keys, epoch_name, opened_with
from himaya.evidence.models import Epoch, Exhibit
from himaya.evidence.states import ENDING, KEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from uuid import UUID

    from himaya.core.vault.epochs import Moved


@dataclass(frozen=True, slots=True)
class Outer:
    """Outer keys that are there, wherever they are: their epochs; the key of one; what was moved under it."""

    names: Collection[str]
    key: Callable[[str], bytes]
    moved: Callable[[str], Iterable[Moved]]


def outer_here() -> Outer:
    """Those of this node."""
    keys = epoch_keys()
    names = [name for name in keys.names() if not keys.is_destroyed(name)]
    return Outer(names, keys.key, keys.moved)


def lead_on(outer: Outer, *, secret: str = "") -> int:
    """Give exhibits whose outer key is not there the one under which they were moved since; how many.

    Args:
        outer: the keys.
        secret: of the node, out of an archive of keys; empty: ours.
    """
    found = 0
    for name in sorted(outer.names, reverse=True):
        lines = iter(outer.moved(name))
        while some := {one.exhibit: one for one in islice(lines, AT_ONCE)}:
            found += _lead_on(some, name, outer, secret)
    return found


@transaction.atomic
def _lead_on(some: dict[UUID, Moved], name: str, outer: Outer, secret: str) -> int:
    month, _, rest = name.partition(".")
    kept_class, _, generation = rest.partition("-")
    epoch, _ = Epoch.objects.get_or_create(month=month, kept_class=kept_class)
    found = 0
    these = Exhibit.objects.filter(uuid__in=some, kept_class=kept_class, state__in=(KEPT, ENDING))
    for one in these.select_related("epoch"):
        line, deal = some[one.uuid], Deal.objects.filter(exhibit=one).first()
        if epoch_name(one) in outer.names or line.of != (deal.set if deal else one.blob_id):
            continue
        one.epoch, one.generation, one.wrapped = epoch, int(generation or 1), line.wrapped
        try:
            opened_with(one, outer=outer.key(name), secret=secret)
        except HimayaError:  # it stays lost, and is counted
            continue
        one.save(update_fields=["epoch", "generation", "wrapped"])
        Brought.objects.filter(part__deal__exhibit=one).delete()  # closed with the key of before: brought again
        found += 1
    Epoch.objects.filter(pk=epoch.pk, generation__lt=int(generation or 1)).update(generation=int(generation or 1))
    return found


def lost_exhibits(gone: Collection[str]) -> int:
    """Exhibits that are to be kept as the data have it, and nothing opens, as their key is among those ``gone``."""
    kept = Exhibit.objects.filter(state__in=(KEPT, ENDING))
    rows = kept.order_by().values_list("epoch", "epoch__month", "kept_class", "generation").distinct()
    count = 0
    for epoch, month, kept_class, n in rows:
        if Epoch(month=month, kept_class=kept_class, generation=n).name in gone:
            here = kept.filter(epoch=epoch, kept_class=kept_class, generation=n)
            count += here.exclude(pk__in=due().values("pk")).count()
    return count
