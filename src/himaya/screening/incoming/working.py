"""What was uploaded is looked through and taken beside the worker, one by one; what nobody wants is removed."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.intake.parcels import BadParcel
from himaya.core.intake.reading import UnknownForm
from himaya.core.words import packed, printable
from himaya.ledger import turns
from himaya.ledger.services import record
from himaya.screening.incoming.checking import check
from himaya.screening.incoming.models import Intake
from himaya.screening.incoming.recognising import end_read, lacks, recognise
from himaya.screening.incoming.states import DONE, READING, READY, REFUSED, WANTED
from himaya.screening.incoming.taking import (
    BeingTaken,
    UnknownIntake,
    alone_with,
    fill_intake,
    look_again,
    note_sender,
    take_intake,
)
from himaya.screening.incoming.uploads import ENDING, Laid, check_upload, laid_of, opened_upload, place

if TYPE_CHECKING:
    from collections.abc import Mapping

WAITS = timedelta(days=7)
"""So long an upload that was looked through waits for somebody."""
AGAIN = timedelta(minutes=10)
"""So long after something went wrong it is tried again."""
SWEEP_TURN, SWEEP_EVERY, OLD = "incoming", 3600.0, 86_400.0
logger = logging.getLogger(__name__)


class IntakeDecided(HimayaError):
    """This was decided already: it is {state}."""

    status = 409


@dataclass(frozen=True, slots=True)
class Brought:
    """An upload that can be read: its digest, and the fields of its intake as long as nobody knows what it is."""

    digest: str
    facts: Mapping[str, Any]


def read_upload(
    laid: Laid, *, by: str, case: str = "", sender: str = "", basis: str = "", occasion: str = ""
) -> Brought:
    """See that what was uploaded can be read; what it is, is found out beside the worker. It writes nothing.

    Args:
        laid: what lies sealed; removed where it cannot be read.
        by: who brings it.
        case: as :func:`~.taking.start_intake`.
        sender: as there.
        basis: as there.
        occasion: as there.

    Raises:
        BadParcel: it cannot be read. It is removed.
    """
    try:
        check_upload(laid)
    except BaseException:
        laid.remove()
        raise
    facts: dict[str, Any] = {
        "digest": laid.sha256, "upload": laid.sha256, "form": "", "number": "", "happened_at": None, "facts": {},
        "sender": printable(sender).strip()[:300], "basis": printable(basis).strip()[:300], "occasion": occasion,
        "case": case, "named": bool(case), "left": 0, "by": by, "at": clock.now(), "state": READING,
        "checked_at": None,
    }  # fmt: skip
    return Brought(laid.sha256, facts)


def lay_down(laid: Laid, *, brought: Brought) -> Intake:
    """Take note of an upload: it is looked through beside the worker, and then waits for somebody to confirm it.

    The same, brought again, is the same intake: of one that was taken, what was not is tried once more. That another
    ZIP is the same is found out with what it is (:func:`~.recognising.recognise`).

    Args:
        laid: what lies sealed; removed where nothing is to be done with it.
        brought: what it says of itself.
    """
    lies = {"path": laid.name[:300], "uploaded": True, "lies": laid.row(), "why": ""}
    kept = False
    try:
        with transaction.atomic():
            made = Intake.objects.filter(upload=brought.digest).order_by("pk").first()
            if made is None:
                made, kept = Intake.objects.get_or_create(digest=brought.digest, defaults={**brought.facts, **lies})
            if not kept:
                found = Intake.objects.select_for_update().get(pk=made.pk)
                if found.state == REFUSED:
                    kept = bool(Intake.objects.filter(pk=found.pk).update(**brought.facts, **lies))
                    return Intake.objects.get(pk=made.pk)
                told = brought.facts
                note_sender(found, sender=told["sender"], basis=told["basis"], by=told["by"])
                if found.state == DONE and lacks(found):
                    kept = bool(Intake.objects.filter(pk=found.pk).update(state=WANTED, **lies))
        return Intake.objects.get(pk=made.pk)
    finally:
        if not kept:
            laid.remove()


@transaction.atomic
def refuse_intake(number: int, *, by: str) -> Intake:
    """Take nothing of it: what was uploaded is removed.

    Raises:
        UnknownIntake, IntakeDecided: as their names say.
    """
    intake = Intake.objects.select_for_update().filter(pk=number).first()
    if intake is None:
        raise UnknownIntake(number=number)
    if intake.state not in (READING, READY):
        raise IntakeDecided(state=intake.state)
    _end(intake, REFUSED)
    record("intake.refused", by=by, about=intake.about)
    return intake


def _end(intake: Intake, state: str) -> None:
    """Remove what was uploaded, once that is so."""
    if intake.lies:
        transaction.on_commit(laid_of(intake).remove)
    intake.state, intake.lies = state, {}
    intake.save(update_fields=["state", "lies"])


def take_due() -> bool:
    """Look through or take one of those that were uploaded; whether there was one."""
    _sweep()
    before = clock.now() - AGAIN
    due = Intake.objects.filter(uploaded=True, state__in=(READING, WANTED)).exclude(lies={})
    for intake in due.filter(Q(why="") | Q(checked_at__lt=before) | Q(checked_at=None, at__lt=before)).order_by("pk"):
        try:
            with alone_with(intake.digest):
                _work(intake)
            return True
        except BeingTaken:
            continue
        except HimayaError as error:
            logger.warning("%s: %s", intake.reference, error)
            if intake.state == READING and isinstance(error, UnknownForm | BadParcel):
                end_read(intake, why=error.said())  # it says the same whenever it is read
                return True
            Intake.objects.filter(pk=intake.pk).update(why=packed(error.said()), checked_at=clock.now())
            return True
    return False


def _work(intake: Intake) -> None:
    intake.refresh_from_db()
    if intake.state not in (READING, WANTED) or not intake.lies:
        return
    with opened_upload(laid_of(intake)) as delivery:
        if not intake.form:
            recognise(intake, delivery)  # it is read on by its own name, which nobody else reads by meanwhile
            return
        if intake.state == READING:
            fill_intake(intake, checked=check(delivery), by=intake.by)
            return
        found = look_again(intake, delivery=delivery, by=intake.by)
        found = take_intake(found, delivery=delivery, by=intake.by)
    with transaction.atomic():
        _end(Intake.objects.select_for_update().get(pk=found.pk), DONE)


def _sweep() -> None:
    """What nobody confirmed in time is removed, and so are files of uploads that were cut off."""
    if not turns.is_due(SWEEP_TURN, every=SWEEP_EVERY):
        return
    turns.call(SWEEP_TURN)
    for one in Intake.objects.filter(uploaded=True, state=READY, checked_at__lt=clock.now() - WAITS):
        with transaction.atomic():
            _end(Intake.objects.select_for_update().get(pk=one.pk), REFUSED)
            record("intake.refused", by="system", about=one.about)
    needed = {row["number"] for row in Intake.objects.exclude(lies={}).values_list("lies", flat=True)}
    for file in place().glob(f"*{ENDING}"):
        if file.name.removesuffix(ENDING) not in needed and time.time() - file.stat().st_mtime > OLD:
            file.unlink(missing_ok=True)
