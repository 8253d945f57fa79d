"""Tables of what is guarded: who are custodians, who has which part of which key, and which parts were brought."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Custodian(models.Model):
    """A person who has parts of keys, and the age key to which these are encrypted; from when until when."""

    person = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    recipient = models.CharField(max_length=1000)
    since = models.DateTimeField()
    named_by = models.CharField(max_length=100)
    until = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=100, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person"], condition=Q(until=None), name="evidence_custodian_once"),
            models.UniqueConstraint(fields=["recipient"], condition=Q(until=None), name="evidence_custodian_key_once"),
        ]

    @property
    def about(self) -> str:
        """As the ledger names it."""
        return f"custodian:{self.pk}"


class Deal(models.Model):
    """That the custody key of an exhibit was split, and is nowhere any more. A new deal takes the place of the old."""

    exhibit = models.OneToOneField("evidence.Exhibit", on_delete=models.PROTECT, related_name="+")
    set = models.UUIDField()
    made_at = models.DateTimeField()


class Part(models.Model):
    """The share of one custodian, encrypted to them, and the digest by which it is known when they bring it."""

    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="+")
    custodian = models.ForeignKey(Custodian, on_delete=models.PROTECT, related_name="+")
    file = models.BinaryField()
    sha256 = models.CharField(max_length=64, unique=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deal", "custodian"], name="evidence_part_once")]


class Brought(models.Model):
    """A part in the open, for one purpose and no longer: sealed with the outer key of its exhibit's epoch."""

    about = models.CharField(max_length=40)
    """For what: ``access:12``, ``answer:3`` or ``renewal:1``."""
    part = models.ForeignKey(Part, on_delete=models.PROTECT, related_name="+")
    sealed = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["about", "part"], name="evidence_brought_once")]


class Renewal(models.Model):
    """Keys are to be dealt anew, to those who are custodians now: two of the old ones bring their parts."""

    begun_by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    begun_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    @property
    def about(self) -> str:
        """As the ledger names it."""
        return f"renewal:{self.pk}"


class RenewalOf(models.Model):
    """An exhibit whose key is to be dealt anew; ``done`` when it was."""

    renewal = models.ForeignKey(Renewal, on_delete=models.PROTECT, related_name="+")
    exhibit = models.ForeignKey("evidence.Exhibit", on_delete=models.PROTECT, related_name="+")
    done = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["renewal", "exhibit"], name="evidence_renewal_of_once")]
