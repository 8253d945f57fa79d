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
from himaya.evidence.demands.queries import demands_of, held_counts, once_each_demand
from himaya.evidence.forms import HoldForm, WhyForm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person
    from himaya.evidence.models import Exhibit, Hold


@needs("evidence.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Holds that stand, the newest on top, those of one demand in one row; by choice those to be reviewed, or all."""
    chosen = asked(request, "all", "late", "exhibit")
    every, late = chosen["all"] == "1", chosen["late"] == "1"
    found = queries.holds(lifted=every)
    if late:
        found = queries.overdue_holds()
    of = queries.by_reference(chosen["exhibit"]) if chosen["exhibit"] else None
    if of is not None:
        found = found.filter(queries.keeps(of))
    shown = page(request, once_each_demand(found), newest_first=True)
    context = {
        "rows": rows_of(shown.rows, request.user, lifted=every, exhibit=of),
        "shown": shown,
        "every": every,
        "late": late,
        "of": of,
        "may_hold": request.user.may("evidence.hold"),
    }
    return render(request, "evidence/holds.html", context)


def rows_of(
    holds: Sequence[Hold], person: Person, *, lifted: bool = False, exhibit: Exhibit | None = None
) -> list[dict[str, Any]]:
    """Holds as tables show them; which demand placed one is told to whoever may read demands."""
    demands, may = demands_of(holds), person.may("demands.view")
    named = words.case_words(one.case for one in holds)
    counts = {} if exhibit else held_counts(demands.values(), lifted=lifted)
    return [
        {
            **_row(one, named),
            "of_demand": one.pk in demands,
            "demand": demands.get(one.pk) if may else None,
            "n": counts.get(demands[one.pk].pk, 1) if one.pk in demands else 1,
        }
        for one in holds
    ]


def _row(one: Hold, named: Mapping[str, str]) -> dict[str, Any]:
    late = not one.lifted_at and one.review_on < clock.now().date()
    what = one.exhibit.reference if one.exhibit else named[one.case]
    case_pk = one.case.partition(":")[2] if one.case.startswith("case:") else ""
    return {"one": one, "late": late, "what": what, "case_pk": case_pk}


@needs("evidence.view")
@require_safe
def hold(request: StaffRequest, pk: int) -> HttpResponse:
    """One hold."""
    return _page(request, pk, WhyForm())


def _page(request: StaffRequest, pk: int, form: WhyForm, *, status: int = 200) -> HttpResponse:
    one = queries.hold(pk)
    row = rows_of([one], request.user, exhibit=one.exhibit)[0]
    who = Actors([one.placed_by, one.lifted_by])
    context = {
        **row,
        "hold": row,
        "late_for": [each.reference for each in holding.came_late(one)[: holding.NAMED]],
        "placed_by": who[one.placed_by],
        "lifted_by": who[one.lifted_by] if one.lifted_by else "",
        "form": form,
        "may_lift": not one.lifted_at and not row["of_demand"] and request.user.may("evidence.hold"),
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
