"""Tables of the ledger: entries, the head of the chain, jobs of the outbox, lanes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.models import F, Q

from himaya.ledger.chain import Link


class Head(models.Model):
    """One row: where the chain ends. Its row lock puts writers in a line, so that no number is skipped."""

    seq = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64)


class Entry(models.Model):
    """One act: who did what to what, when. Never changed, never deleted: the database itself refuses."""

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    act = models.CharField(max_length=60)
    about = models.CharField(max_length=100)
    content = models.TextField()
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        indexes = [
            models.Index(fields=["about", "seq"], name="ledger_about"),
            models.Index(fields=["act", "seq"], name="ledger_act"),
        ]

    @property
    def data(self) -> dict[str, Any]:
        """What the act recorded beside its actor and object."""
        return json.loads(self.content)  # type: ignore[no-any-return]

    def link(self) -> Link:
        """The entry as the chain sees it."""
        return Link(self.seq, self.at, self.actor, self.act, self.about, self.content, self.previous, self.digest)


class Job(models.Model):
    """Something that must be done outside the transaction that decided it: at least tried, never forgotten.

    ``due`` is seconds since 1970 by the database's clock. While a job runs, it is also the end of its lease: a job
    whose worker died is simply due again.
    """

    READY, RUNNING, DONE, DEAD, UNKNOWN, CANCELLED = "ready", "running", "done", "dead", "unknown", "cancelled"
    STATES = (READY, RUNNING, DONE, DEAD, UNKNOWN, CANCELLED)

    kind = models.CharField(max_length=40)
    lane = models.CharField(max_length=200)
    key = models.CharField(max_length=120, unique=True)
    about = models.CharField(max_length=100)
    content = models.TextField()
    state = models.CharField(max_length=10, default=READY)
    due = models.FloatField()
    attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=8)
    worker = models.CharField(max_length=80, default="")
    intent = models.PositiveIntegerField(default=0)
    """The attempt that began to send something which must not be sent twice; 0: none has."""
    revoked = models.BooleanField(default=False)
    """Its verdict was taken back while it was under way: it is not sent another time."""
    error = models.TextField(default="")
    receipt = models.TextField(default="")
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("ready", "running", "done", "dead", "unknown", "cancelled")),
                name="ledger_job_state",
            ),
            models.UniqueConstraint(fields=["lane"], condition=Q(state="running"), name="ledger_one_runs_in_a_lane"),
        ]
        indexes = [
            models.Index(F("due"), F("id"), condition=Q(state__in=("ready", "running")), name="ledger_job_pick"),
            models.Index(fields=["about"], name="ledger_job_about"),
            models.Index(fields=["state", "id"], name="ledger_job_state_id"),
        ]

    @property
    def payload(self) -> dict[str, Any]:
        """The arguments: JSON, ids and documents, never content."""
        return json.loads(self.content)  # type: ignore[no-any-return]

    @property
    def due_at(self) -> datetime:
        """``due`` as a moment."""
        return datetime.fromtimestamp(self.due, UTC)


class Lane(models.Model):
    """A destination that failed lately: how often in a row, and until when it is left alone."""

    name = models.CharField(max_length=200, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    rests_until = models.FloatField(default=0)


class Cursor(models.Model):
    """How far a reader of the ledger has come. Moved in the transaction of what the reader did."""

    name = models.CharField(max_length=60, primary_key=True)
    seq = models.BigIntegerField(default=0)


class Turn(models.Model):
    """When something that comes round was last done: ``at`` is seconds since 1970 by the database's clock."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.FloatField()
