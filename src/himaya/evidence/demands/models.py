"""Tables of the legal process desk. What a demand or a request says stands here; what is kept, among the exhibits."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from himaya.evidence.demands.lists import DISCLOSING, DROPPED, GIVEN_OUT, OPEN_ANSWERS, PREPARED, UNDECIDED
from himaya.evidence.demands.states import CLOSED, DEMAND, DRAFT, REQUEST, WITHDRAWN


class Demand(models.Model):
    """What an authority demands of us, as it was received, and where it stands. Its kind never changes."""

    kind = models.CharField(max_length=20)
    authority = models.CharField(max_length=200)
    country = models.CharField(max_length=3)
    person = models.CharField(max_length=200, default="")
    address = models.CharField(max_length=300, default="")
    channel = models.CharField(max_length=20)
    instrument = models.CharField(max_length=200)
    """The law or order on which it rests, as it names it."""
    limit = models.CharField(max_length=80, default="")
    """The time limit of the reference that counts for it: a key of its table ``limits``; empty: none."""
    reference_theirs = models.CharField(max_length=120, default="")
    received_at = models.DateTimeField()
    answer_by = models.DateTimeField(null=True)
    preserve_until = models.DateTimeField(null=True)
    """Dates that the demand itself sets."""
    asked = models.CharField(max_length=2000, default="")
    """What it asks, in its own words."""
    scope = models.CharField(max_length=10_000, default="")
    """The same as ``scoping`` reads it; empty: not yet said."""
    granted_scope = models.CharField(max_length=10_000, default="")
    """Where it was accepted in part: nothing beyond this, either."""
    follows = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    """The demand to preserve that this one follows."""
    state = models.CharField(max_length=20, default=DEMAND.initial)
    ground = models.CharField(max_length=20, default="")
    ground_text = models.CharField(max_length=2000, default="")
    gag = models.BooleanField(default=False)
    gag_until = models.DateTimeField(null=True)
    """The person concerned may not be told before; without it, never, until somebody lifts it."""
    notice = models.CharField(max_length=10, default=UNDECIDED)
    notice_ground = models.CharField(max_length=20, default="")
    notice_note = models.CharField(max_length=500, default="")
    decided_at = models.DateTimeField(null=True)
    """When it was accepted or refused, the last time."""
    outcome = models.CharField(max_length=20, default="")
    ended_at = models.DateTimeField(null=True)
    """How and when it ended: answered, refused, withdrawn or set aside (``states.ENDS``)."""

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(state__in=DEMAND.states), name="evidence_demand_state")]
        indexes = [
            models.Index(fields=["state", "received_at"], name="evidence_demand_waiting"),
            models.Index(fields=["follows"], name="evidence_demand_follows"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """Our number: ``D-2026-000012``."""
        return f"D-{self.received_at.year}-{self.pk:06d}"

    @property
    def about(self) -> str:
        """As the ledger names it."""
        return f"demand:{self.pk}"


class Release(models.Model):
    """Something may be let go before its time of preserving is over: asked by one lead, confirmed by another."""

    demand = models.ForeignKey(Demand, on_delete=models.PROTECT, related_name="+")
    ground = models.CharField(max_length=20)
    asked_by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    by = models.ForeignKey("accounts.Person", null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    """It counts no more: it was used, or the authority asked anew."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(by=None) | ~Q(by=F("asked_by")), name="evidence_release_two_people"),
            models.UniqueConstraint(fields=["demand"], condition=Q(ended_at=None), name="evidence_release_one"),
        ]


class Check(models.Model):
    """Something that a person looked at before the demand was accepted, and found so."""

    demand = models.ForeignKey(Demand, on_delete=models.PROTECT, related_name="+")
    item = models.CharField(max_length=20)
    note = models.CharField(max_length=500)
    by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    taken_back_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["demand", "item"], condition=Q(taken_back_at=None), name="evidence_check_once"
            )
        ]


class Change(models.Model):
    """A step of a demand or a request: what was done, why, by whom. The ledger has it without the words."""

    demand = models.ForeignKey(Demand, null=True, on_delete=models.PROTECT, related_name="+")
    request = models.ForeignKey("Request", null=True, on_delete=models.PROTECT, related_name="+")
    act = models.CharField(max_length=20)
    why = models.CharField(max_length=2000)
    before = models.JSONField(default=dict)
    """What was put right → what had stood there."""
    facts = models.JSONField(default=dict)
    """What the ledger has of it, without the words: the item of the checklist, the ground, how many holds."""
    by = models.CharField(max_length=100)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(demand=None, request__isnull=False) | Q(demand__isnull=False, request=None),
                name="evidence_change_about",
            )
        ]
        indexes = [
            models.Index(fields=["demand"], name="evidence_change_demand"),
            models.Index(fields=["request"], name="evidence_change_request"),
        ]


class Clock(models.Model):
    """Something is due: a decision, an answer, the end of a time of preserving, a reminder."""

    demand = models.ForeignKey(Demand, null=True, on_delete=models.PROTECT, related_name="+")
    request = models.ForeignKey("Request", null=True, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=20)
    limit = models.CharField(max_length=80, default="")
    """The time limit of the reference; empty: the demand's own date, or our promise."""
    began = models.DateTimeField()
    due = models.DateTimeField()
    met_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    """It counts no more, and was not to be met any more: withdrawn, challenged."""
    renewals = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(demand=None, request__isnull=False) | Q(demand__isnull=False, request=None),
                name="evidence_clock_about",
            ),
            models.CheckConstraint(condition=Q(due__gte=F("began")), name="evidence_clock_forward"),
            models.UniqueConstraint(
                fields=["demand", "what"], condition=Q(met_at=None, ended_at=None), name="evidence_clock_demand"
            ),
            models.UniqueConstraint(
                fields=["request", "what"], condition=Q(met_at=None, ended_at=None), name="evidence_clock_request"
            ),
        ]
        indexes = [
            models.Index(fields=["due"], condition=Q(met_at=None, ended_at=None), name="evidence_clock_due"),
        ]


class DemandHold(models.Model):
    """A hold that a demand placed on an exhibit in its scope."""

    demand = models.ForeignKey(Demand, on_delete=models.PROTECT, related_name="+")
    exhibit = models.ForeignKey("Exhibit", on_delete=models.PROTECT, related_name="+")
    hold = models.OneToOneField("Hold", on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["demand", "exhibit"], name="evidence_demand_hold")]


class Objection(models.Model):
    """A demand is challenged before a court or authority."""

    demand = models.ForeignKey(Demand, on_delete=models.PROTECT, related_name="+")
    filed_at = models.DateTimeField()
    filed_with = models.CharField(max_length=200)
    outcome = models.CharField(max_length=10, default="")
    scope = models.CharField(max_length=10_000, default="")
    """Where it was narrowed: nothing beyond this."""
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["demand"], condition=Q(settled_at=None), name="evidence_objection_one_open")
        ]


class Answer(models.Model):
    """Exhibits that are handed over: selected by one person, approved by another, encrypted to the authority's key."""

    demand = models.ForeignKey(Demand, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20)
    """That of the demand; the database refuses an answer to one that only preserves."""
    recipient = models.CharField(max_length=200)
    recipient_name = models.CharField(max_length=200)
    state = models.CharField(max_length=10, default=PREPARED)
    prepared_by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    prepared_at = models.DateTimeField()
    approved_by = models.ForeignKey("accounts.Person", null=True, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    """How often it was taken out: only the last time counts."""
    given_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=DISCLOSING), name="evidence_answer_discloses"),
            models.CheckConstraint(
                condition=Q(state__in=(*OPEN_ANSWERS, GIVEN_OUT, DROPPED)), name="evidence_answer_state"
            ),
            models.CheckConstraint(
                condition=Q(state__in=(PREPARED, DROPPED), approved_by=None)
                | Q(approved_by__isnull=False) & ~Q(approved_by=F("prepared_by")),
                name="evidence_answer_two_people",
            ),
            models.UniqueConstraint(
                fields=["demand"], condition=Q(state__in=OPEN_ANSWERS), name="evidence_answer_one_open"
            ),
        ]

    @property
    def about(self) -> str:
        """As the ledger names it."""
        return f"answer:{self.pk}"


class AnswerPart(models.Model):
    """An exhibit of an answer, as it was when it was selected."""

    answer = models.ForeignKey(Answer, on_delete=models.PROTECT, related_name="+")
    exhibit = models.ForeignKey("Exhibit", on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["answer", "exhibit"], name="evidence_answer_part_once")]


class Request(models.Model):
    """What we ask of others, from a case: to preserve, or legal assistance."""

    kind = models.CharField(max_length=20)
    case = models.CharField(max_length=60, default="")
    country = models.CharField(max_length=3)
    contact = models.CharField(max_length=80, default="")
    """The contact point of the reference: a key of its table ``contacts``."""
    recipient = models.CharField(max_length=300)
    fields = models.JSONField(default=dict)
    """Key of a row of the reference's table ``request-fields`` → what is stated."""
    limit = models.CharField(max_length=80, default="")
    state = models.CharField(max_length=20, default=REQUEST.initial)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=100)
    text = models.TextField(default="")
    """As it was sent."""
    sent_at = models.DateTimeField(null=True)
    sent_by = models.CharField(max_length=100, default="")
    channel = models.CharField(max_length=20, default="")
    reference_theirs = models.CharField(max_length=120, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=REQUEST.states), name="evidence_request_state"),
            models.CheckConstraint(
                condition=Q(state__in=(DRAFT, WITHDRAWN, CLOSED)) | Q(sent_at__isnull=False),
                name="evidence_request_sent",
            ),
        ]
        indexes = [
            models.Index(fields=["state"], name="evidence_request_waiting"),
            models.Index(fields=["case"], name="evidence_request_case"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """Our number: ``R-2026-000003``."""
        return f"R-{self.made_at.year}-{self.pk:06d}"

    @property
    def about(self) -> str:
        """As the ledger names it."""
        return f"request:{self.pk}"
