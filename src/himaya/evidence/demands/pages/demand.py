"""One demand: what it says, the checklist, its clocks and holds, the next step, what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.again import confirmed_by_key
from himaya.accounts.faces import Actors, told_at
from himaya.accounts.words import say
from himaya.core.countries import UNIONS
from himaya.core.errors import HimayaError
from himaya.evidence.demands import amending, lists, queries, services
from himaya.evidence.demands.lists import OPEN_ANSWERS
from himaya.evidence.demands.pages.acts import DEMAND_ACTS, ActForm, offered
from himaya.evidence.demands.pages.forms import DemandForm
from himaya.evidence.demands.releasing import confirm_release, open_release
from himaya.evidence.demands.selecting import asked_for
from himaya.evidence.demands.states import RECEIVED, VERIFIED
from himaya.evidence.demands.terms import Terms
from himaya.evidence.demands.words import clock_row, country, history, kind, state, until
from himaya.evidence.pages.accesses import proof_of
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
        with told_at(form):
            made = services.record_demand(Terms(**_given(form)), person=request.user)
            messages.success(request, gettext("The demand was recorded."))
            _warn(request, made)
            return redirect("demands:demand", made.pk)
    return render(request, "demands/add.html", {"form": form}, status=422 if form.errors else 200)


@needs("demands.work")
@require_http_methods(["GET", "POST"])
def amend(request: StaffRequest, pk: int) -> HttpResponse:
    """Put right what was typed wrongly, before it is decided on."""
    one = queries.demand(pk)
    form = DemandForm(request.POST if request.method == "POST" else None, before=amending.terms_of(one))
    if form.is_valid():
        with told_at(form):
            given = _given(form)
            amending.amend_demand(pk, Terms(**given), why=form.cleaned_data["why"], person=request.user)
            messages.success(request, gettext("Put right, and on record. It is verified anew."))
            return redirect("demands:demand", pk)
    return render(request, "demands/amend.html", {"form": form, "demand": one}, status=422 if form.errors else 200)


def _warn(request: StaffRequest, made: Demand) -> None:
    """What may be a slip of whoever recorded it."""
    if made.follows and made.follows.country != made.country:
        messages.warning(request, gettext("It follows a demand of another country: look whether that is so."))
    limit = time_limit(made.limit) if made.limit else None
    if limit and limit.jurisdiction != made.country and limit.jurisdiction not in (*UNIONS, "INT"):
        messages.warning(request, gettext("Its time limit is of another country: look whether that law applies."))


def _given(form: DemandForm) -> dict[str, Any]:
    given = {name: value for name, value in form.cleaned_data.items() if name != "why"}
    return {**given, "follows": int(given["follows"] or 0) or None}


@needs("demands.view")
@require_safe
def demand(request: StaffRequest, pk: int) -> HttpResponse:
    """Its page."""
    return _page(request, queries.demand(pk))


@needs("demands.work")
@require_POST
def do(request: StaffRequest, pk: int, act: str) -> HttpResponse:
    """Do something with it; what is wrong is said at the form, and what was typed stays."""
    if act not in DEMAND_ACTS:
        raise Http404
    found, chosen = queries.demand(pk), DEMAND_ACTS[act]
    form = ActForm(act, chosen, request.POST)
    if form.is_valid():
        with told_at(form):
            chosen.run(pk, form.cleaned_data, request.user)
            messages.success(request, gettext("Done, and on record."))
            return redirect("demands:demand", pk)
    return _page(request, found, (act, form), status=422)


@needs("demands.approve")
@require_POST
@confirmed_by_key(back="demands:index")
def release(request: StaffRequest, pk: int) -> HttpResponse:
    """Confirm that what it preserves was released; whoever has not just used a security key is asked to first."""
    try:
        confirm_release(pk, person=request.user, proof=proof_of(request))
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("Released. It can be ended now."))
    return redirect("demands:demand", pk)


def _page(
    request: StaffRequest, one: Demand, typed: tuple[str, ActForm] | None = None, *, status: int = 200
) -> HttpResponse:
    changes = list(queries.changes(one))
    may_work = request.user.may("demands.work")
    acts = offered(DEMAND_ACTS, one.state, one.kind, typed=typed, scope=one.scope, gag=one.gag) if may_work else []
    if any(each.state in OPEN_ANSWERS for each in queries.answers(one)):
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
        "release": _release(one),
        "answers": [_answer(each) for each in queries.answers(one)],
        "followers": queries.followers(one),
        "objections": [
            {"one": each, "outcome": gettext(lists.OUTCOMES[each.outcome]) if each.outcome else ""}
            for each in queries.objections(one)
        ],
        "history": history(changes, Actors(each.by for each in changes)),
        "acts": acts,
        "may_work": may_work,
        "may_amend": may_work and one.state in (RECEIVED, VERIFIED),
        "may_approve": request.user.may("demands.approve"),
        "person": request.user,
    }  # fmt: skip
    return render(request, "demands/demand.html", context, status=status)


def _checklist(one: Demand, typed: tuple[str, ActForm] | None) -> dict[str, Any]:
    """What has to be looked at, and whom one calls back."""
    there, needed = queries.checks(one), lists.REQUIRED[one.kind]
    afterwards = lists.AFTERWARDS.get(one.kind, ())
    posted = typed[1] if typed and typed[0] in ("check", "uncheck") else None
    said = posted.data.get("said", "") or posted.data.get("why", "") if posted is not None else ""
    at = posted.data.get("item", "") if posted is not None and typed else ""
    fits = bool(typed) and (typed[0] == "uncheck") is (at in there)
    rows = [
        {
            "item": item,
            "words": gettext(words),
            "check": there.get(item),
            "later": item in afterwards,
            "typed": said if fits and item == at else None,
        }
        for item, words in lists.CHECKS.items()
        if item in (*needed, *afterwards) or item in there
    ]
    points = [each for each in contact_points(one.country) if each.kind in TALKED_TO]
    return {
        "checklist": rows,
        "missing": len(queries.missing(one)),
        "check_errors": posted.errors if posted is not None else None,
        "check_typed": said if all(row["typed"] is None for row in rows) else "",
        "points": points[:SHOWN],
    }


def _in_scope(one: Demand) -> dict[str, Any]:
    """What it asks for, as far as that can be said."""
    try:
        found = asked_for(one) if one.scope else []
    except HimayaError:
        return {"asked_for": None}
    return {"asked_for": len(found)}


def _release(one: Demand) -> dict[str, Any] | None:
    found = open_release(one)
    return {"one": found, "ground": gettext(lists.RELEASES[found.ground])} if found else None


def _answer(one: Any) -> dict[str, Any]:
    return {"one": one, "badge": state(one), "parts": list(queries.parts(one)[:SHOWN]), "n": queries.parts(one).count()}
