"""Tables of lists."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

ACTIVE, DISPUTED, WITHDRAWN = "active", "disputed", "withdrawn"


class Revision(models.Model):
    """A change of lists or items. Its ``number`` grows, so that readers can ask for what is new.

    An import writes its items batch by batch under a revision without a number, and they count for nobody. The number
    comes last: with it, in one moment, all of them count. ``alive_until`` (seconds, the database's clock) is renewed
    with every batch; whoever finds it in the past, or the process of ``holder`` gone, may sweep up what was left.
    """

    number = models.BigIntegerField(null=True, unique=True)
    list = models.ForeignKey("HashList", null=True, on_delete=models.PROTECT, related_name="+")
    alive_until = models.FloatField(default=0)
    holder = models.CharField(max_length=100, default="")
    """Host and process of an import."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["list"], condition=Q(number=None), name="lists_revision_one_arrives")
        ]
        indexes = [models.Index(fields=["id"], condition=Q(number=None), name="lists_revision_arriving")]


class HashList(models.Model):
    """A named set of items under one steward."""

    name = models.CharField(max_length=60, unique=True, validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$")])
    title = models.CharField(max_length=120)
    source = models.CharField(max_length=120, default="")
    radius = models.PositiveSmallIntegerField()
    enabled = models.BooleanField(default=True)
    switched_on = models.BigIntegerField(default=0)
    """The :class:`Revision`, its id, by which it was switched on last; 0: it always was, or is off."""
    widened = models.BigIntegerField(default=0)
    """The one by which its radius grew last."""
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.title


class Arrived(models.Manager["Item"]):
    """Items that count: not those of an import that is still under way."""

    def get_queryset(self) -> models.QuerySet[Item]:
        """All items whose revision has a number."""
        return super().get_queryset().exclude(revision__in=Revision.objects.filter(number=None).values("pk"))


class Item(models.Model):
    """A signal on a list, and who says so. ``value`` is canonical; a withdrawn item stays, and stays withdrawn.

    A ``negative`` item is known to be benign: it keeps what is nearer to it than to an item of its list from being a
    match. It stands beside an item of the same value, and no import of the one touches the other.
    """

    list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="+")
    signal = models.CharField(max_length=20)
    value = models.CharField(max_length=200)
    negative = models.BooleanField(default=False)
    state = models.CharField(max_length=10, default=ACTIVE)
    scheme = models.CharField(max_length=40, default="")
    code = models.CharField(max_length=40, default="")
    source = models.CharField(max_length=120, default="")
    reference = models.CharField(max_length=120, default="")
    note = models.CharField(max_length=500, default="")
    reason = models.CharField(max_length=500, default="")
    """Why its state was set here; ``note`` is the source's, and comes and goes with imports."""
    added_by = models.CharField(max_length=100)
    added_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    revision = models.BigIntegerField()
    """The :class:`Revision` that changed it last: its id, not its number."""

    objects = Arrived()
    everything = models.Manager["Item"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["signal", "value", "list", "negative"], name="lists_item_once_a_list"),
            models.CheckConstraint(condition=Q(state__in=("active", "disputed", "withdrawn")), name="lists_item_state"),
        ]
        indexes = [
            models.Index(fields=["revision", "signal"], name="lists_item_changes"),
            models.Index(fields=["list", "id"], name="lists_item_list"),
        ]

    def __str__(self) -> str:
        return f"{self.signal}:{self.value}"


class Body(models.Model):
    """The parts of an item of a composite signal (a video's frames): of these its value is the digest.

    It comes with the item, under the revision of that import, and is never changed.
    """

    item = models.OneToOneField(Item, on_delete=models.PROTECT, related_name="+")
    data = models.BinaryField()
    revision = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["revision"], name="lists_body_revision")]


class Quarantine(models.Model):
    """An item that suddenly matched too much: it opens no case until a person lets it go (``ended_at``)."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    contents = models.PositiveIntegerField()
    """Distinct contents that it matched within the last ``hours`` before ``at``."""
    hours = models.PositiveIntegerField()
    distances = models.JSONField()
    """Distance in bits, as text → how many of them."""
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=100, default="")
    reason = models.CharField(max_length=500, default="")
    limit = models.PositiveIntegerField(default=0)
    """How many contents it may match from then on before it is held again; 0: it was withdrawn."""
    kept = models.PositiveIntegerField(default=0)
    """How many places of contents, which matched it meanwhile, wait for the decision."""
    kept_bytes = models.BigIntegerField(default=0)
    lost = models.PositiveIntegerField(default=0)
    """How many more do not: there was no room for them, or they waited too long."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(ended_at=None), name="lists_quarantine_one_holds")
        ]


class Amendment(models.Model):
    """New terms of an item, on their way in an import: they hold once the import does."""

    revision = models.BigIntegerField()
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="+")
    scheme = models.CharField(max_length=40)
    code = models.CharField(max_length=40)
    source = models.CharField(max_length=120)
    reference = models.CharField(max_length=120)
    note = models.CharField(max_length=500)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "item"], name="lists_amendment_once")]


class Portion(models.Model):
    """How many items of a list are alike. Written with every change of the items, so that no page counts them."""

    list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="+")
    signal = models.CharField(max_length=20)
    scheme = models.CharField(max_length=40)
    code = models.CharField(max_length=40)
    state = models.CharField(max_length=10)
    negative = models.BooleanField(default=False)
    number = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["list", "signal", "scheme", "code", "state", "negative"], name="lists_portion_once"
            ),
        ]
