"""One page for two kinds of document: reports to authorities and notices to hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import asked
from himaya.accounts.paging import page
from himaya.cases.quality.queries import veiled
from himaya.cases.words import JOB_STATES

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest, View
    from himaya.cases.dispatch import Dispatch

NEED_A_PERSON = ("unknown", "dead")
"""States of a delivery that do not end by themselves."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says of its kind of document; marked for translation where they are written."""

    title: str
    lead: str
    empty: str
    what_next: str


def make_index(
    words: Words,
    *,
    rows: Callable[..., QuerySet[Any]],
    states: Callable[[], dict[str, int]],
    template: str = "cases/dispatch.html",
) -> View:
    """The page of a kind of document: newest first, narrowed by the state of the delivery.

    Args:
        words: what it says.
        rows: the room's query, which takes ``state``.
        states: how many there are in each state.
        template: what shows it.
    """

    @needs("documents.view")
    @require_safe
    def index(request: StaffRequest) -> HttpResponse:
        """Documents of one kind and how far they have come."""
        state = asked(request, "state")["state"]
        shown = page(request, rows(state=state), newest_first=True)
        numbers, hidden = states(), veiled((one.case for one in shown.rows), request.user)
        context = {
            "title": gettext(words.title),
            "lead": gettext(words.lead),
            "empty": gettext(words.empty),
            "what_next": gettext(words.what_next),
            "documents": shown,
            "rows": [_row(one) for one in shown.rows if one.case_id not in hidden],
            "filters": state_filters(numbers, state),
            "need_a_person": sum(numbers.get(name, 0) for name in NEED_A_PERSON),
            "state": state,
            "may_see_cases": request.user.may("cases.view"),
        }
        return render(request, template, context)

    return index


def _row(one: Dispatch) -> dict[str, Any]:
    shape, word = JOB_STATES[one.job.state]
    return {"document": one, "shape": shape, "word": gettext(word)}


def state_filters(numbers: dict[str, int], state: str) -> list[dict[str, Any]]:
    """Links to the states of a delivery that there are, with their numbers; those that need a person come first."""
    every = {"word": gettext("all"), "url": "?", "count": sum(numbers.values()), "current": not state}
    order = [*NEED_A_PERSON, *(name for name in JOB_STATES if name not in NEED_A_PERSON)]
    return [every] + [
        {
            "word": gettext(JOB_STATES[name][1]),
            "url": f"?state={name}",
            "count": numbers.get(name, 0),
            "current": name == state,
        }
        for name in order
        if numbers.get(name) or name == state
    ]
