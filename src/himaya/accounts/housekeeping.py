"""What has expired is removed: sessions, and answers that were kept for repeated requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.sessions.models import Session

from himaya.accounts import idempotency
from himaya.core import clock
from himaya.ledger import turns

if TYPE_CHECKING:
    from django.db.models import QuerySet

TURN = "housekeeping"
EVERY = 3600.0
"""Seconds between two turns."""
BATCH = 500
"""Rows of a table that are removed in a round of the worker: nobody waits long for the database."""


def sweep() -> bool:
    """Where an hour has passed, remove a batch of what has expired; True where there may be more for the next round."""
    if not turns.is_due(TURN, every=EVERY):
        return False
    expired = (Session.objects.filter(expire_date__lt=clock.now()), idempotency.expired())
    more = [_remove(rows) == BATCH for rows in expired]  # a list: every table has its turn
    if any(more):
        return True
    turns.note(TURN)
    return False


def end_sessions() -> int:
    """End every session; how many there were. Everybody signs in again."""
    return Session.objects.all().delete()[0]


def _remove(rows: QuerySet[Any]) -> int:
    keys = list(rows.values_list("pk", flat=True)[:BATCH])
    return rows.filter(pk__in=keys).delete()[0] if keys else 0
