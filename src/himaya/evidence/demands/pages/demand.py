"""One demand: what it says, the checklist, its clocks and holds, the next step, what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, told_at
from himaya.core.errors import HimayaError
from himaya.evidence.demands import lists, queries, services
from himaya.evidence.demands.lists import APPROVED, PREPARED
from himaya.evidence.demands.pages.acts import DEMAND_ACTS, ActForm, do_act, offered
from himaya.evidence.demands.pages.forms import DemandForm
from himaya.evidence.demands.selecting import asked_for
from himaya.evidence.demands.services import Terms
from himaya.evidence.demands.words import clock_row, country, history, kind, state, until
from himaya.evidence.states import GUARDED
from himaya.reference.queries import contact_points, time_limit

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.evidence.demands.models import Demand

SHOWN = 50
TALKED_TO = ("police", "authority", "central-authority", "budapest-24-7", "interpol-ncb")
"""Kinds of contact points at which one calls back."""


@needs("demands.work")
@require_http_methods(["GET", "POST"])
def add(request: StaffRequest) -> HttpResponse:
    """Record a demand as it came."""
    form = DemandForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        given = {**form.cleaned_data, "follows": int(form.cleaned_data["follows"] or 0) or None}
        with told_at(form):
            made = services.record_demand(Terms(**given), person=request.user)
            messages.success(request, gettext("The demand was recorded."))
            return redirect("demands:demand", made.pk)
    return render(request, "demands/add.html", {"form": form}, status=422 if form.errors else 200)


@needs("demands.view")
@require_safe
def demand(request: StaffRequest, pk: int) -> HttpResponse:
    """Its page."""
    return _page(request, queries.demand(pk))


@needs("demands.work")
@require_POST
def do(request: StaffRequest, pk: int, act: str) -> HttpResponse:
    """Do something with it."""
    found = queries.demand(pk)
    return do_act(
        request,
        pk,
        act,
        acts=DEMAND_ACTS,
        back="demands:demand",
        show=lambda typed: _page(request, found, typed, status=422),
    )


def _page(
    request: StaffRequest, one: Demand, typed: tuple[str, ActForm] | None = None, *, status: int = 200
) -> HttpResponse:
    changes = list(queries.changes(one))
    may_work = request.user.may("demands.work")
    acts = offered(DEMAND_ACTS, one.state, one.kind, typed=typed, scope=one.scope, gag=one.gag) if may_work else []
    if any(each.state in (PREPARED, APPROVED) for each in queries.answers(one)):
        acts = [each for each in acts if each["name"] != "prepare"]
    context = {
        "demand": one,
        "kind": kind(one),
        "country": country(one.country),
        "channel": gettext(lists.CHANNELS[one.channel]),
        "badge": state(one),
        "limit": time_limit(one.limit) if one.limit else None,
        "ground": gettext(lists.GROUNDS[one.ground]) if one.ground else "",
        "gag_until": until(one.gag_until),
        "notice": gettext(lists.NOTICES[one.notice]),
        "notice_ground": gettext(lists.WITHHOLDING[one.notice_ground]) if one.notice_ground else "",
        "clocks": [clock_row(each) for each in queries.clocks_of(one)],
        **_checklist(one, typed if may_work else None),
        **_in_scope(one),
        "held": [each.exhibit for each in queries.held_by(one)[:SHOWN]],
        "holds": queries.held_by(one).count(),
        "answers": [_answer(each) for each in queries.answers(one)],
        "followers": queries.followers(one),
        "objections": [
            {"one": each, "outcome": gettext(lists.OUTCOMES[each.outcome]) if each.outcome else ""}
            for each in queries.objections(one)
        ],
        "history": history(changes, Actors(each.by for each in changes)),
        "acts": acts,
        "may_work": may_work,
        "person": request.user,
    }  # fmt: skip
    return render(request, "demands/demand.html", context, status=status)


def _checklist(one: Demand, typed: tuple[str, ActForm] | None) -> dict[str, Any]:
    """What has to be looked at, and whom one calls back."""
    there, needed = queries.checks(one), lists.REQUIRED[one.kind]
    afterwards = lists.AFTERWARDS.get(one.kind, ())
    posted = typed[1] if typed and typed[0] in ("check", "uncheck") else None
    rows = [
        {"item": item, "words": gettext(words), "check": there.get(item), "later": item in afterwards}
        for item, words in lists.CHECKS.items()
        if item in (*needed, *afterwards) or item in there
    ]
    points = [each for each in contact_points(one.country) if each.kind in TALKED_TO]
    return {
        "checklist": rows,
        "missing": len(queries.missing(one)),
        "check_errors": posted.errors if posted is not None else None,
        "points": points[:SHOWN],
    }


def _in_scope(one: Demand) -> dict[str, Any]:
    """What it asks for, as far as that can be said."""
    try:
        found = asked_for(one) if one.scope else []
    except HimayaError:
        return {"asked_for": None}
    return {"asked_for": len(found)}


def _answer(one: Any) -> dict[str, Any]:
    every = queries.parts(one)
    guarded = every.filter(exhibit__kept_class=GUARDED).count()
    return {"one": one, "badge": state(one), "parts": list(every[:SHOWN]), "n": every.count(), "guarded": guarded}
