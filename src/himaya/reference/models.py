"""Tables of the reference: only what this node changed. What the program ships stays in its files."""

from __future__ import annotations

from django.db import models


class Revision(models.Model):
    """A row as somebody here left it. Revisions are only added; the last one of a row counts."""

    table = models.CharField(max_length=30)
    key = models.CharField(max_length=80)
    number = models.PositiveIntegerField()
    """1 is the first of its row."""
    values = models.JSONField(null=True)
    """Every field, as a text; None: as the program ships it, now and later."""
    shipped = models.JSONField(null=True)
    """How the program shipped it when this was written; None: not at all."""
    aside = models.BooleanField(default=False)
    """It is not used: no query finds it but the history."""
    reason = models.CharField(max_length=500)
    by = models.CharField(max_length=100)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["table", "key", "number"], name="reference_revision_once")]
