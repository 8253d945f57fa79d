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
from himaya.evidence import queries, stopping
from himaya.evidence.forms import WhyForm

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


def _page(request: StaffRequest, form: WhyForm | None = None, *, pk: int = 0, status: int = 200) -> HttpResponse:
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
        "may_settle": request.user.may("evidence.hold"),
    }
    return render(request, "evidence/stops.html", context, status=status)


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
