"""Tables of lists."""

from __future__ import annotations

from typing import TypeVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from himaya.core.labels import TLP
from himaya.core.statements import ACTS, BASES, UNSTATED
from himaya.lists.admission import ACTIVE, DISPUTED, EXPIRED, MATCHING, PROPOSED, STATES, WITHDRAWN
from himaya.lists.marks import Mark
from himaya.lists.speakers import Guise, Organisation

__all__ = [
    "ACTIVE", "DISPUTED", "EXPIRED", "MATCHING", "PROPOSED", "STATES", "TLP", "WITHDRAWN", "Guise", "Mark",
    "Organisation",
]  # fmt: skip


class Revision(models.Model):
    """A change of lists or items. Its ``number`` grows, so that readers can ask for what is new.

    An import writes its items batch by batch under a revision without a number, and they count for nobody. The number
    comes last: with it, in one moment, all of them count. ``alive_until`` (seconds, the database's clock) is renewed
    with every batch; whoever finds it in the past, or the process of ``holder`` gone, may sweep up what was left.
    """

    number = models.BigIntegerField(null=True, unique=True)
    at = models.DateTimeField(null=True)
    """When it began to count; a later number has a later time."""
    list = models.ForeignKey("HashList", null=True, on_delete=models.PROTECT, related_name="+")
    alive_until = models.FloatField(default=0)
    holder = models.CharField(max_length=100, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["list"], condition=Q(number=None), name="lists_revision_one_arrives")
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(number=None), name="lists_revision_arriving"),
            models.Index(fields=["at"], name="lists_revision_at"),
        ]


class HashList(models.Model):
    """A named set of items under one steward."""

    name = models.CharField(max_length=60, unique=True, validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$")])
    title = models.CharField(max_length=120)
    source = models.CharField(max_length=120, default="")
    radius = models.PositiveSmallIntegerField()
    organisations = models.PositiveSmallIntegerField(default=1)
    """So many organisations have to vouch for an item before it counts,"""
    jurisdictions = models.PositiveSmallIntegerField(default=1)
    """in so many jurisdictions;"""
    disputes = models.PositiveSmallIntegerField(default=1)
    """and so many votes against it make it disputed (``lists.admission``)."""
    common = models.BooleanField(default=False)
    """It is shared by several organisations: what changes it needs a second person."""
    tlp = models.CharField(max_length=12, default="amber+strict")
    """How far it may be handed on; one of :data:`TLP`."""
    given = models.CharField(max_length=12, default="")
    """The strictest label in a file that was imported; empty: none had one."""
    enabled = models.BooleanField(default=True)
    switched_on = models.BigIntegerField(default=0)
    """The :class:`Revision`, its id, by which it was switched on last; 0: it always was, or is off."""
    widened = models.BigIntegerField(default=0)
    """The one by which its radius grew last."""
    terms_at = models.DateTimeField(null=True)
    """When what others are told of it as a whole (label, radius, rule, title) became other than it was last."""
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=100)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(tlp__in=TLP), name="lists_hashlist_tlp")]

    def __str__(self) -> str:
        return self.title


M = TypeVar("M", bound=models.Model)


class Arrived(models.Manager[M]):
    """What counts: not what belongs to an import that is still under way."""

    def get_queryset(self) -> models.QuerySet[M]:
        """All rows whose revision has a number."""
        return super().get_queryset().exclude(revision__in=Revision.objects.filter(number=None).values("pk"))


class Item(models.Model):
    """A signal on a list, and who says so. ``value`` is canonical; a withdrawn item stays, and stays withdrawn.

    A ``negative`` item is known to be benign: it keeps what is nearer to it than to an item of its list from being a
    match. It stands beside an item of the same value, and no import of the one touches the other.
    """

    list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="+", db_index=False)
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
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    """Who vouched for it first, of those who still do."""
    agreement = models.PositiveSmallIntegerField(default=1)
    """How many organisations vouch for it."""
    until = models.DateTimeField(null=True)
    """When its state has to be looked at again, because somebody's word ceases to count."""
    month = models.PositiveSmallIntegerField(default=0)
    """In which month it came, counted from January 1970: what age is told by."""
    added_by = models.CharField(max_length=100)
    added_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    revision = models.BigIntegerField()
    """The :class:`Revision` that changed it last: its id, not its number."""

    objects = Arrived["Item"]()
    everything = models.Manager["Item"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["signal", "value", "list", "negative"], name="lists_item_once_a_list"),
            models.CheckConstraint(condition=Q(state__in=STATES), name="lists_item_state"),
        ]
        indexes = [
            models.Index(fields=["revision", "signal", "id"], name="lists_item_changes"),
            models.Index(fields=["list", "id"], name="lists_item_list"),
            models.Index(fields=["until"], condition=Q(until__isnull=False), name="lists_item_until"),
        ]

    def __str__(self) -> str:
        return f"{self.signal}:{self.value}"


class Statement(models.Model):
    """What an organisation said about an item (:class:`himaya.core.statements.Statement`). Never changed nor deleted:
    who takes something back says so in another row. It counts once its revision has a number.
    """

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="+", db_index=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    act = models.CharField(max_length=10)
    scheme = models.CharField(max_length=40, default="")
    code = models.CharField(max_length=40, default="")
    basis = models.CharField(max_length=12, default=UNSTATED)
    at = models.DateTimeField()
    """When the organisation said so, as far as it tells; else when it came."""
    until = models.DateTimeField(null=True)
    key = models.CharField(max_length=120, default="")
    """The organisation's own name for the item."""
    reason = models.CharField(max_length=500, default="")
    by = models.CharField(max_length=100)
    """Who or what brought it here."""
    borrowed = models.BooleanField(default=False)
    """One person alone brought it in another's name: beside other organisations' words it does not count."""
    subscription = models.ForeignKey(
        "Subscription", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    revision = models.BigIntegerField()

    objects = Arrived["Statement"]()
    everything = models.Manager["Statement"]()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(act__in=list(ACTS)), name="lists_statement_act"),
            models.CheckConstraint(condition=Q(basis__in=list(BASES)), name="lists_statement_basis"),
        ]
        indexes = [
            models.Index(fields=["item", "id"], name="lists_statement_item"),
            models.Index(fields=["revision", "id"], name="lists_statement_revision"),
            models.Index(
                fields=["subscription", "key"], condition=Q(subscription__isnull=False), name="lists_statement_key"
            ),
        ]


class Subscription(models.Model):
    """A source of a list elsewhere, read again and again. Its secrets are sealed."""

    name = models.CharField(max_length=60, unique=True, validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$")])
    list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    """Who speaks where the source names nobody."""
    exchange = models.CharField(max_length=40)
    options = models.JSONField(default=dict)
    sealed = models.TextField(default="")
    """Those of the options that are secret, as sealed JSON."""
    private = models.BooleanField(default=False)
    """Whether it may lie in a private network."""
    members = models.BooleanField(default=False)
    """Whether the source is believed about who of its members says what: each counts as an organisation then."""
    seconded = models.BooleanField(default=False)
    """Whether two people set it so: what one alone set speaks in borrowed names."""
    basis = models.CharField(max_length=12, default=UNSTATED)
    interval = models.PositiveIntegerField()
    """Seconds from the beginning of one round to that of the next."""
    enabled = models.BooleanField(default=True)
    asking = models.BooleanField(default=False)
    """Whether its source may be asked about hashes: it learns each, and that this node holds it."""
    daily = models.PositiveIntegerField(default=1000)
    """About how many hashes a day (UTC) it may be asked,"""
    asked_on = models.DateField(null=True)
    """the last day on which it was,"""
    asked = models.PositiveIntegerField(default=0)
    """and about how many then."""
    checkpoint = models.TextField(default="")
    rounds = models.BigIntegerField(default=0)
    """How many have been applied."""
    due_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    """When a round was applied last, whole."""
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)
    """Rounds in a row that failed, and since when."""
    trouble = models.JSONField(default=dict)
    """What failed and the remedy, as templates with facts; empty where nothing did."""
    told = models.JSONField(default=dict)
    """What the last round brought: counts by what became of it, and by kind of fingerprint that nothing here reads."""
    tlp = models.CharField(max_length=12, default="")
    """How far what it gives may be handed on, the strictest that the source said; empty: it said nothing."""
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(basis__in=list(BASES)), name="lists_subscription_basis"),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(enabled=True), name="lists_subscription_due")]

    def __str__(self) -> str:
        return self.name


class Answer(models.Model):
    """What a source answered last about a hash that it was asked about."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    signal = models.CharField(max_length=20)
    value = models.CharField(max_length=200)
    at = models.DateTimeField()
    known = models.BooleanField()
    scheme = models.CharField(max_length=40, default="")
    code = models.CharField(max_length=40, default="")
    note = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscription", "signal", "value"], name="lists_answer_once")]
        indexes = [
            models.Index(fields=["signal", "value"], name="lists_answer_value"),
            models.Index(fields=["at"], name="lists_answer_at"),
        ]


_PROPOSED = ("mark", "import", "change", "subscribe", "add", "source", "release", "share", "admit")
_DECIDED = ("waiting", "approved", "done", "refused", "failed")
"""States of a proposal; ``approved``: decided, and too large for an answer to wait for: a worker does it."""


class Proposal(models.Model):
    """What somebody wants to do to a common list, until a second person approves of it or refuses."""

    ACTS = _PROPOSED
    MARK, IMPORT, CHANGE, SUBSCRIBE, ADD, SOURCE, RELEASE, SHARE, ADMIT = ACTS
    STATES = _DECIDED
    WAITING, APPROVED, DONE, REFUSED, FAILED = STATES

    list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="+")
    act = models.CharField(max_length=10)
    arguments = models.JSONField()
    """Of the act, as the service that does it takes them."""
    sealed = models.TextField(default="")
    """Those of them that are secret, as sealed JSON; emptied once it is decided."""
    file = models.CharField(max_length=80, default="")
    """Of an import: the name of its file in the data directory, removed once it is decided."""
    sha256 = models.CharField(max_length=64, default="")
    size = models.BigIntegerField(default=0)
    by = models.CharField(max_length=100)
    at = models.DateTimeField()
    reason = models.CharField(max_length=500, default="")
    state = models.CharField(max_length=10, default=WAITING)
    decided_by = models.CharField(max_length=100, default="")
    decided_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=1000, default="")
    """Why it was refused, or what failed."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(act__in=_PROPOSED), name="lists_proposal_act"),
            models.CheckConstraint(condition=Q(state__in=_DECIDED), name="lists_proposal_state"),
        ]
        indexes = [
            models.Index(fields=["list", "id"], condition=Q(state="waiting"), name="lists_proposal_waiting"),
            models.Index(fields=["id"], condition=Q(state="approved"), name="lists_proposal_approved"),
        ]


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
    """New terms of an item, and where it stands then, on their way in an import: they hold once the import does."""

    revision = models.BigIntegerField()
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="+")
    scheme = models.CharField(max_length=40)
    code = models.CharField(max_length=40)
    source = models.CharField(max_length=120)
    reference = models.CharField(max_length=120)
    note = models.CharField(max_length=500)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    agreement = models.PositiveSmallIntegerField()
    until = models.DateTimeField(null=True)
    state = models.CharField(max_length=10)
    was = models.BigIntegerField()
    """The item's revision when this was worked out: what was said since is not in it."""

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
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    agreement = models.PositiveSmallIntegerField()
    month = models.PositiveSmallIntegerField()
    number = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["list", "signal", "scheme", "code", "state", "negative", "organisation", "agreement", "month"],
                name="lists_portion_once",
            )
        ]
