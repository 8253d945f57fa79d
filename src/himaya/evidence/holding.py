"""Legal holds: what an authority wants kept beyond its time."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.db.models import Q

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, printable
from himaya.evidence.demands.models import DemandHold
from himaya.evidence.keys import is_gone, lock_epochs
from himaya.evidence.locking import see_locks
from himaya.evidence.models import Epoch, Exhibit, Hold
from himaya.evidence.reasons import listed, reason_of, refuse
from himaya.evidence.services import CASE, UnknownExhibit
from himaya.evidence.states import DESTROYED, ENDING, KEPT
from himaya.ledger.queries import entries
from himaya.ledger.services import record

NAMED = 10
"""Exhibits that are named one by one."""


class BadHold(HimayaError):
    """The hold cannot be placed: {why}."""

    status = 422


class AlreadyHeld(HimayaError):
    """This hold stands already, with the same authority, reason and day: it is hold {number}."""

    remedy = "Where it is another one, say by its reason which: the number of its letter, or a later day."
    status = 409


class UnknownHold(HimayaError):
    """There is no hold {number} that stands."""

    status = 404


class HeldByDemand(HimayaError):
    """The hold {number} belongs to a demand of an authority, and is lifted with it."""

    remedy = "Whoever works at the legal desk ends the demand."
    status = 409


class TooLateToHold(HimayaError):
    """{exhibit} cannot be held any more: it was destroyed on {at}."""

    status = 410


@transaction.atomic
def place_hold(about: str, *, reason: str, authority: str, review_on: date, by: str) -> Hold:
    """Have something kept beyond its time: an exhibit, or whatever a case has and gets.

    It outranks every rule: what was about to end is kept, up to the moment in which its key is destroyed. For which
    exhibits of a case it came too late, :func:`came_late` says.

    Args:
        about: ``exhibit:12`` or ``case:12``.
        reason: why, 1 to 500 characters.
        authority: who wants it, 1 to 200 characters.
        review_on: when somebody asks whether it is still wanted.
        by: who places it.

    Raises:
        UnknownExhibit, TooLateToHold, BadHold, AlreadyHeld: as their names say.
    """
    text = reason_of(reason, BadHold)
    kind, _, number = about.partition(":")
    flaws = {
        N_("it does not say which authority wants it"): not 0 < len(authority.strip()) <= 200,
        N_("the day on which it is reviewed has passed"): review_on <= clock.now().date(),
        N_("what is held is an exhibit or a case"): not CASE.fullmatch(about) or kind not in ("case", "exhibit"),
    }
    refuse(flaws, BadHold)
    case = about if kind == "case" else ""
    found = Exhibit.objects.filter(case=about) if case else Exhibit.objects.filter(pk=int(number))
    if not case and not found.exists():
        raise UnknownExhibit(exhibit=number)
    if case and not found.exists() and not entries(about=case).exists():
        raise BadHold(why=Said("there is no {case}, and nothing would be held", case=case.replace(":", " ")))
    lock_epochs(Epoch.objects.filter(pk__in=found.values("epoch")))
    same = Q(case=case) if case else Q(exhibit__in=found)
    letter = {"authority": printable(authority).strip(), "reason": text, "review_on": review_on}
    if there := Hold.objects.filter(same, lifted_at=None, **letter).order_by("pk").first():
        raise AlreadyHeld(number=there.pk)
    late = {one.pk: one for one in found.select_related("epoch").exclude(state=KEPT).order_by("pk") if is_gone(one)}
    if late and not found.exclude(pk__in=late).exists():
        every, last = list(late.values()), max(one.ended_at or clock.now() for one in late.values())
        named = listed((one.reference for one in every[:NAMED]), more=len(every) > NAMED)
        raise TooLateToHold(exhibit=named, at=f"{last:%Y-%m-%d}")
    found.filter(state=ENDING).exclude(pk__in=late).update(state=KEPT)
    made = Hold.objects.create(
        exhibit=None if case else found.get(), case=case, placed_by=by, placed_at=clock.now(), **letter
    )
    see_locks(list(found.exclude(pk__in=late).values_list("blob", flat=True)))
    more = {"late": len(late)} if late else {}
    record("evidence.held", by=by, about=about, hold=made.pk, review_on=f"{review_on}", **more)
    return made


def came_late(hold: Hold) -> list[Exhibit]:
    """The exhibits for which a hold came too late: those of its case that were destroyed before, or are although it
    stands.
    """
    found = Exhibit.objects.filter(case=hold.case, state=DESTROYED) if hold.case else Exhibit.objects.none()
    found = found.filter(ended_at__lt=hold.lifted_at) if hold.lifted_at else found
    return list(found.order_by("pk"))


@transaction.atomic
def lift_hold(number: int, *, reason: str, by: str) -> Hold:
    """Hold something no longer. Whether and when it ends, its rules say again, a day later at the earliest: until then
    another lead who objects places it again, and nothing was lost.

    Raises:
        UnknownHold, BadHold: there is none that stands; no reason is given.
        HeldByDemand: the legal desk placed it.
    """
    text = reason_of(reason, BadHold)
    hold = Hold.objects.select_for_update(of=("self",)).filter(pk=number, lifted_at=None).first()
    if hold is None:
        raise UnknownHold(number=number)
    if DemandHold.objects.filter(hold=hold).exists():
        raise HeldByDemand(number=number)
    hold.lifted_by, hold.lifted_at, hold.lift_reason = by, clock.now(), text
    hold.save(update_fields=["lifted_by", "lifted_at", "lift_reason"])
    kept = Exhibit.objects.filter(Q(case=hold.case) if hold.case else Q(pk=hold.exhibit_id), state__in=(KEPT, ENDING))
    see_locks(list(kept.values_list("blob", flat=True)))
    record("evidence.hold-lifted", by=by, about=hold.about, hold=hold.pk)
    return hold
