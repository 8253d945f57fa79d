"""Tables of what others brought. No content stands in them: each file is an exhibit, or was not taken."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from himaya.screening.incoming.states import FILE, INTAKE, READING, WAITING


class Intake(models.Model):
    """Something that others brought. The same, brought again, is the same intake: ``digest`` stands for the whole."""

    digest = models.CharField(max_length=64, unique=True)
    upload = models.CharField(max_length=64, default="", db_index=True)
    """SHA-256 of the ZIP that was uploaded last; until its form is found out it is ``digest``, too."""
    form = models.CharField(max_length=60)
    """Names of :mod:`himaya.plugins.intakes`, from the outside in: ``bagit+vics``; empty: it is not found out yet."""
    number = models.CharField(max_length=300, default="")
    """As the sender has it."""
    sender = models.CharField(max_length=300, default="")
    basis = models.CharField(max_length=300, default="")
    happened_at = models.DateTimeField(null=True)
    facts = models.JSONField(default=dict)
    occasion = models.CharField(max_length=20)
    case = models.CharField(max_length=60, default="")
    """The case that was named, as the ledger names it; else that of its first match; empty: none yet."""
    named = models.BooleanField(default=False)
    """Whether somebody named the case: then all belongs to it."""
    left = models.PositiveIntegerField(default=0)
    """Files of which nothing tells, and that are not taken."""
    path = models.CharField(max_length=4000)
    """Where it lay, or lies until it is taken."""
    uploaded = models.BooleanField(default=False)
    """It lies with us, sealed, and is removed when all is done."""
    lies = models.JSONField(default=dict)
    """Of what was uploaded: the ``number`` of the sealed file, its ``key`` (sealed with our secret), its ``size``."""
    state = models.CharField(max_length=10, default=READING)
    why = models.JSONField(default=str)
    """What went wrong last (``words.packed``)."""
    by = models.CharField(max_length=100)
    at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(state__in=INTAKE), name="screening_intake_state")]

    @property
    def reference(self) -> str:
        """The number that people quote: ``I-2026-000042``."""
        return f"I-{self.at.year}-{self.pk:06d}"

    @property
    def about(self) -> str:
        """As the ledger names it."""
        return f"intake:{self.pk}"


class BroughtAgain(models.Model):
    """The same, brought by somebody else as well: nothing is taken twice, and who brought it is known."""

    intake = models.ForeignKey(Intake, on_delete=models.CASCADE, related_name="+")
    sender = models.CharField(max_length=300)
    basis = models.CharField(max_length=300, default="")
    by = models.CharField(max_length=100)
    """Who took it in."""
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["intake", "sender"], name="screening_brought_again_once")]


class IntakeFile(models.Model):
    """One file of it, and what became of it."""

    intake = models.ForeignKey(Intake, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=400, default="")
    """Its path in what was brought; empty: only something is said, no file comes."""
    called = models.CharField(max_length=300, default="")
    size = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, default="")
    digests = models.JSONField(default=dict)
    """What the sender declared, by algorithm: as it was proved, or as it does not agree."""
    media_type = models.CharField(max_length=60, default="")
    facts = models.JSONField(default=dict)
    labels = models.JSONField(default=list)
    at = models.DateTimeField(null=True)
    """When the sender came by it, as they say."""
    state = models.CharField(max_length=10, default=WAITING)
    why = models.JSONField(default=str)
    matches = models.PositiveIntegerField(default=0)
    """How many items of lists it matched."""
    skipped = models.JSONField(default=str)
    """Why it could only be compared by its digests; empty: it could be."""
    exhibit = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["intake", "number"], name="screening_intake_file_once"),
            models.CheckConstraint(condition=Q(state__in=FILE), name="screening_intake_file_state"),
        ]
        indexes = [models.Index(fields=["exhibit"], name="screening_intake_exhibit")]
