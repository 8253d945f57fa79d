"""Reading about what is guarded: its custodians, and what they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.evidence.guarded.custodians import acting
from himaya.evidence.guarded.models import Custodian

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.accounts.models import Person


def custodians(*, ended: bool = False) -> QuerySet[Custodian]:
    """Custodians by when they were named, those who act; with ``ended`` all."""
    found = Custodian.objects.select_related("person").order_by("pk")
    return found if ended else found.filter(until=None)


def is_custodian(person: Person) -> bool:
    """Whether somebody is one now."""
    return acting().filter(person=person).exists()
