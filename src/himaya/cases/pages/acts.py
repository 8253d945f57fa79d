"""What people do with a case. One address, one act; each answers with a page that says what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST

from himaya.accounts.access import needs
from himaya.accounts.words import say, sentence
from himaya.cases import benign, giving, queries, services, words
from himaya.cases.care import queries as care
from himaya.cases.care.keeping import OnBreak
from himaya.cases.classing import BadVerdict, stated
from himaya.cases.dispatch import coming
from himaya.cases.pages.case import case_page, find
from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.lists.proposal_pages import proposed
from himaya.lists.seconding import NeedsSecond

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest


def again(request: StaffRequest, pk: int, error: HimayaError, form: str) -> HttpResponse:
    """The case's page once more, with what was typed still in its form and the reason beside it."""
    typed = {**request.POST.dict(), "form": form, "error": sentence(error)}
    return case_page(request, find(pk), typed=typed, status=error.status)


@needs("cases.claim")
@require_POST
def claim_next(request: StaffRequest) -> HttpResponse:
    """Lead to the first of the cases that this person holds; to a free one where they hold none, or ask for more."""
    held = list(queries.queue(held_by=request.user).values_list("pk", flat=True))
    if held and not request.POST.get("more"):
        text = ngettext(
            "You hold this case. Finish or release it, or claim one more.",
            "You hold %(n)s cases; this one comes first. Finish or release them, or claim one more.",
            len(held),
        )
        messages.info(request, text % {"n": len(held)})
        return _claim(request, held[0])
    try:
        taken = giving.claim_next(person=request.user)
    except OnBreak as error:
        say(request, error)
        return redirect("cases:load")
    if taken is not None:
        return redirect("cases:case", taken.pk)
    if held:
        text = ngettext(
            "No case is free. The one that you hold waits for you.",
            "No case is free. Those that you hold wait for you.",
            len(held),
        )
        messages.info(request, text)
        return redirect(f"{reverse('cases:queue')}?state=mine")
    if mild := care.why_mild(request.user):
        text = gettext("No mild case is free, and nothing severe is given to you: %(why)s.")
        messages.info(request, text % {"why": gettext(mild)})
        return redirect("cases:load")
    messages.info(request, gettext("No case is free. Nothing waits for you."))
    return redirect("cases:queue")


@needs("cases.claim")
@require_POST
def claim(request: StaffRequest, pk: int) -> HttpResponse:
    """Take this case."""
    return _claim(request, pk)


def _claim(request: StaffRequest, pk: int) -> HttpResponse:
    try:
        services.claim(pk, person=request.user)
    except services.UnknownCase:
        raise
    except HimayaError as error:
        say(request, error)
    return redirect("cases:case", pk)


@needs("cases.claim")
@require_POST
def release(request: StaffRequest, pk: int) -> HttpResponse:
    """Give it back."""
    try:
        services.release(pk, person=request.user)
    except services.UnknownCase:
        raise
    except HimayaError as error:
        say(request, error)
        return redirect("cases:case", pk)
    messages.success(request, gettext("The case is free again."))
    return redirect("cases:queue")


@needs("cases.decide")
@require_POST
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    """Give a verdict."""
    scheme, _, code = request.POST.get("verdict", "").partition("/")
    try:
        if not code:
            raise BadVerdict(why=N_("choose a class"))
        reason, more = request.POST.get("reason", ""), stated(request.POST)
        decided = services.decide(pk, person=request.user, scheme=scheme, code=code, reason=reason, stated=more)
    except services.UnknownCase:
        raise
    except HimayaError as error:
        return again(request, pk, error, "verdict")
    drafted = words.drafted() if decided.verdict and decided.verdict.confirms else []
    follows = [*words.prepared(coming(decided)), *drafted] or [gettext("Nothing leaves.")]
    messages.success(request, " ".join([gettext("The verdict is recorded."), *follows]))
    return redirect("cases:case", pk)


@needs("cases.decide")
@require_POST
def reopen(request: StaffRequest, pk: int) -> HttpResponse:
    """Open a decided case again."""
    try:
        services.reopen(pk, person=request.user, reason=request.POST.get("reason", ""))
    except services.UnknownCase:
        raise
    except HimayaError as error:
        return again(request, pk, error, "reopen")
    messages.success(request, gettext("The case is open again. What had not left this node is taken back."))
    return redirect("cases:case", pk)


@needs("lists.excuse")
@require_POST
def excuse(request: StaffRequest, pk: int) -> HttpResponse:
    """Tell a list that the content of this case is benign."""
    chosen, reason = request.POST.get("list", ""), request.POST.get("reason", "")
    try:
        benign.excuse(pk, person=request.user, list_name=chosen, reason=reason)
    except services.UnknownCase:
        raise
    except NeedsSecond as needed:
        return proposed(request, needed)
    except HimayaError as error:
        return again(request, pk, error, "excuse")
    text = gettext("The list %(list)s knows it as benign. What is as near to it is no match of that list any more.")
    messages.success(request, text % {"list": chosen})
    return redirect("cases:case", pk)


@needs("cases.comment")
@require_POST
def comment(request: StaffRequest, pk: int) -> HttpResponse:
    """Leave a note for colleagues."""
    try:
        services.comment(pk, person=request.user, text=request.POST.get("text", ""))
    except services.UnknownCase:
        raise
    except HimayaError as error:
        return again(request, pk, error, "comment")
    messages.success(request, gettext("The comment is on record."))
    return redirect("cases:case", pk)
