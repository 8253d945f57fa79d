"""Tables of screening: scans and daily counts. What did not match leaves nothing but a number."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Scan(models.Model):
    """A walk through folders and buckets. ``cursor`` is the last place that is done: what came before it is never done
    again.

    ``cursor`` is a JSON list: number of the root, then the parts of the path below it, each as text that keeps
    undecodable bytes (PEP 383) escaped; a member of an archive has its number behind the archive's parts. ``options``
    say how it was begun, ``report`` how much of the report counts.
    """

    roots = models.JSONField()
    lists = models.JSONField(default=list)
    options = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    state = models.CharField(max_length=12, default="running")
    cursor = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    by = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("running", "stopped", "finished")), name="screening_scan_state"
            )
        ]


class Encounter(models.Model):
    """A content that matched an item lately; see :mod:`himaya.screening.flood`. ``content`` is a digest of its name."""

    item = models.BigIntegerField()
    content = models.CharField(max_length=32)
    distance = models.PositiveSmallIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "content"], name="screening_encounter_once")]
        indexes = [
            models.Index(fields=["item", "at"], name="screening_encounter_item"),
            models.Index(fields=["at"], name="screening_encounter_at"),
        ]


class Kept(models.Model):
    """What the operator chose to keep of something that was screened; see :mod:`himaya.screening.before`."""

    key = models.CharField(max_length=32, unique=True)
    """A digest of subject, place and lists."""
    subject = models.CharField(max_length=220)
    origin = models.CharField(max_length=20)
    place = models.TextField()
    media_type = models.CharField(max_length=60, default="")
    size = models.BigIntegerField(null=True)
    """Null where a fingerprint was sent, and no content."""
    lists = models.JSONField(default=list)
    """Names of the lists in which alone it was looked for; all if empty."""
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="screening_kept_at")]


class KeptValue(models.Model):
    """A fingerprint of what is kept."""

    kept = models.ForeignKey(Kept, on_delete=models.PROTECT, related_name="+")
    signal = models.CharField(max_length=20)
    value = models.CharField(max_length=200)
    variant = models.CharField(max_length=40, default="")
    quality = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(default=b"")
    """The parts of a composite one: the frames of a video."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kept", "signal", "value", "variant"], name="screening_kept_value_once")
        ]
        indexes = [models.Index(fields=["signal", "value"], name="screening_kept_value")]


class Waiting(models.Model):
    """What matched nothing but items in quarantine, and opens its case once they are let go; see
    :mod:`himaya.screening.waiting`. It is gone when the case is open, or the item withdrawn, or too long after.
    """

    quarantine = models.ForeignKey("lists.Quarantine", on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=32)
    """As that of :class:`Kept`."""
    subject = models.CharField(max_length=220)
    prints = models.JSONField()
    """Signal, value, quality, variant and, in base64, the parts of each fingerprint that is needed."""
    origin = models.CharField(max_length=20)
    occasion = models.CharField(max_length=80)
    by = models.CharField(max_length=100)
    place = models.TextField()
    media_type = models.CharField(max_length=60)
    size = models.BigIntegerField(null=True)
    lists = models.JSONField(default=list)
    at = models.DateTimeField()
    """When it was met."""
    since = models.DateTimeField()
    """Since when it waits."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["quarantine", "key"], name="screening_waiting_once")]
        indexes = [models.Index(fields=["since"], name="screening_waiting_since")]


class Lookback(models.Model):
    """How far new items were compared with what is kept. One row; ``done`` and ``goal`` are numbers of revisions.

    Between them: of which signals items are compared (``phase``: exact, near, frames), the last ``item`` that is done,
    the last kept value that was compared with those in hand (``kept``) and, while there is one, the last of these
    (``hand``).
    """

    done = models.BigIntegerField()
    goal = models.BigIntegerField()
    due = models.DateTimeField(null=True)
    phase = models.CharField(max_length=10, default="exact")
    item = models.BigIntegerField(default=0)
    hand = models.BigIntegerField(default=0)
    kept = models.BigIntegerField(default=0)


class DayCount(models.Model):
    """How much was looked at on a day, by origin (``api``, ``scan``, ``cli``, ``hma``) and outcome."""

    day = models.DateField()
    origin = models.CharField(max_length=20)
    outcome = models.CharField(max_length=20)
    number = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "origin", "outcome"], name="screening_count_once")]


from himaya.screening.incoming import models as incoming  # noqa: E402 - Django finds the tables of a room in this module

__all__ = ["incoming"]
