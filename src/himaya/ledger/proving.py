"""Proving the chain on record: who did it, how far it reached, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from himaya.ledger.queries import entries, proof
from himaya.ledger.services import record

if TYPE_CHECKING:
    from himaya.ledger.chain import Proof
    from himaya.ledger.models import Entry

PROVED = "ledger.proved"


def prove(*, by: str) -> Proof:
    """Walk the chain; where it is whole, an entry says so. The walk itself holds nobody up."""
    found = proof()
    if found.whole:
        with transaction.atomic():
            record(PROVED, by=by, about="ledger", entries=found.entries, head=found.head)
    return found


def last_proved() -> Entry | None:
    """The newest entry that says so; None where nobody has proved the chain in the console."""
    return entries(act=PROVED).first()
