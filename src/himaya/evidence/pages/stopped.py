"""What stops the end of exhibits, and a lead who says that it may go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.again import confirmed_by_key
from himaya.accounts.faces import Actors, told_at
from himaya.accounts.words import say
from himaya.core.errors import HimayaError
from himaya.evidence import losing, queries, stopping
from himaya.evidence.forms import WhyForm
from himaya.evidence.keys import epoch_keys, lost_epochs
from himaya.evidence.mounted import keys_away
from himaya.evidence.pages.accesses import proof_of

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.evidence.standstill import Stop


SHOWN = 50
"""Exhibits of an epoch that the page names."""


@needs("evidence.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """What stops it, and what is to be done about each."""
    return _page(request)


def _page(
    request: StaffRequest, form: WhyForm | None = None, *, pk: int = 0, name: str = "", status: int = 200
) -> HttpResponse:
    stuck = list(stopping.stuck()[:100])
    who = Actors(one.settled_by for one in stuck if one.settled_by)
    shown = queries.by_numbers(pk for one in stuck for pk in one.facts["numbers"][:SHOWN])

    def row(one: Stop) -> dict[str, object]:
        return {
            "one": one,
            "exhibits": [shown[pk] for pk in one.facts.get("numbers", ())[:SHOWN] if pk in shown],
            "more": len(one.facts.get("numbers", ())) - SHOWN,
            "given_up_by": who[one.settled_by] if one.settled_by else "",
            "what": stopping.meaning(one),
            "remedy": stopping.remedy(one),
            "form": form if form and one.pk == pk else WhyForm(auto_id=f"stop_{one.pk}_%s"),
        }

    context = {
        "rows": [row(one) for one in stopping.stops()],
        "stuck": [row(one) for one in stuck],
        "missing": _missing(request, form, name),
        "may_settle": request.user.may("evidence.hold"),
    }
    return render(request, "evidence/stops.html", context, status=status)


def _missing(request: StaffRequest, form: WhyForm | None, name: str) -> list[dict[str, object]]:
    """Keys that are not here, with what two leads say of each; nothing where their directory is away."""
    said = {one.about: one for one in losing.losses()}
    try:
        names = [] if keys_away(epoch_keys()) else lost_epochs()
    except OSError:  # the health of the node says so
        names = []
    who = Actors(actor for one in said.values() for actor in (one.facts["by"], one.settled_by) if actor)
    mine = request.user.actor
    return [
        {
            "name": one,
            "said": (found := said.get(one)),
            "by": who[found.facts["by"]] if found else "",
            "confirmed_by": who[found.settled_by] if found and found.settled_by else "",
            "may_withdraw": found is not None and not found.settled_by and found.facts["by"] == mine,
            "may_confirm": found is not None and not found.settled_by and found.facts["by"] != mine,
            "form": form if form and one == name else WhyForm(auto_id=f"lost_{one}_%s"),
        }
        for one in names[:SHOWN]
    ]


@needs("evidence.hold")
@require_POST
@confirmed_by_key(back="evidence:stops")
def settle(request: StaffRequest, pk: int) -> HttpResponse:
    """Somebody has looked: exhibits may end again."""
    form = WhyForm(request.POST, auto_id=f"stop_{pk}_%s")
    if form.is_valid():
        with told_at(form):
            stop = stopping.settle_stop(pk, reason=form.cleaned_data["reason"], by=request.user.actor)
            if stop.kind == stopping.EPOCH:
                messages.success(request, gettext("Given up. What does not open ends with the rest of its epoch."))
            else:
                messages.success(request, gettext("Confirmed. What is over ends again."))
            return redirect("evidence:index")
    return _page(request, form, pk=pk, status=422)


@needs("evidence.hold")
@require_POST
@confirmed_by_key(back="evidence:stops")
def report(request: StaffRequest) -> HttpResponse:
    """Say that the key of an epoch is lost for good."""
    name = request.POST.get("name", "")[:60]
    form = WhyForm(request.POST, auto_id=f"lost_{name}_%s")
    if form.is_valid():
        with told_at(form):
            losing.report_lost(name, reason=form.cleaned_data["reason"], person=request.user, proof=proof_of(request))
            messages.success(request, gettext("Noted. Another lead has to confirm it."))
            return redirect("evidence:stops")
    return _page(request, form, name=name, status=422)


@needs("evidence.hold")
@require_POST
@confirmed_by_key(back="evidence:stops")
def confirm(request: StaffRequest, pk: int) -> HttpResponse:
    """Confirm that: what the key closed is called lost from then on."""
    try:
        losing.confirm_lost(pk, person=request.user, proof=proof_of(request))
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("Confirmed. What it closed is called lost, and not destroyed."))
    return redirect("evidence:stops")


@needs("evidence.hold")
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    """Take it back, where nobody has confirmed it."""
    try:
        losing.withdraw_loss(pk, person=request.user)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("Taken back. Nobody says that it is lost."))
    return redirect("evidence:stops")
