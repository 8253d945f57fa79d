"""What the sender says of files: who says so, and of what else it holds."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from himaya.core.intake.offered import SAID_BY, Label
from himaya.evidence.labelling import Said, apply_labels, share_labels
from himaya.evidence.queries import exhibits
from himaya.screening.incoming.models import IntakeFile
from himaya.screening.incoming.states import ABSENT, KEPT, TWICE

if TYPE_CHECKING:
    from himaya.screening.incoming.models import Intake

STEP = 200


def said_by(intake: Intake, row: IntakeFile | None = None) -> str:
    """Who says what came with it; never nobody. Somebody else than the sender is named with who passed it on."""
    sender = intake.sender or "an unnamed sender"
    other = str(row.facts.get(SAID_BY, "")) if row else ""
    return f"{other}, passed on by {sender}" if other and other != sender else sender


def label_the_rest(intake: Intake, *, by: str) -> None:
    """What is said of a file that did not come, or was told of before, goes to what is kept of equal digest; and what
    is of the same content shares what is said of it.
    """
    rows = IntakeFile.objects.filter(intake=intake, state__in=(ABSENT, TWICE)).exclude(labels=[])
    every = (
        Said(row.digests, tuple(Label(*one) for one in row.labels), said_by(intake, row))
        for row in rows.order_by("number").iterator()
    )
    apply_labels(every, came_with=intake.about, by=by)
    kept = IntakeFile.objects.filter(intake=intake, state=KEPT).order_by("number").values_list("exhibit", flat=True)
    numbers = (one for one in kept.iterator() if one is not None)
    while some := list(islice(numbers, STEP)):
        for exhibit in exhibits().filter(pk__in=some):
            share_labels(exhibit, by=by)
