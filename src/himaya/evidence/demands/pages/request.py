"""One request: what it states, part by part, what is missing, and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, asked, told_at
from himaya.core.bundles.report import pdf_possible
from himaya.core.countries import PLACES
from himaya.evidence.demands import lists, queries, requesting
from himaya.evidence.demands.pages.acts import REQUEST_ACTS, ActForm, do_act, offered
from himaya.evidence.demands.pages.forms import FieldsForm, RequestForm
from himaya.evidence.demands.prefilling import case_reference
from himaya.evidence.demands.states import DRAFT
from himaya.evidence.demands.words import clock_row, country, history, kind, state

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.evidence.demands.models import Request

PAPERS = {"en": "English", "ar": "العربية"}
"""Languages in which it can be printed, each by its own name."""


@needs("demands.work")
@require_http_methods(["GET", "POST"])
def add(request: StaffRequest) -> HttpResponse:
    """Begin one."""
    posted = request.POST if request.method == "POST" else None
    first = asked(request, "country", "case", "exhibits", "kind")
    place = request.POST.get("country", "") or first["country"]
    place = place if place in PLACES else ""
    if posted is not None and "choose" in posted:  # the contact points of a country, and what was typed stays
        form = RequestForm(country=place, typed=posted.dict())
    else:
        form = RequestForm(posted, country=place, typed=first)
    if form.is_valid():
        given: dict[str, Any] = dict(form.cleaned_data)
        with told_at(form):
            made = requesting.make_request(given.pop("kind"), person=request.user, **given)
            messages.success(request, gettext("The request was begun. Nothing has gone out."))
            return redirect("demands:request", made.pk)
    return render(request, "demands/add_request.html", {"form": form}, status=422 if form.errors else 200)


@needs("demands.view")
@require_safe
def request(request: StaffRequest, pk: int) -> HttpResponse:
    """Its page."""
    return _page(request, queries.request(pk))


@needs("demands.work")
@require_http_methods(["GET", "POST"])
def fill(request: StaffRequest, pk: int) -> HttpResponse:
    """Fill in what it states."""
    one = queries.request(pk)
    form = FieldsForm(one, request.POST if request.method == "POST" else None)
    if form.is_valid():
        with told_at(form):
            requesting.fill_request(pk, fields=form.cleaned_data, person=request.user)
            messages.success(request, gettext("Kept. Nothing has gone out."))
            return redirect("demands:request", pk)
    context = {"one": one, "form": form, "parts": form.parts()}
    return render(request, "demands/fill.html", context, status=422 if form.errors else 200)


@needs("demands.work")
@require_POST
def do(request: StaffRequest, pk: int, act: str) -> HttpResponse:
    """Do something with it."""
    found = queries.request(pk)
    return do_act(
        request,
        pk,
        act,
        acts=REQUEST_ACTS,
        back="demands:request",
        show=lambda typed: _page(request, found, typed, status=422),
    )


def _page(
    request: StaffRequest, one: Request, typed: tuple[str, ActForm] | None = None, *, status: int = 200
) -> HttpResponse:
    changes = list(queries.changes(one))
    may_work = request.user.may("demands.work")
    is_draft = one.state == DRAFT
    filled = requesting.filled_in(one) if is_draft else set()
    context = {
        "one": one,
        "kind": kind(one),
        "case": case_reference(one.case) if one.case else "",
        "filled": [gettext(field.field) for field in requesting.asked_fields() if field.key in filled],
        "country": country(one.country),
        "badge": state(one),
        "channel": gettext(lists.CHANNELS[one.channel]) if one.channel else "",
        "is_draft": is_draft,
        "missing": [" / ".join(gettext(field.field) for field in each.fields) for each in requesting.lacking(one)]
        if is_draft
        else [],
        "papers": [(name, code, pdf_possible()) for code, name in PAPERS.items()],
        "text": requesting.rendered(one) if is_draft else one.text,
        "clocks": [clock_row(each) for each in queries.clocks_of(one)],
        "history": history(changes, Actors(each.by for each in changes)),
        "acts": offered(REQUEST_ACTS, one.state, one.kind, typed=typed) if may_work else [],
        "may_work": may_work,
    }
    return render(request, "demands/request.html", context, status=status)
