"""Tables of where things are: places that this node has used, and sealed files that are yet to be locked there."""

from __future__ import annotations

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
    """When it failed; null: nobody has tried."""
    why = models.JSONField(null=True)
    """Why, as ``core.words`` packs it."""
