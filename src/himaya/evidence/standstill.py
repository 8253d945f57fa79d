"""Tables of what stops the end of exhibits (:mod:`himaya.evidence.stopping`)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

RESTORED = "restored"


class Stop(models.Model):
    """Why nothing ends: ``restored``, a backup was put back; ``clock``, time leapt ahead. Both wait for a person.
    ``epoch``: of one epoch alone, as something in it does not open, which is tried again. ``sweep``: why files that
    nothing knows are not removed, which stops nothing else. ``lost``: a key of an epoch is lost for good, as one
    person says (``facts``) and another confirms (``settled_by``), until it is found.
    """

    kind = models.CharField(max_length=10)
    about = models.CharField(max_length=60, default="")
    """The epoch's name; empty: all."""
    since = models.DateTimeField()
    facts = models.JSONField(default=dict)
    tried_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=100, default="")
    reason = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "about"], condition=Q(settled_at=None), name="evidence_stop_one_stands"
            )
        ]


def is_restored() -> bool:
    """Whether a backup was put back, and nobody has looked since."""
    return Stop.objects.filter(kind=RESTORED, settled_at=None).exists()


class Reached(models.Model):
    """How far time had come when ending last looked, in one row: what leaps ahead of it waits for a person."""

    at = models.DateTimeField()
