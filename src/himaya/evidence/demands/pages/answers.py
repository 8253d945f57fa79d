"""Answers: another lead lets one leave, and it is taken out, closed to whoever it is for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from himaya.accounts import streams
from himaya.accounts.access import needs
from himaya.accounts.again import confirmed_by_key
from himaya.accounts.queries import who_may
from himaya.accounts.words import joined, say
from himaya.core.errors import HimayaError
from himaya.evidence.demands import queries
from himaya.evidence.demands.answering import TakenOut, approve_answer, drop_answer, take_out
from himaya.evidence.demands.lists import APPROVED, OPEN_ANSWERS, PREPARED
from himaya.evidence.guarded.bringing import lacking
from himaya.evidence.pages.accesses import languages, proof_of, spent_proof, zip_headers

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person
    from himaya.evidence.demands.models import Demand


@needs("demands.approve")
@require_POST
@confirmed_by_key(back="demands:index", spent=spent_proof)
def approve(request: StaffRequest, pk: int) -> HttpResponse:
    """Let it leave; whoever has not just used a security key is asked to first."""
    try:
        approve_answer(pk, person=request.user, proof=proof_of(request))
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("It may leave, within a day."))
    return redirect(_page_of(pk))


@needs("demands.work")
@require_POST
def drop(request: StaffRequest, pk: int) -> HttpResponse:
    """Do not hand it over."""
    try:
        drop_answer(pk, why=request.POST.get("why", ""), person=request.user)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("The answer was dropped."))
    return redirect(_page_of(pk))


@needs("demands.work")
@require_POST
def take(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Take it out as one ZIP that is written while it is sent, and that the authority alone can open."""
    try:
        with streams.place(request.user.actor) as at:
            taken = take_out(pk, person=request.user)
            parts, headers = streams.written(partial(_write, taken)), zip_headers(taken.bundle.number)
            return streams.Streamed(parts, at=at, content_type="application/zip", headers=headers)
    except HimayaError as error:
        say(request, error)
        return redirect(_page_of(pk))


def answer_step(one: Demand, person: Person) -> dict[str, str] | None:
    """The next step of an answer that has not left: for who may do it a button, for everybody else who has to."""
    answer = queries.answers(one).filter(state__in=OPEN_ANSWERS).first()
    if answer is None:
        return None
    if answer.state != PREPARED:
        if not person.may("demands.work"):
            return {"says": gettext("The answer may leave: a lead hands it over.")}
        if answer.state == APPROVED and (left := lacking(f"answer:{answer.pk}")):
            said = gettext("The answer may leave once two custodians have brought their parts of: %(exhibits)s")
            return {"says": said % {"exhibits": joined(each.reference for each in left)}}
        follows = gettext("One file that %(whom)s alone can open. It is on record before the first byte.")
        return {
            "url": reverse("demands:take_answer", args=[answer.pk]),
            "title": gettext("Take it out"),
            "follows": follows % {"whom": answer.recipient_name},
        }
    if person.may("demands.approve") and person != answer.prepared_by:
        return {
            "url": reverse("demands:approve_answer", args=[answer.pk]),
            "title": gettext("Let it leave"),
            "follows": gettext("It can be handed over within a day. You are asked for your security key."),
        }
    if others := [str(each) for each in who_may("demands.approve") if each != answer.prepared_by]:
        return {"says": gettext("Another lead lets the answer leave: %(who)s") % {"who": joined(others)}}
    return {"says": gettext("Another lead lets the answer leave, and there is none: an administrator makes one.")}


def _write(taken: TakenOut, to: BinaryIO) -> None:
    taken.write(to, languages=languages())


def _page_of(pk: int) -> str:
    return reverse("demands:demand", args=[queries.answer(pk).demand_id])
