"""What comes round: whether it is time, and the note that it was done, by the database's clock."""

from __future__ import annotations

from django.db.models import F

from himaya.ledger.models import Turn
from himaya.ledger.outbox import Now

LIFE = "worker"
"""The turn in which a worker shows life."""
SIGN, SILENT = 15.0, 60.0
"""Seconds between two signs of life, and after how many without one no worker is thought to run."""


def is_due(name: str, *, every: float) -> bool:
    """Whether ``every`` seconds have passed since it was noted as done; also where the clock was set back further."""
    ago = Turn.objects.filter(name=name).annotate(ago=Now() - F("at")).values_list("ago", flat=True).first()
    return ago is None or abs(ago) >= every


def note(name: str) -> None:
    """Note that it was done now: one statement, whoever else does so."""
    Turn.objects.bulk_create(
        [Turn(name=name, at=Now())], update_conflicts=True, unique_fields=["name"], update_fields=["at"]
    )


def call(name: str) -> None:
    """Have it done at the next look, however lately it was."""
    Turn.objects.filter(name=name).delete()


def show_life() -> None:
    """Note that a worker is alive, now and then: it is called in every round."""
    if is_due(LIFE, every=SIGN):
        note(LIFE)


def is_alive() -> bool:
    """Whether any worker has shown life lately."""
    return not is_due(LIFE, every=SILENT)
