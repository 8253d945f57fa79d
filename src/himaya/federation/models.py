"""Tables of partners."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models


class Partner(models.Model):
    """Another body that reads our lists. It speaks about items as one organisation, where it may vote at all."""

    name = models.CharField(max_length=60, unique=True, validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$")])
    title = models.CharField(max_length=120)
    organisation = models.ForeignKey("lists.Organisation", on_delete=models.PROTECT, related_name="+")
    votes = models.BooleanField(default=False)
    items_a_day = models.PositiveIntegerField()
    """Items that it may be told in a day, UTC."""
    requests_a_day = models.PositiveIntegerField()
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation"], condition=models.Q(ended_at=None), name="federation_partner_speaks_alone"
            )
        ]

    def __str__(self) -> str:
        return self.title


class PartnerKey(models.Model):
    """A key (``accounts.ApiKey``, by its prefix) with which a partner comes."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    prefix = models.CharField(max_length=12, unique=True)


class Grant(models.Model):
    """A list that a partner may read by name; lists for everybody (TLP clear and green) need none."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    list = models.ForeignKey("lists.HashList", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    permission = models.CharField(max_length=200, default="")
    """By what the list's source permitted it, where its label does not."""
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=100, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "list"], condition=models.Q(ended_at=None), name="federation_grant_once"
            )
        ]


class Use(models.Model):
    """What a partner read on a day: requests, items told, by list (0: of none)."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    requests = models.PositiveIntegerField(default=0)
    items = models.PositiveBigIntegerField(default=0)
    read_at = models.DateTimeField(null=True)
    """When it was last about to be told of lists."""
    recorded = models.BooleanField(default=False)
    """Whether the sums of the day are in the ledger, as they are once it is over."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "day"], name="federation_use_once")]
        indexes = [models.Index(fields=["day"], condition=models.Q(recorded=False), name="federation_use_open")]


class NodeKey(models.Model):
    """A key with which this node signs what it serves (``core.repository``): snapshot, timestamp, its own statements.
    The secret half is sealed; one that was retired stays, so that what it signed can be told.
    """

    keyid = models.CharField(max_length=64, unique=True)
    public = models.TextField()
    sealed = models.TextField()
    made_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)


class Publication(models.Model):
    """A file of statements that was published of a list: what others can prove that they were given."""

    list = models.ForeignKey("lists.HashList", on_delete=models.PROTECT, related_name="+")
    sequence = models.BigIntegerField()
    since = models.BigIntegerField(null=True)
    """From which state it leads there; None: it is a full file."""
    sha256 = models.CharField(max_length=64)
    length = models.BigIntegerField()
    lines = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["list", "sequence"], name="federation_publication_state")]


class Served(models.Model):
    """How far a list is published: the state, and up to which change it was looked at. What is wrong with it."""

    list = models.OneToOneField("lists.HashList", on_delete=models.PROTECT, related_name="+")
    sequence = models.BigIntegerField(default=0)
    looked = models.BigIntegerField(default=0)
    at = models.DateTimeField(null=True)
    trouble = models.JSONField(default=dict)
    failed_at = models.DateTimeField(null=True)


class Signatory(models.Model):
    """An organisation whose signed statements are passed on, unchanged, in a list of ours. The row governs: what it
    does not admit, or withholds, is not told.
    """

    list = models.ForeignKey("lists.HashList", on_delete=models.PROTECT, related_name="+")
    organisation = models.CharField(max_length=60)
    subscription = models.ForeignKey("lists.Subscription", on_delete=models.PROTECT, related_name="+")
    """Where it is read."""
    admitted = models.CharField(max_length=12)
    """How far its list might be handed on when it was admitted (Traffic Light Protocol)."""
    permission = models.CharField(max_length=200, default="")
    """By what it permitted more than that says."""
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=100, default="")
    tlp = models.CharField(max_length=12)
    """How far its list may be handed on, as it said last."""
    source = models.CharField(max_length=60)
    """What the list is called where it is at home."""
    key = models.CharField(max_length=64)
    """The first of the keys with which it signs."""
    sequence = models.BigIntegerField(default=0)
    """The state that is passed on; 0: none as yet."""
    lines = models.BigIntegerField(default=0)
    until = models.DateTimeField(null=True)
    """Until when what it signed is good."""
    taken_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    withheld = models.BooleanField(default=False)
    """Nothing of it is passed on for now: ``trouble`` says why."""
    trouble = models.JSONField(default=dict)
    failed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["list", "organisation"], condition=models.Q(ended_at=None), name="federation_signatory_once"
            )
        ]


class Mark(models.Model):
    """What a partner was told, whatever it takes it for: asked for all up to ``upto`` by its own clock, it was given
    the changes up to ``number``, of ``lists``. When it goes on from there, it gets what came behind that number.
    """

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    scope = models.CharField(max_length=60, default="")
    """The list that was asked for; empty: all that it may read."""
    number = models.BigIntegerField()
    lists = models.CharField(max_length=4000)
    """Ids, with commas."""
    upto = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["partner", "scope", "upto"], name="federation_mark_upto")]
