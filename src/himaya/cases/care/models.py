"""Tables of well-being."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Exposure(models.Model):
    """Something that somebody decided or looked at, and what it weighs.

    ``kind``: ``case`` (decided), ``look`` (small, grey, blurred) or ``plain`` (as it is). ``seconds`` of looking are
    taken to be the most that count until the person's next act says how many they were (``running``).
    """

    person = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    day = models.DateField()
    """In UTC."""
    kind = models.CharField(max_length=10)
    case = models.CharField(max_length=40, default="")
    severity = models.PositiveSmallIntegerField()
    severe = models.BooleanField()
    points = models.PositiveSmallIntegerField()
    seconds = models.PositiveSmallIntegerField(default=0)
    running = models.BooleanField(default=False)

    class Meta:
        app_label = "cases"
        indexes = [
            models.Index(fields=["person", "day"], name="cases_exposure_person"),
            models.Index(fields=["day", "person"], name="cases_exposure_day"),
            models.Index(fields=["case"], name="cases_exposure_case"),
        ]


class Shift(models.Model):
    """When somebody works; ``ends_at`` is when they mean to stop."""

    person = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    began_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "cases"
        constraints = [models.UniqueConstraint(fields=["person"], condition=Q(ended_at=None), name="cases_one_shift")]


class Rest(models.Model):
    """A break: one that a limit called for (``due``), or one that the person took. ``worked``: they decided in it."""

    person = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    until = models.DateTimeField()
    due = models.BooleanField()
    worked = models.BooleanField(default=False)

    class Meta:
        app_label = "cases"
        indexes = [
            models.Index(fields=["person", "-at"], name="cases_rest_person"),
            models.Index(fields=["at"], name="cases_rest_at"),
        ]


class OptOut(models.Model):
    """What somebody is not given by *next*: ``age:infant``. There is no reason, and nobody else reads it."""

    person = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    facet = models.CharField(max_length=60)

    class Meta:
        app_label = "cases"
        constraints = [models.UniqueConstraint(fields=["person", "facet"], name="cases_opt_out_once")]
