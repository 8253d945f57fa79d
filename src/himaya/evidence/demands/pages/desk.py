"""The desk at a glance, and its long tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import asked
from himaya.accounts.paging import page
from himaya.core.countries import PLACES
from himaya.core.words import N_
from himaya.evidence.demands import lists, numbers, queries
from himaya.evidence.demands.states import DEMAND, DRAFT, REQUEST
from himaya.evidence.demands.words import clock_row, country, kind, state, url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from himaya.accounts.access import StaffRequest
    from himaya.evidence.demands.models import Demand, Request

SHOWN = 20
COLUMNS = {
    "answered": N_("answered"),
    "refused": N_("refused"),
    "in part": N_("accepted in part"),
    "preserved": N_("preserved"),
    "secret": N_("secret"),
    "told": N_("person told"),
    "not told": N_("person not told"),
}
"""What is counted → the head of its column."""


@needs("demands.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """What is due next, what waits for another lead, what is open."""
    found = numbers.tallied()
    context = {
        "clocks": [clock_row(one) for one in queries.due_next()[:SHOWN]],
        "late": queries.late().count(),
        "answers": [{"one": one, "badge": state(one)} for one in queries.waiting_answers()[:SHOWN]],
        "demands": [_row(one) for one in queries.demands(open_only=True).order_by("received_at", "pk")[:SHOWN]],
        "drafts": [_row(one) for one in queries.requests(state=DRAFT).order_by("pk")[:SHOWN]],
        "numbers": [
            (gettext("By kind"), _counted(found.kinds, lists.KINDS)),
            (gettext("By country"), [(country(key), n) for key, n in sorted(found.countries.items())]),
            (gettext("By outcome"), [(gettext(key), n) for key, n in sorted(found.outcomes.items())]),
        ],
        "tables": [
            _table(gettext("What came of them, by kind"), found.by_kind, lists.KINDS),
            _table(gettext("What came of them, by country"), found.by_country, PLACES),
        ],
        "days": [(gettext(lists.KINDS[key]), days) for key, days in found.days.items()],
        "may_work": request.user.may("demands.work"),
    }
    return render(request, "demands/index.html", context)


@needs("demands.view")
@require_safe
def demands(request: StaffRequest) -> HttpResponse:
    """All demands, narrowed by state and kind."""
    chosen = asked(request, "state", "kind")
    shown = page(request, queries.demands(state=chosen["state"], kind=chosen["kind"]), newest_first=True)
    context = {
        "rows": [_row(one) for one in shown.rows],
        "shown": shown,
        "chosen": chosen,
        "states": [(one, gettext(one)) for one in DEMAND.states],
        "kinds": [(key, gettext(words)) for key, words in lists.KINDS.items()],
        "title": gettext("All demands"),
        "begin": gettext("Record a demand"),
        "new": "demands:add",
        "none": gettext("No demand is like that"),
        "may_work": request.user.may("demands.work"),
    }
    return render(request, "demands/list.html", context)


@needs("demands.view")
@require_safe
def requests(request: StaffRequest) -> HttpResponse:
    """All requests, narrowed by state."""
    chosen = asked(request, "state")
    shown = page(request, queries.requests(state=chosen["state"]), newest_first=True)
    context = {
        "rows": [_row(one) for one in shown.rows],
        "shown": shown,
        "chosen": chosen,
        "states": [(one, gettext(one)) for one in REQUEST.states],
        "of_requests": True,
        "title": gettext("All requests"),
        "begin": gettext("Begin a request"),
        "new": "demands:add_request",
        "none": gettext("No request is like that"),
        "may_work": request.user.may("demands.work"),
    }
    return render(request, "demands/list.html", context)


def _row(one: Demand | Request) -> dict[str, Any]:
    return {"one": one, "kind": kind(one), "country": country(one.country), "badge": state(one), "url": url(one)}


def _counted(counts: Mapping[str, str], words: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return [(gettext(words[key]), counts[key]) for key in words if key in counts]


def _table(title: str, cells: Mapping[str, Mapping[str, str]], words: Mapping[str, str]) -> dict[str, Any]:
    """A table of numbers: its title, heads and rows, only of columns in which something is."""
    used = [column for column in numbers.COLUMNS if any(column in row for row in cells.values())]
    heads = [gettext(COLUMNS[column]) for column in used]
    rows = [
        (gettext(words.get(key, key)), [(head, row.get(column, "0")) for head, column in zip(heads, used, strict=True)])
        for key, row in sorted(cells.items())
    ]
    return {"title": title, "heads": heads, "rows": rows}
