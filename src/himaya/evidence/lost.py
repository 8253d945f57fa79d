"""Which keys of epochs are called lost for good (:mod:`himaya.evidence.losing` says how that comes to be)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from himaya.evidence.standstill import Stop

if TYPE_CHECKING:
    from django.db.models import QuerySet

LOST = "lost"
"""The kind of stop: ``facts`` has epoch, generation and who said so first; ``settled_by`` is who confirmed it."""


def losses() -> QuerySet[Stop]:
    """Keys that somebody says are lost, those that nobody has confirmed first."""
    return Stop.objects.filter(kind=LOST, settled_at=None).order_by("settled_by", "about")


def confirmed_losses() -> QuerySet[Stop]:
    """Of them those that two people say."""
    return losses().exclude(settled_by="")


def lost_generations() -> frozenset[tuple[int, int]]:
    """Epoch and generation of each that two people say is lost."""
    return frozenset((one.facts["epoch"], one.facts["generation"]) for one in confirmed_losses())


def among_lost() -> Q:
    """Of a query of exhibits: those that nothing opens, as two people say; nothing matches where there are none."""
    found = Q(pk__in=())
    for epoch, generation in lost_generations():
        found |= Q(epoch=epoch, generation=generation)
    return found
