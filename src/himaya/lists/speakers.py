"""Organisations, and how they were called and where they acted in the course of time: the log committed to that.

A part of the tables of lists; elsewhere they are imported from ``lists.models``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

Guises = dict[int, list[tuple[int, str, str]]]
"""Organisation → from which change on (its number), name and jurisdiction; in that order."""


class Organisation(models.Model):
    """Somebody who says something about items: an authority, a hotline, a company; this node's own is one of them."""

    name = models.CharField(max_length=60, unique=True, validators=[RegexValidator(r"^[a-z0-9][a-z0-9.-]*$")])
    title = models.CharField(max_length=120)
    jurisdiction = models.CharField(max_length=6, default="")
    own = models.BooleanField(default=False)
    speaks = models.BooleanField(default=False)
    """A source speaks for it, as for one of its members."""
    placed = models.BigIntegerField(default=0)
    """The change by which it got another jurisdiction, while lists still wait to be judged by that; else 0."""
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["own"], condition=Q(own=True), name="lists_organisation_one_is_ours")
        ]

    def __str__(self) -> str:
        return self.title


class Guise(models.Model):
    """The name and the jurisdiction that an organisation had from a change on. What was said before keeps the former
    ones: it is committed to with them.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    jurisdiction = models.CharField(max_length=6, default="")
    since = models.BigIntegerField(default=0)
    """The number of that :class:`lists.models.Revision`; 0: from the first."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "since"], name="lists_guise_once")]


def guises(wanted: Collection[int]) -> Guises:
    """How organisations were called, and where they acted, in the course of time."""
    found: Guises = defaultdict(list)
    rows = Guise.objects.filter(organisation__in=set(wanted)).order_by("since")
    for organisation, since, name, place in rows.values_list("organisation", "since", "name", "jurisdiction"):
        found[organisation].append((since, name, place))
    return found


def guise_at(known: Guises, organisation: int, number: int) -> tuple[str, str]:
    """Name and jurisdiction of an organisation as of a change."""
    return next((name, place) for since, name, place in reversed(known[organisation]) if since <= number)
