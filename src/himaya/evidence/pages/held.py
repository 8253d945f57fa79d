"""Legal holds: which stand, placing one, lifting one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.again import confirmed
from himaya.accounts.faces import Actors, asked, told_at
from himaya.accounts.paging import page
from himaya.core import clock
from himaya.evidence import holding, queries, words
from himaya.evidence.forms import HoldForm, WhyForm

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.evidence.models import Hold


@needs("evidence.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Holds that stand, the one that is to be reviewed first on top; by choice all."""
    every = asked(request, "all")["all"] == "1"
    shown = page(request, queries.holds(lifted=True), newest_first=True) if every else None
    context = {
        "rows": [_row(one) for one in (shown.rows if shown else queries.holds()[:500])],
        "shown": shown,
        "every": every,
        "may_hold": request.user.may("evidence.hold"),
    }
    return render(request, "evidence/holds.html", context)


def _row(one: Hold) -> dict[str, Any]:
    late = not one.lifted_at and one.review_on < clock.now().date()
    what = one.exhibit.reference if one.exhibit else words.case_word(one.case)
    case_pk = one.case.partition(":")[2] if one.case.startswith("case:") else ""
    return {"one": one, "late": late, "what": what, "case_pk": case_pk}


@needs("evidence.view")
@require_safe
def hold(request: StaffRequest, pk: int) -> HttpResponse:
    """One hold."""
    return _page(request, pk, WhyForm())


def _page(request: StaffRequest, pk: int, form: WhyForm, *, status: int = 200) -> HttpResponse:
    one = queries.hold(pk)
    who = Actors([one.placed_by, one.lifted_by])
    context = {
        **_row(one),
        "late_for": [each.reference for each in holding.came_late(one)[: holding.NAMED]],
        "placed_by": who[one.placed_by],
        "lifted_by": who[one.lifted_by] if one.lifted_by else "",
        "form": form,
        "may_lift": not one.lifted_at and request.user.may("evidence.hold"),
    }
    return render(request, "evidence/hold.html", context, status=status)


@needs("evidence.hold")
@require_http_methods(["GET", "POST"])
def place(request: StaffRequest) -> HttpResponse:
    """Have something kept beyond its time."""
    begun = {"about": asked(request, "about")["about"][:30], "review_on": HoldForm.in_half_a_year()}
    form = HoldForm(request.POST) if request.method == "POST" else HoldForm(initial=begun)
    if request.method == "POST" and form.is_valid():
        with told_at(form):
            made = holding.place_hold(by=request.user.actor, **form.cleaned_data)
            messages.success(request, gettext("Held. It is kept until the hold is lifted."))
            return redirect("evidence:hold", made.pk)
    return render(request, "evidence/hold_place.html", {"form": form}, status=422 if form.errors else 200)


@needs("evidence.hold")
@require_POST
@confirmed(back="evidence:holds")
def lift(request: StaffRequest, pk: int) -> HttpResponse:
    """Hold it no longer."""
    form = WhyForm(request.POST)
    if form.is_valid():
        with told_at(form):
            holding.lift_hold(pk, reason=form.cleaned_data["reason"], by=request.user.actor)
            messages.success(request, gettext("Lifted. Its rules say again when it ends, a day later at the earliest."))
            return redirect("evidence:hold", pk)
    return _page(request, pk, form, status=422)
