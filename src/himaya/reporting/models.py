"""Tables of reporting."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from himaya.cases.dispatch import Dispatch
from himaya.reporting.states import FILING_GRAPH, OPEN


class Report(Dispatch):
    """A report to an authority about a confirmed case."""


class Filing(models.Model):
    """A report in the other side's own form: a draft first, then on its way in steps, and kept with its receipt.

    ``values`` and ``files`` are what ``core.filing`` calls so; ``filled`` is both as the channel filled them last, so
    that it can be told what a person wrote. ``version`` counts changes of what it states.
    """

    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    verdict = models.BigIntegerField()
    route = models.CharField(max_length=50)
    channel = models.CharField(max_length=40)
    key = models.CharField(max_length=120, unique=True)
    follows = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, default=FILING_GRAPH.initial)
    values = models.JSONField(default=dict)
    files = models.JSONField(default=list)
    filled = models.JSONField(default=dict)
    edited_by = models.CharField(max_length=100, default="")
    """Who changed it by hand last; empty: nobody has."""
    version = models.PositiveIntegerField(default=1)
    made_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    due = models.DateTimeField(null=True)
    """Until when it must be filed; None: no number of hours or days is known."""
    queued_by = models.CharField(max_length=100, default="")
    round = models.PositiveIntegerField(default=1)
    round_version = models.PositiveIntegerField(default=0)
    """Which version the steps of this round are taken with; 0: none was begun."""
    expires = models.DateTimeField(null=True)
    """When the other side deletes what is begun and not finished."""
    trouble = models.TextField(default="")
    """What was refused, or what a person is to look for."""
    receipt = models.CharField(max_length=200, default="")
    filed_at = models.DateTimeField(null=True)
    there = models.BooleanField(null=True)
    """Whether the other side has it, as it said last; None: not asked, or it cannot be."""
    asked_at = models.DateTimeField(null=True)
    answered = models.CharField(max_length=500, default="")
    job = models.OneToOneField("ledger.Job", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=FILING_GRAPH.states), name="reporting_filing_state"),
            models.UniqueConstraint(
                fields=["case", "verdict", "route"], condition=Q(follows=None), name="reporting_filing_once"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "id"], name="reporting_filing_by_state"),
            models.Index(fields=["due"], condition=Q(state__in=OPEN), name="reporting_filing_due"),
            models.Index(fields=["route", "filed_at"], name="reporting_filing_filed"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """The number that people quote: ``R-2026-000042``."""
        return f"R-{self.made_at.year}-{self.pk:06d}"

    @property
    def about(self) -> str:
        """Its case, as the ledger names it."""
        return f"case:{self.case_id}"


class FilingStep(models.Model):
    """A step of a filing. It is written down before it is taken, and its answer before the next one is."""

    filing = models.ForeignKey(Filing, on_delete=models.PROTECT, related_name="+")
    round = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    step = models.CharField(max_length=120)
    times = models.PositiveIntegerField(default=1)
    """How often it was begun."""
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    answer = models.JSONField(null=True)
    """None, and ``ended_at`` is set: it certainly was not taken."""
    trouble = models.TextField(default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["filing", "round", "step"], name="reporting_step_once")]


class CaseParticulars(models.Model):
    """What a service told of the incident behind a case (``core.particulars``). A change is a new version."""

    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    by = models.CharField(max_length=100)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "number"], name="reporting_particulars_once")]
