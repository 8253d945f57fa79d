"""What an upload is: found out beside the worker, however long that takes, before it is looked through."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from himaya.core.words import Said, packed
from himaya.ledger.services import SYSTEM, record
from himaya.screening.incoming.models import Intake, IntakeFile
from himaya.screening.incoming.states import ABSENT, DIFFERS, DONE, READING, REFUSED, UNREAD, WANTED
from himaya.screening.incoming.taking import note_sender
from himaya.screening.incoming.uploads import laid_of

if TYPE_CHECKING:
    from himaya.core.intake.reading import Delivery

logger = logging.getLogger(__name__)


def recognise(intake: Intake, delivery: Delivery) -> None:
    """Write down what an upload is. What was brought before, in another ZIP, is the intake that it was then: of one
    that was taken, what was not is tried once more with this one.

    Args:
        intake: that of the upload.
        delivery: the same, opened.
    """
    told = delivery.told
    facts = {
        "form": delivery.form, "number": told.number, "sender": intake.sender or told.sender,
        "basis": intake.basis or told.basis, "happened_at": told.at, "facts": dict(told.facts),
        "occasion": intake.occasion or delivery.occasion, "left": len(delivery.left),
    }  # fmt: skip
    try:
        with transaction.atomic():
            here = Intake.objects.select_for_update().filter(digest=delivery.digest).exclude(pk=intake.pk).first()
            mine = Intake.objects.select_for_update().get(pk=intake.pk)
            if mine.state != READING or not mine.lies:  # somebody refused it meanwhile
                return
            if here is None:
                Intake.objects.filter(pk=mine.pk).update(digest=delivery.digest, **facts)
            else:
                _joined(mine, here, facts)
    except IntegrityError:  # somebody begins to take the same at this moment: the next round sees it
        logger.info("%s is begun elsewhere, too", intake.reference)


def _joined(intake: Intake, here: Intake, facts: dict[str, Any]) -> None:
    """An upload is what is here already: it is read on as that where there is something to be read for."""
    moved = {name: getattr(intake, name) for name in ("upload", "path", "lies")} | {"uploaded": True, "why": ""}
    kept = True
    if here.state == REFUSED:
        more = {name: getattr(intake, name) for name in ("case", "named", "by", "at")}
        Intake.objects.filter(pk=here.pk).update(**facts, **moved, **more, state=READING, checked_at=None)
    else:
        note_sender(here, sender=facts["sender"], basis=facts["basis"], by=intake.by)
        kept = here.state == DONE and lacks(here)
        if kept:
            Intake.objects.filter(pk=here.pk).update(**moved, state=WANTED)
    _refused(intake, why=Said("it was brought before, as {reference}", reference=here.reference), remove=not kept)


@transaction.atomic
def end_read(intake: Intake, *, why: str) -> None:
    """Take nothing of an upload that cannot be read, and remove it.

    Args:
        intake: that of the upload.
        why: what is wrong with it.
    """
    found = Intake.objects.select_for_update().get(pk=intake.pk)
    if found.state == READING and found.lies:
        _refused(found, why=why, remove=True)


def _refused(intake: Intake, *, why: str, remove: bool) -> None:
    if remove:
        transaction.on_commit(laid_of(intake).remove)
    intake.state, intake.lies, intake.why = REFUSED, {}, packed(why)
    intake.save(update_fields=["state", "lies", "why"])
    record("intake.refused", by=SYSTEM, about=intake.about)


def lacks(intake: Intake) -> bool:
    """Whether some of its files were not taken, though they were told of."""
    return IntakeFile.objects.filter(intake=intake, state__in=(ABSENT, DIFFERS, UNREAD)).exclude(name="").exists()
