"""Tables of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from himaya.cases.classing import is_harmful
from himaya.cases.danger import GRAVE, LAST
from himaya.cases.quality.models import Appeal, Practised, SecondLook
from himaya.cases.states import CASE
from himaya.core import clock

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.accounts.models import Person

__all__ = ["Appeal", "Practised", "SecondLook"]


class Case(models.Model):
    """One thing that we look into: the same content twice is one case. ``subject`` names what it was opened about.

    ``fingerprints`` is a list of ``[signal, value, quality or null]``; the content itself is not kept.
    """

    subject = models.CharField(max_length=220, unique=True)
    state = models.CharField(max_length=10, default=CASE.initial)
    fingerprints = models.JSONField(default=list)
    media_type = models.CharField(max_length=60, default="")
    size = models.BigIntegerField(null=True)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    sightings = models.PositiveIntegerField(default=0)
    distance = models.PositiveSmallIntegerField()
    claimed_by = models.ForeignKey("accounts.Person", null=True, on_delete=models.PROTECT, related_name="+")
    claimed_until = models.DateTimeField(null=True)
    verdict = models.ForeignKey("Verdict", null=True, on_delete=models.PROTECT, related_name="+")
    rank = models.PositiveSmallIntegerField(default=LAST)
    """Its place in the queue, the lower the sooner, and why: see :mod:`himaya.cases.danger`."""
    why = models.JSONField(default=list)
    severity = models.PositiveSmallIntegerField(default=GRAVE)
    severe = models.BooleanField(default=True)
    """Whether it may burden who decides it: a grave class, and not known byte for byte."""
    facets = models.CharField(max_length=400, default="|")
    """What it may show by the classes that lists give: ``|act:nonpenetr|age:prepub|``."""

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(state__in=CASE.states), name="cases_case_state")]
        indexes = [
            models.Index(fields=["state", "rank", "opened_at", "id"], name="cases_danger"),
            models.Index(fields=["state", "severe", "rank", "opened_at", "id"], name="cases_mild"),
            models.Index(fields=["state", "opened_at"], name="cases_queue"),
            models.Index(fields=["opened_at"], name="cases_opened"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """The number that people quote: ``H-2026-000042``."""
        return f"H-{self.opened_at.year}-{self.pk:06d}"

    @property
    def about(self) -> str:
        """The case as the ledger names it."""
        return f"case:{self.pk}"

    def holder(self, at: datetime | None = None) -> Person | None:
        """Who has claimed it, unless the claim has expired."""
        until = self.claimed_until
        return self.claimed_by if until is not None and until > (at or clock.now()) else None


class Identity(models.Model):
    """A name of a content, and the case that this content has; see :mod:`himaya.cases.identity`.

    ``case`` is null only within the transaction that claims the name.
    """

    signal = models.CharField(max_length=20)
    value = models.CharField(max_length=200)
    case = models.ForeignKey(Case, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["signal", "value"], name="cases_identity_once")]


class Sighting(models.Model):
    """The content was met. ``occasion`` names the scan or request: one occasion sees one place once."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    origin = models.CharField(max_length=20)
    occasion = models.CharField(max_length=80)
    place = models.TextField()
    place_digest = models.CharField(max_length=64)
    by = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "occasion", "place_digest"], name="cases_seen_once_an_occasion")
        ]
        indexes = [models.Index(fields=["case", "-at"], name="cases_sighting_case")]


class Match(models.Model):
    """Why the content counts as known: an item as it was when it matched, and how near."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    item = models.BigIntegerField()
    list_name = models.CharField(max_length=60)
    signal = models.CharField(max_length=20)
    value = models.CharField(max_length=200)
    distance = models.PositiveSmallIntegerField()
    radius = models.PositiveSmallIntegerField()
    overlap = models.JSONField(null=True)
    """Of a video: the fields of :class:`himaya.core.overlap.Overlap`."""
    state = models.CharField(max_length=10)
    scheme = models.CharField(max_length=40)
    code = models.CharField(max_length=40)
    source = models.CharField(max_length=120)
    added_by = models.CharField(max_length=100)
    added_at = models.DateTimeField()
    matched_at = models.DateTimeField()
    variant = models.CharField(max_length=40, default="")
    """How the content was turned before it matched; empty: not at all."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "item"], name="cases_match_once")]
        indexes = [
            models.Index(fields=["list_name"], name="cases_match_list"),
            models.Index(fields=["item"], name="cases_match_item"),
        ]


class Verdict(models.Model):
    """What a person decided, and why. Verdicts are added, never changed; the case points to the one that holds.

    ``facets`` is what it says in the grid that all schemes share, and what the law says of it (:mod:`.classing`).
    """

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    scheme = models.CharField(max_length=40)
    code = models.CharField(max_length=40)
    confirms = models.BooleanField()
    facets = models.JSONField(default=dict)
    reason = models.CharField(max_length=2000)
    by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="cases_verdict_at")]

    @property
    def harmful(self) -> bool:
        """Whether it says: harmful, although not illegal."""
        return is_harmful(self.confirms, self.facets)


class Comment(models.Model):
    """A note for colleagues."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.CharField(max_length=2000)


class Words(models.Model):
    """The words of a text about a case, for :mod:`himaya.cases.searching`; as they are compared, not as they stand."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    words = models.TextField()


class Flag(models.Model):
    """Somebody says what makes a case urgent: a person, or a service on the word of a platform.

    ``kind`` is one of :data:`himaya.cases.danger.FLAGS`. A flag that was taken back stays, with ``ended_at``.
    """

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20)
    reason = models.CharField(max_length=2000)
    due_at = models.DateTimeField(null=True)
    by = models.CharField(max_length=100)
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "kind"], condition=Q(ended_at=None), name="cases_flag_once")
        ]


class View(models.Model):
    """Filters of the queue that somebody keeps for themselves; ``query`` as it stands in an address."""

    person = models.ForeignKey("accounts.Person", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=400)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "name"], name="cases_view_once")]


class Skip(models.Model):
    """Somebody leaves a case to others until then: *next* does not give it to them. The reason is for leads."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=2000)
    at = models.DateTimeField()
    until = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["person", "case"], name="cases_skip_person"),
            models.Index(fields=["-at"], name="cases_skip_at"),
        ]


from himaya.cases.care.models import Exposure, OptOut, Rest, Shift  # noqa: E402 - Django finds the tables of a room here

__all__ = ["Exposure", "OptOut", "Rest", "Shift"]
