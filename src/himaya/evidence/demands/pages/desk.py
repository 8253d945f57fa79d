"""The desk at a glance, and its long tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import asked
from himaya.accounts.paging import page
from himaya.core import clock
from himaya.evidence.demands import lists, numbers, queries
from himaya.evidence.demands.states import DEMAND, DRAFT, REQUEST
from himaya.evidence.demands.words import clock_row, country, kind, state, url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from himaya.accounts.access import StaffRequest
    from himaya.evidence.demands.models import Demand, Request

SHOWN, DUE = 20, 50
"""Rows of each table on the first page; clocks on a page of their own."""


@needs("demands.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """What is due next, what waits for another lead, what is open."""
    context = {
        "clocks": [clock_row(one) for one in queries.due_next()[:SHOWN]],
        "late": queries.late().count(),
        "answers": [{"one": one, "badge": state(one)} for one in queries.waiting_answers()[:SHOWN]],
        "demands": [_row(one) for one in queries.demands(open_only=True).order_by("received_at", "pk")[:SHOWN]],
        "drafts": [_row(one) for one in queries.requests(state=DRAFT).order_by("pk")[:SHOWN]],
        "may_work": request.user.may("demands.work"),
    }
    return render(request, "demands/index.html", context)


@needs("demands.view")
@require_safe
def due(request: StaffRequest) -> HttpResponse:
    """All that is due, by when it is due; by choice what is late."""
    chosen = asked(request, "late", "after")
    late = chosen["late"] == "1"
    last = queries.clock_of(chosen["after"])
    rows = list(queries.due_behind(last, late_only=late)[: DUE + 1])
    more = {**({"late": "1"} if late else {}), "after": str(rows[DUE - 1].pk)} if len(rows) > DUE else {}
    context = {
        "clocks": [clock_row(one) for one in rows[:DUE]],
        "late": late,
        "first_url": request.path + ("?late=1" if late else "") if last else "",
        "next_url": f"?{urlencode(more)}" if more else "",
    }
    return render(request, "demands/due.html", context)


@needs("demands.view")
@require_safe
def in_numbers(request: StaffRequest) -> HttpResponse:
    """The desk in numbers that can be published, of a year."""
    now, year = clock.now().year, asked(request, "year")["year"]
    shown = int(year) if year.isascii() and year.isdecimal() and 2000 <= int(year[:6]) <= now else now
    found = numbers.tallied(since=datetime(shown, 1, 1, tzinfo=UTC), until=datetime(shown + 1, 1, 1, tzinfo=UTC))
    context = {
        "year": shown,
        "years": queries.years(),
        "numbers": [
            (gettext("By kind"), _counted(found.kinds, lists.KINDS)),
            (gettext("By country"), [(country(key), n) for key, n in sorted(found.countries.items())]),
            (gettext("By outcome"), [(gettext(key), n) for key, n in sorted(found.outcomes.items())]),
            (gettext("And"), _counted(found.also, numbers.ALSO)),
        ],
        "days": [(gettext(lists.KINDS[key]), days) for key, days in found.days.items()],
    }
    return render(request, "demands/numbers.html", context)


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
