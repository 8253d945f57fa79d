"""The table of what changes hands by bundles: what was given to whom, what was taken from whom, and how it went on."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Handover(models.Model):
    """One exhibit in one bundle: given by us (``given``), or taken from another node.

    Of what was given, ``line`` is there once the other side has signed, too; of what was taken, at once.
    """

    exhibit = models.ForeignKey("evidence.Exhibit", on_delete=models.PROTECT, related_name="+")
    given = models.BooleanField()
    act = models.CharField(max_length=10, default="")
    """``transfer`` or ``return``; empty: what came with it began a chain of its own here."""
    bundle = models.CharField(max_length=200)
    """Its number, as whoever made it calls it."""
    digest = models.CharField(max_length=64, default="")
    """Of a bundle that was taken: SHA-256 of the manifest of its manifests."""
    node = models.CharField(max_length=32, default="")
    """Name of the custody key of the other side; empty: it has none, and signs nothing."""
    other = models.CharField(max_length=200, default="")
    """Who that is, as far as somebody says."""
    theirs = models.CharField(max_length=200, default="")
    """How the other side calls it, of what was taken."""
    by = models.CharField(max_length=100)
    at = models.DateTimeField()
    line = models.BinaryField(null=True)
    """The step that both have signed."""
    branch = models.BinaryField(null=True)
    """Of what came back to a chain that had gone on: the chain of the other side, a line each."""
    settled_at = models.DateTimeField(null=True)
    """When the other side's signature came."""
    returned_at = models.DateTimeField(null=True)
    """When what was handed over came back, or was given back."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["exhibit", "digest"], condition=Q(given=False), name="evidence_handover_once"
            ),
            models.CheckConstraint(condition=Q(act__in=("", "transfer", "return")), name="evidence_handover_act"),
        ]
        indexes = [models.Index(fields=["exhibit", "node"], name="evidence_handover_node")]
