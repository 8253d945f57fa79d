"""Tables of where things are: places that this node has used, and sealed files that are yet to be locked there."""

from __future__ import annotations

from uuid import uuid4

from django.db import models


class Place(models.Model):
    """A store of sealed files, or the directory of epoch keys, that was used: it is there from then on, or away."""

    name = models.CharField(max_length=500, unique=True)
    owner = models.CharField(max_length=36, default="")
    """Of the directory of epoch keys: what stands in it, so that it is known again."""


class Unlocked(models.Model):
    """A sealed file whose locks in buckets are to be looked at, as what binds it has changed."""

    blob = models.OneToOneField("evidence.Blob", primary_key=True, on_delete=models.CASCADE, related_name="+")
    tried_at = models.DateTimeField(null=True)
    """When it failed; null: nobody has tried since it was asked for."""
    asked = models.UUIDField(default=uuid4)
    """Another one each time that it is asked for: whoever has looked before then has not seen to this."""
    why = models.JSONField(null=True)
    """Why, as ``core.words`` packs it."""


class HeldCopy(models.Model):
    """A hold that stands on a copy of a sealed file in its bucket: this node's own, which it lifts, or another's."""

    blob = models.ForeignKey("evidence.Blob", on_delete=models.CASCADE, related_name="+")
    place = models.CharField(max_length=500)
    ours = models.BooleanField()
    """False: somebody else set it, or this node after the backup was made that it was put back from; no hold that is
    known here keeps the file."""
    noted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blob", "place"], name="evidence_held_copy_once")]
