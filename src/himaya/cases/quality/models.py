"""Tables of what verdicts are checked by."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from himaya.cases.quality.states import APPEAL, LOOK


class SecondLook(models.Model):
    """A verdict was chosen for the look of a second person, who does not know it.

    ``entry`` is the number of the verdict's entry in the ledger, by whose digest the sample is drawn; ``cause`` is
    ``sample`` or a rule (:mod:`.choosing`). What the second person said stands here, and becomes a verdict only where
    the one who settles says so: ``result``.
    """

    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    verdict = models.OneToOneField("cases.Verdict", on_delete=models.PROTECT, related_name="+")
    entry = models.BigIntegerField()
    cause = models.CharField(max_length=20)
    chosen_at = models.DateTimeField()
    holds = models.BooleanField(default=False)
    """Whether what the verdict sends out waits for it: as the operator had set it when the verdict was chosen."""
    state = models.CharField(max_length=10, default=LOOK.initial)
    by = models.ForeignKey("accounts.Person", null=True, on_delete=models.PROTECT, related_name="+")
    looked_at = models.DateTimeField(null=True)
    scheme = models.CharField(max_length=40, default="")
    code = models.CharField(max_length=40, default="")
    confirms = models.BooleanField(null=True)
    reason = models.CharField(max_length=2000, default="")
    settled_by = models.ForeignKey("accounts.Person", null=True, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=2000, default="")
    """Of who settled or dropped it."""
    result = models.ForeignKey("cases.Verdict", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=LOOK.states), name="cases_look_state"),
            models.UniqueConstraint(
                fields=["case"], condition=Q(state__in=("open", "differs")), name="cases_look_once_a_case"
            ),
        ]
        indexes = [models.Index(fields=["state", "chosen_at"], name="cases_look_queue")]

    def __str__(self) -> str:
        return f"{self.case} ({self.state})"


class Appeal(models.Model):
    """A user objects to what a verdict did to them; a platform passed it on, by a reference of its own.

    ``ground`` is one of :data:`himaya.cases.quality.words.GROUNDS`; ``said`` what the user says, without who they are.
    ``reason`` is of who answered, for the user. ``result`` is the verdict that took the place of the one objected to.
    """

    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    verdict = models.ForeignKey("cases.Verdict", on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=80, unique=True)
    ground = models.CharField(max_length=20)
    said = models.CharField(max_length=2000)
    made_at = models.DateTimeField()
    received_at = models.DateTimeField()
    due_at = models.DateTimeField()
    by = models.CharField(max_length=100)
    state = models.CharField(max_length=10, default=APPEAL.initial)
    answered_by = models.ForeignKey("accounts.Person", null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=2000, default="")
    result = models.ForeignKey("cases.Verdict", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(state__in=APPEAL.states), name="cases_appeal_state")]
        indexes = [models.Index(fields=["state", "due_at"], name="cases_appeal_queue")]

    def __str__(self) -> str:
        return self.reference


class Practised(models.Model):
    """Somebody classified a training case (:mod:`.golden`): ``item`` names it, ``code`` is empty where they said that
    no class fits. It is for the person alone, and in sums.
    """

    person = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    item = models.CharField(max_length=40)
    code = models.CharField(max_length=40)
    right = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["person", "item"], name="cases_practised_item")]
