"""The queues: how much waits in each, for how long, and whether more comes than goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.words import number
from himaya.cases import flowing
from himaya.transparency.tables import table

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest

DAYS = 30


@needs("numbers.view")
@require_safe
def queues(request: StaffRequest) -> HttpResponse:
    """Each list's queue: what waits now, and two plots of what came and what went."""
    waiting = {one.list_name: one for one in flowing.queues()}
    moving = {one.list_name: one for one in flowing.flows(days=DAYS)}
    names = sorted({*waiting, *moving}, key=lambda name: (-(waiting[name].open if name in waiting else 0), name))
    rows = [_queue(name, waiting.get(name), moving.get(name)) for name in names]
    return render(request, "transparency/queues.html", {"queues": rows, "may_open": request.user.may("cases.view")})


def _queue(name: str, waits: flowing.Queue | None, moves: flowing.Flow | None) -> dict[str, Any]:
    days = moves.days if moves else ()
    more = moves.opened - moves.decided if moves else 0
    return {
        "name": name,
        "open": waits.open if waits else 0,
        "oldest": waits.oldest if waits else None,
        "said": _said(more),
        "grows": more > 0,
        "came": [{"label": day[5:], "value": n} for day, n, _ in days],
        "went": [{"label": day[5:], "value": n} for day, _, n in days],
        "came_title": gettext("Came in 30 days: %(n)s") % {"n": number(moves.opened if moves else 0)},
        "went_title": gettext("Decided in 30 days: %(n)s") % {"n": number(moves.decided if moves else 0)},
    }


def _said(more: int) -> str:
    """Whether the queue grows: in 30 days, cases that came beyond those that were decided."""
    if more == 0:
        return gettext("As much came as was decided.")
    if more > 0:
        said = ngettext("It grows: %(n)s case more came than was decided.",
                        "It grows: %(n)s cases more came than were decided.", more)  # fmt: skip
        return said % {"n": number(more)}
    said = ngettext("It shrinks: %(n)s case more was decided than came.",
                    "It shrinks: %(n)s cases more were decided than came.", -more)  # fmt: skip
    return said % {"n": number(-more)}


@needs("numbers.view")
@require_safe
def queues_csv(request: StaffRequest) -> HttpResponse:  # noqa: ARG001
    """The last thirty days, a line for each list and day."""
    rows = ((flow.list_name, *day) for flow in flowing.flows(days=DAYS) for day in flow.days)
    return table("queues", ("list", "day", "cases_opened", "verdicts"), rows)
