"""Tables of evidence. No content stands in any of them, and no key that opens one without a file beside them."""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT

from himaya.core.vault.sealed import DIGESTS
from himaya.evidence.states import (
    ACCESS,
    CLASSES,
    DELETE,
    DESTROYED,
    ENDED,
    GOING,
    GONE,
    KEPT,
    LOCKED,
    REVIEW,
    ROTTEN,
    STANDARD,
    STATES,
    WHOLE,
)


class Rule(models.Model):
    """Under which law things are kept, and for how long. A rule is never changed: a new version takes its place.

    Periods are written as ``1 year`` or ``90 days`` (``core.periods``); empty: none is set.
    """

    name = models.CharField(max_length=60)
    version = models.PositiveIntegerField()
    instrument = models.CharField(max_length=200)
    jurisdiction = models.CharField(max_length=6)
    basis = models.CharField(max_length=40)
    occasions = models.JSONField(default=list)
    """What may be kept by it: names of :data:`himaya.evidence.rules.OCCASIONS`."""
    begins = models.CharField(max_length=20)
    """The event from which its time runs: one of :data:`himaya.evidence.rules.EVENTS`."""
    minimum = models.CharField(max_length=20, default="")
    maximum = models.CharField(max_length=20, default="")
    renewals = models.PositiveSmallIntegerField(default=0)
    renewal = models.CharField(max_length=20, default="")
    after = models.CharField(max_length=10, default=DELETE)
    kept_class = models.CharField(max_length=10, default=STANDARD)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)
    note = models.CharField(max_length=500, default="")
    set_by = models.CharField(max_length=100)
    set_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    """When a newer version took its place, or it was ended; nothing new is kept by it since."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="evidence_rule_version"),
            models.UniqueConstraint(fields=["name"], condition=Q(ended_at=None), name="evidence_rule_one_holds"),
            models.CheckConstraint(condition=Q(after__in=(DELETE, REVIEW)), name="evidence_rule_after"),
            models.CheckConstraint(condition=Q(kept_class__in=CLASSES), name="evidence_rule_class"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Epoch(models.Model):
    """What ends together: a month and a class. Its key stands in a file, not here (``core.vault.epochs``).

    Whoever writes keys of exhibits under it, ends it or holds one of its exhibits locks the row. When some of it ends
    and the rest does not, the rest moves under the next ``generation``.
    """

    month = models.CharField(max_length=7)
    kept_class = models.CharField(max_length=10)
    generation = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["month", "kept_class"], name="evidence_epoch_once")]

    @property
    def name(self) -> str:
        """As ``core.vault.epochs`` names it: ``2027-03.standard``, of a later generation ``2027-03.standard-2``."""
        return f"{self.month}.{self.kept_class}" + (f"-{self.generation}" if self.generation > 1 else "")


class InnerKey(models.Model):
    """The inner key of what is kept for one case, sealed with the node's secret."""

    about = models.CharField(max_length=60, unique=True)
    sealed = models.CharField(max_length=400)


class Blob(models.Model):
    """A sealed file. Equal content of one class is kept once; each exhibit of it has its own way to the key."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    kept_class = models.CharField(max_length=10)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    stored = models.BigIntegerField()
    stored_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, default=WHOLE)
    read_at = models.DateTimeField()
    """When it was last read whole, and was what it must be."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sha256"],
                condition=Q(kept_class=STANDARD, state__in=(WHOLE, ROTTEN)),
                name="evidence_blob_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=(WHOLE, ROTTEN, GOING, LOCKED, GONE)), name="evidence_blob_state"
            ),
        ]
        indexes = [models.Index(fields=["state", "read_at"], name="evidence_blob_read")]


def _digest(name: str) -> models.GeneratedField:
    """A digest of ``digests``, to be found by."""
    return models.GeneratedField(
        expression=KT(f"digests__{name}"), output_field=models.CharField(max_length=128), db_persist=True, null=True
    )


class Exhibit(models.Model):
    """Something that is kept, and how it came here (ISO/IEC 27037). ``case`` is named as in the ledger: ``case:12``."""

    uuid = models.UUIDField(unique=True, default=uuid4)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=200)
    case = models.CharField(max_length=60, default="")
    occasion = models.CharField(max_length=20)
    once = models.CharField(max_length=120, unique=True)
    """What it was kept for: told twice it is one exhibit."""
    kept_class = models.CharField(max_length=10)
    media_type = models.CharField(max_length=60, default="")
    digests = models.JSONField()
    md5, sha1, sha256, sha512 = _digest("md5"), _digest("sha1"), _digest("sha256"), _digest("sha512")
    acquired_at = models.DateTimeField()
    acquired_by = models.CharField(max_length=100)
    how = models.CharField(max_length=20)
    tool = models.CharField(max_length=100)
    origin = models.CharField(max_length=500, default="")
    account = models.CharField(max_length=200, default="")
    """Whose account it is from, in small letters; empty: nobody noted that."""
    clock = models.JSONField(default=dict)
    """How well the time was known: ``source``, and where it is known ``offset_ms``."""
    state = models.CharField(max_length=10, default=KEPT)
    until = models.DateTimeField()
    """When its time is over, by the rule that binds; a hold keeps it beyond."""
    review = models.BooleanField(default=False)
    """When its time is over, a person looks at it before it ends."""
    epoch = models.ForeignKey(Epoch, on_delete=models.PROTECT, related_name="+")
    generation = models.PositiveIntegerField()
    wrapped = models.BinaryField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=STATES), name="evidence_exhibit_state"),
            models.CheckConstraint(
                condition=Q(state=DESTROYED, wrapped=None) | ~Q(state=DESTROYED), name="evidence_exhibit_gone"
            ),
        ]
        indexes = [
            models.Index(fields=["case"], name="evidence_exhibit_case"),
            models.Index(fields=["state", "until"], name="evidence_exhibit_until"),
            models.Index(fields=["epoch", "generation"], name="evidence_exhibit_epoch"),
            models.Index(fields=["blob"], name="evidence_exhibit_blob"),
            models.Index(fields=["until"], condition=Q(review=True), name="evidence_exhibit_review"),
            models.Index(fields=["state", "id"], name="evidence_exhibit_state_id"),
            models.Index(fields=["account"], condition=~Q(account=""), name="evidence_exhibit_account"),
            *(models.Index(fields=[name], name=f"evidence_exhibit_{name}") for name in DIGESTS),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """The number that people quote: ``E-2026-000042``."""
        return f"E-{self.acquired_at.year}-{self.pk:06d}"

    @property
    def about(self) -> str:
        """The exhibit as the ledger names it."""
        return f"exhibit:{self.pk}"


class Binding(models.Model):
    """A rule that binds an exhibit: from which event on, until when at the least and at the most."""

    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="+")
    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    at_least = models.DateTimeField(null=True)
    at_most = models.DateTimeField(null=True)
    renewed = models.PositiveSmallIntegerField(default=0)
    begun = models.BooleanField()
    """Whether the event has come; until then its time runs from when the rule began to bind."""
    grounds = models.JSONField(default=list)
    """For what it binds: names of :data:`himaya.evidence.rules.OCCASIONS` that have come; empty: it is not known."""
    released_at = models.DateTimeField(null=True)
    """Since when it binds no more, as its grounds fell away (:mod:`himaya.evidence.verdicts`)."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["exhibit", "rule"], name="evidence_binding_once")]


class Step(models.Model):
    """A step of a chain of custody: the line as it was signed. Never changed, never removed."""

    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    act = models.CharField(max_length=10)
    at = models.DateTimeField()
    line = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["exhibit", "number"], name="evidence_step_once")]


class SigningKey(models.Model):
    """A key that signs steps (Ed25519): the node's, or that of a person who keeps the private part."""

    name = models.CharField(max_length=32, unique=True)
    """The first 32 hexadecimal digits of the SHA-256 of the public key."""
    public = models.BinaryField()
    sealed = models.CharField(max_length=400, default="")
    """The private key, sealed with the node's secret; empty where it is somebody else's."""
    owner = models.CharField(max_length=100)
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner"], condition=Q(ended_at=None), name="evidence_key_one_holds")
        ]


class Hold(models.Model):
    """An authority wants something kept beyond its time: one exhibit, or all of a case. It outranks every rule."""

    exhibit = models.ForeignKey(Exhibit, null=True, on_delete=models.PROTECT, related_name="+")
    case = models.CharField(max_length=60, default="")
    reason = models.CharField(max_length=500)
    authority = models.CharField(max_length=200)
    review_on = models.DateField()
    placed_by = models.CharField(max_length=100)
    placed_at = models.DateTimeField()
    lifted_by = models.CharField(max_length=100, default="")
    lifted_at = models.DateTimeField(null=True)
    lift_reason = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(exhibit=None) & ~Q(case="") | Q(exhibit__isnull=False, case=""), name="evidence_hold_about"
            )
        ]
        indexes = [
            models.Index(fields=["case"], condition=Q(lifted_at=None), name="evidence_hold_case"),
            models.Index(fields=["exhibit"], condition=Q(lifted_at=None), name="evidence_hold_exhibit"),
            models.Index(fields=["lifted_at"], name="evidence_hold_lifted"),
        ]

    @property
    def about(self) -> str:
        """What is held, as the ledger names it."""
        return self.case or f"exhibit:{self.exhibit_id}"


class Access(models.Model):
    """Somebody wants to read exhibits: asked for, granted by another person for a time, used, ended.

    ``reads_left`` counts each reading of each exhibit. ``urgent``: nobody was asked, everybody is told, and somebody
    else has to look at it within a day.
    """

    purpose = models.CharField(max_length=10)
    reason = models.CharField(max_length=500)
    recipient = models.CharField(max_length=1000)
    """The age recipient to whom what is taken out is encrypted."""
    asked_by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10)
    decided_by = models.ForeignKey("accounts.Person", null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    reads_left = models.PositiveIntegerField(default=0)
    urgent = models.BooleanField(default=False)
    reviewed_by = models.ForeignKey("accounts.Person", null=True, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ACCESS), name="evidence_access_state"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("asked_by")) | Q(urgent=True) | Q(state=ENDED),
                name="evidence_access_two_people",
            ),
        ]
        indexes = [models.Index(fields=["state", "asked_at"], name="evidence_access_waiting")]

    @property
    def about(self) -> str:
        """As the ledger names it."""
        return f"access:{self.pk}"


class AccessTo(models.Model):
    """An exhibit that is named in a request for access."""

    access = models.ForeignKey(Access, on_delete=models.PROTECT, related_name="+")
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="+")
    read_at = models.DateTimeField(null=True)
    """When it was read by this grant, which is once."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["access", "exhibit"], name="evidence_access_to_once")]


class Look(models.Model):
    """That an exhibit was looked at by a grant: once blurred, and once as it is, which is one reading of it."""

    access = models.ForeignKey(Access, on_delete=models.PROTECT, related_name="+")
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)
    """When it was shown as it is."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["access", "exhibit"], name="evidence_look_once")]


class Stray(models.Model):
    """A sealed file that nobody acknowledged, and since when it is known: its writer was killed, or is at it still."""

    id = models.UUIDField(primary_key=True)
    seen_at = models.DateTimeField()


class TimeStamp(models.Model):
    """What a time-stamping authority answered (RFC 3161), as it came: that a digest was there at a time."""

    exhibit = models.ForeignKey(Exhibit, null=True, on_delete=models.PROTECT, related_name="+")
    """Whose acquisition is stamped; null: the head of the ledger on a day."""
    about = models.CharField(max_length=60, unique=True)
    digest = models.BinaryField()
    reply = models.BinaryField()
    at = models.DateTimeField()
    by = models.CharField(max_length=300)
    until = models.DateTimeField()
    """When the certificate of who signed it ends."""


class Unlogged(models.Model):
    """A step of custody that is not in the log yet: the next checkpoint takes it there."""

    step = models.OneToOneField(Step, primary_key=True, on_delete=models.PROTECT, related_name="+")


class Label(models.Model):
    """What others say an exhibit is, and who says so. Never our own judgement, and never changed: others may differ."""

    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20)
    """One of :data:`himaya.core.intake.offered.KINDS`."""
    value = models.CharField(max_length=200)
    said_by = models.CharField(max_length=300)
    came_with = models.CharField(max_length=100)
    """By what it came: ``intake:12``, or the file of labels that it stood in."""
    taken_by = models.CharField(max_length=100)
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["exhibit", "kind", "value", "said_by"], name="evidence_label_once")
        ]
        indexes = [models.Index(fields=["kind", "value"], name="evidence_label_value")]


from himaya.evidence.demands import models as demands  # noqa: E402 - Django finds the tables of a room in this module
from himaya.evidence.guarded import models as guarded  # noqa: E402
from himaya.evidence.hands import Handover  # noqa: E402
from himaya.evidence.standstill import Reached, Stop  # noqa: E402
from himaya.evidence.whereabouts import HeldCopy, Place, Unlocked  # noqa: E402

__all__ = ["Handover", "HeldCopy", "Place", "Reached", "Stop", "Unlocked", "demands", "guarded"]
