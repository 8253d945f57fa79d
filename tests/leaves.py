"""Leaves of the log, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.log.models import Leaf


def leaves_of(kind: str) -> QuerySet[Leaf]:
    """Those of a kind, in the log's order."""
    from himaya.log.models import Leaf

    return Leaf.objects.filter(kind=kind).order_by("index")
