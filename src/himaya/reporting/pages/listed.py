"""All reports in forms of others, with their clocks; what needs a person stands first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import asked
from himaya.accounts.paging import page
from himaya.cases.quality.queries import veiled
from himaya.core import clock
from himaya.core.words import N_
from himaya.reporting import queries
from himaya.reporting.clocks import standing
from himaya.reporting.words import CLOCKS, STATES, state_word

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.reporting.models import Filing

FIRST = 10
ORDER = ("unknown", "refused", "draft", "queued", "filing", "retracting", "filed", "retracted", "given up")


@needs("reports.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Reports, newest first, narrowed by state or case. Of a case at which this person may take a second look, none."""
    chosen = asked(request, "state", "case")
    given = chosen["case"]
    case = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0
    shown = page(request, queries.filings(state=chosen["state"], case=case), newest_first=True)
    hidden = veiled((one.case for one in shown.rows), request.user)
    plain = not chosen["state"] and not case and not shown.previous_url
    urgent = list(queries.need_a_person()[:FIRST]) if plain else []
    hidden = veiled((one.case for one in (*shown.rows, *urgent)), request.user)
    context = {
        "rows": [_row(one) for one in shown.rows if one.case_id not in hidden],
        "shown": shown,
        "urgent": [_row(one, urgent=True) for one in urgent if one.case_id not in hidden],
        "filters": _filters(chosen["state"]),
        "state": chosen["state"],
        "case": case,
        "may_see_cases": request.user.may("cases.view"),
    }
    return render(request, "reporting/filings.html", context)


def _row(one: Filing, *, urgent: bool = False) -> dict[str, Any]:
    shape, word = STATES[one.state]
    stands = standing(one.due, now=clock.now()) if one.state not in queries.ENDED else ""
    clock_shape, clock_word = CLOCKS[stands]
    if one.state == "filed" and one.there is False:
        shape, word = "danger", N_("not there")
    elif one.state == "filed" and urgent:
        shape, word = "danger", N_("its verdict is gone")
    return {
        "one": one,
        "shape": shape,
        "word": gettext(word),
        "clock_shape": clock_shape,
        "clock_word": gettext(clock_word) if clock_word else "",
    }


def _filters(state: str) -> list[dict[str, Any]]:
    numbers = queries.filing_states()
    every = {"word": gettext("all"), "url": "?", "count": sum(numbers.values()), "current": not state}
    return [every] + [
        {"word": state_word(name), "url": f"?state={name}", "count": numbers.get(name, 0), "current": name == state}
        for name in ORDER
        if numbers.get(name) or name == state
    ]
