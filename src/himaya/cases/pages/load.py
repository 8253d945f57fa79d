"""My load: what one person has seen today, for that person alone. And the team's, in sums, for leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.words import say
from himaya.cases import queries as cases
from himaya.cases.care import keeping, queries
from himaya.cases.care.kinds import AXES
from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person

SKIPS = 50


@needs("cases.claim")
@require_safe
def load(request: StaffRequest) -> HttpResponse:
    """What I have seen today, my shift, my breaks, and what I do not want to be given."""
    chosen = set(queries.opt_outs(request.user))
    context = {
        **load_of(request.user),
        "shift": queries.shift(request.user),
        "care": config().care,
        "axes": [
            {
                "label": gettext(label),
                "values": [
                    {"name": f"{axis}:{value}", "label": gettext(words), "chosen": f"{axis}:{value}" in chosen}
                    for value, words in values.items()
                ],
            }
            for axis, (label, values) in AXES.items()
        ],
    }
    keys = [("n", gettext("The next case")), ("p", gettext("Take a break"))]
    context["page_keys"] = [] if context["resting"] else keys
    return render(request, "cases/load.html", context)


def load_of(person: Person) -> dict[str, Any]:
    """What is left today, and a break that runs: for a quiet line on the person's own pages."""
    today = queries.today(person)
    limits = [one for one in today if one.most]
    return {
        "limits": [{"one": one, "what": gettext(one.what)} for one in limits],
        "resting": queries.resting(person),
        "why_mild": gettext(mild) if (mild := queries.why_mild(person, today)) else "",
        "now": clock.now(),
    }


@needs("cases.claim")
@require_POST
def begin_shift(request: StaffRequest) -> HttpResponse:
    """Begin to work."""
    keeping.begin_shift(person=request.user)
    return redirect("cases:load")


@needs("cases.claim")
@require_POST
def end_shift(request: StaffRequest) -> HttpResponse:
    """Stop for today."""
    keeping.end_shift(person=request.user)
    messages.success(request, gettext("Your shift is over. Thank you for today."))
    return redirect("cases:load")


@needs("cases.claim")
@require_POST
def take_break(request: StaffRequest) -> HttpResponse:
    """Rest for a while."""
    keeping.take_break(person=request.user)
    return redirect("cases:load")


@needs("cases.claim")
@require_POST
def end_break(request: StaffRequest) -> HttpResponse:
    """Go on after a break that one took."""
    keeping.end_break(person=request.user)
    return redirect("cases:load")


@needs("cases.claim")
@require_POST
def opt_out(request: StaffRequest) -> HttpResponse:
    """Choose what *next* leaves to others; no reason is asked for."""
    try:
        keeping.set_opt_outs(request.POST.getlist("facet"), person=request.user)
        messages.success(request, gettext("From now on you are given nothing of what you ticked."))
    except HimayaError as error:
        say(request, error)
    return redirect("cases:load")


@needs("care.view")
@require_safe
def team(request: StaffRequest) -> HttpResponse:
    """The load on all, day by day; for whom support is due, by name; what was left to others, and why."""
    context = {
        "days": [{"one": day, "minutes": -(-day.used.seconds // 60)} for day in queries.team()],
        "due": [{"person": one.person, "why": [gettext(why) for why in one.why]} for one in queries.support_due()],
        "skips": list(cases.skips()[:SKIPS]),
    }
    return render(request, "cases/team.html", context)
