"""One demand: what it says, the checklist, its clocks and holds, the next step, what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.again import confirmed_by_key
from himaya.accounts.faces import Actors, asked, told_at
from himaya.accounts.words import say
from himaya.core.countries import UNIONS
from himaya.core.errors import HimayaError
from himaya.evidence.demands import amending, lists, queries, services
from himaya.evidence.demands.lists import OPEN_ANSWERS
from himaya.evidence.demands.pages.acts import DEMAND_ACTS, ActForm, do_act, offered
from himaya.evidence.demands.pages.answers import answer_step
from himaya.evidence.demands.pages.forms import DemandForm, lines
from himaya.evidence.demands.releasing import confirm_release, open_release
from himaya.evidence.demands.selecting import asked_for, found_by
from himaya.evidence.demands.states import CHALLENGED, RECEIVED, VERIFIED
from himaya.evidence.demands.terms import Terms
from himaya.evidence.demands.words import clock_row, country, history, kind, state, until
from himaya.evidence.pages.accesses import proof_of
from himaya.evidence.states import GUARDED
from himaya.reference.queries import contact_points, time_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from himaya.accounts.access import StaffRequest
    from himaya.evidence.demands.models import Demand
    from himaya.evidence.models import Exhibit

SHOWN, BOXES = 50, 200
"""Rows of a table; exhibits that are left out by ticking."""
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
    found = queries.demand(pk)
    return do_act(
        request,
        pk,
        act,
        acts=DEMAND_ACTS,
        back="demands:demand",
        show=lambda typed: _page(request, found, typed, status=422),
        more=lambda form: _offer_to_leave_out(form, found) if act == "prepare" else None,
    )


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
    acts = offered(DEMAND_ACTS, one.state, one.kind, typed=typed, scope=one.scope, **_secrecy(one)) if may_work else []
    if any(each.state in OPEN_ANSWERS for each in queries.answers(one)):
        acts = [each for each in acts if each["name"] != "prepare"]
    for each in acts:
        if each["name"] == "prepare" and not each["open"]:
            _offer_to_leave_out(each["form"], one)
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
        "step": answer_step(one, request.user),
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


def _secrecy(one: Demand) -> dict[str, Any]:
    return {"gag": "yes" if one.gag else "no", "secret_until": one.gag_until}


def _checklist(one: Demand, typed: tuple[str, ActForm] | None) -> dict[str, Any]:
    """What has to be looked at, and whom one calls back."""
    there, needed = queries.checks(one), lists.REQUIRED[one.kind]
    afterwards = lists.AFTERWARDS.get(one.kind, ())
    posted = typed[1] if typed and typed[0] in ("check", "uncheck") else None
    said = posted.data.get("said", "") or posted.data.get("why", "") if posted is not None else ""
    at = posted.data.get("item", "") if posted is not None else ""
    fits = typed is not None and (typed[0] == "uncheck") is (at in there)
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
    """What it asks for, as long as that is still to be decided on: how many, and the first of them with why."""
    if one.state not in (RECEIVED, VERIFIED, CHALLENGED) or not one.scope:
        return {"asked_for": None, "matched": []}
    try:
        found = asked_for(one)
    except HimayaError:
        return {"asked_for": None, "too_many": True, "matched": []}
    return {"asked_for": len(found), "matched": _matched(one, found[:SHOWN])}


def _matched(one: Demand, exhibits: Sequence[Exhibit]) -> list[dict[str, Any]]:
    return [{"one": each, "why": gettext(lists.NAMED.get(how, ""))} for each, how in found_by(one, exhibits)]


@needs("demands.view")
@require_safe
def matched(request: StaffRequest, pk: int) -> HttpResponse:
    """All that it asks for and is kept, with why, page by page."""
    one = queries.demand(pk)
    after = asked(request, "after")["after"]
    try:
        found = asked_for(one)
    except HimayaError as error:
        say(request, error)
        return redirect("demands:demand", pk)
    since = int(after) if after.isascii() and after.isdecimal() else 0
    behind = [each for each in found if each.pk > since]
    context = {
        "demand": one,
        "n": len(found),
        "matched": _matched(one, behind[:SHOWN]),
        "first_url": request.path if since else "",
        "next_url": f"?after={behind[SHOWN - 1].pk}" if len(behind) > SHOWN else "",
    }
    return render(request, "demands/matched.html", context)


def _offer_to_leave_out(form: ActForm, one: Demand) -> None:
    """What it asks for, to choose what is not handed over; where that is too much for boxes, by their numbers."""
    try:
        found = asked_for(one, most=BOXES)
    except HimayaError:
        help_text = gettext("As in a scope: exhibits E-2026-000012, E-2026-000015-E-2026-000018.")
        form.fields["left_out"] = lines(gettext("Leave out"), most=10_000, needed=False, help_text=help_text)
        return
    options = [
        (each.pk, f"{each.reference} · {gettext(lists.NAMED.get(how, ''))}") for each, how in found_by(one, found)
    ]
    form.fields["leave_out"] = forms.TypedMultipleChoiceField(
        label=gettext("Leave out"), choices=options, coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )


def _release(one: Demand) -> dict[str, Any] | None:
    found = open_release(one)
    return {"one": found, "ground": gettext(lists.RELEASES[found.ground])} if found else None


def _answer(one: Any) -> dict[str, Any]:
    every = queries.parts(one)
    guarded = every.filter(exhibit__kept_class=GUARDED).count()
    return {"one": one, "badge": state(one), "parts": list(every[:SHOWN]), "n": every.count(), "guarded": guarded}
