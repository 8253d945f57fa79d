"""The queue: one row a case, why it is here first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import asked
from himaya.cases import queries, words
from himaya.cases.danger import FIRST
from himaya.cases.pages.load import load_of
from himaya.cases.quality.queries import offered, veiled
from himaya.cases.views import views
from himaya.core import clock, registry
from himaya.core.words import N_
from himaya.lists.queries import lists
from himaya.lists.words import class_label, signal_label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person
    from himaya.cases.models import Case

STATES = {"open": N_("Open"), "urgent": N_("Urgent"), "mine": N_("Mine"), "free": N_("Free"), "decided": N_("Decided")}
FILTERS = ("state", "list", "signal", "q")
PAGE = 50


@needs("cases.view")
@require_safe
def queue(request: StaffRequest) -> HttpResponse:
    """Cases by filters that stand in the address, so that a view can be shared."""
    chosen, rows = chosen_rows(request.user, asked(request, *FILTERS))
    shown = queries.page(rows, after=_number(request, "after"), before=_number(request, "before"), size=PAGE)
    best = queries.best_matches(shown.cases, list_name=chosen["list"], signal=chosen["signal"], search=chosen["q"])
    hidden = veiled(shown.cases, request.user)
    context = {
        "now": clock.now(),
        "rows": [{**_row(case, best.get(case.pk), request.user), "veiled": case.pk in hidden} for case in shown.cases],
        "total": rows.count(),
        "chosen": chosen,
        "filters": _filters(chosen, request.user),
        "previous_url": queue_url(chosen, before=shown.before) if shown.before else "",
        "next_url": queue_url(chosen, after=shown.after) if shown.after else "",
        "clear_url": reverse("cases:queue"),
        "kept": [{"one": one, "url": f"{reverse('cases:queue')}?{one.query}"} for one in views(request.user)],
        "here": queue_url(chosen),
        "may_export": request.user.may("cases.export"),
        "may_claim": request.user.may("cases.claim"),
        "may_practise": request.user.may("quality.practise"),
        "may_quality": request.user.may("quality.view"),
        "second_looks": offered(request.user).count() if request.user.may("quality.look") else 0,
        "held": queries.held(request.user),
        "may_see_team": request.user.may("care.view"),
        **(load_of(request.user) if request.user.may("cases.claim") else {}),
        "page_keys": words.queue_keys(request.user),
    }
    return render(request, "cases/queue.html", context)


def chosen_rows(person: Person, given: Mapping[str, str]) -> tuple[dict[str, str], QuerySet[Case]]:
    """The filters that were asked for, as far as there are such, and the cases that they leave."""
    chosen = {name: given.get(name, "")[:200] for name in FILTERS}
    chosen["state"] = chosen["state"] if chosen["state"] in STATES else ("" if chosen["q"] else "open")
    chosen["signal"] = chosen["signal"] if chosen["signal"] in registry.signals() else ""
    return chosen, _rows(chosen["state"], person, chosen)


def _number(request: StaffRequest, name: str) -> int:
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0


def _rows(state: str, person: Person, chosen: dict[str, str]) -> QuerySet[Case]:
    return queries.queue(
        state=state if state in ("", "decided") else "open",
        held_by=person if state == "mine" else None,
        free=state == "free",
        urgent=state == "urgent",
        list_name=chosen["list"],
        signal=chosen["signal"],
        search=chosen["q"],
    )


def queue_url(chosen: dict[str, str], **changed: Any) -> str:
    """The address of a view."""
    wanted = {name: value for name, value in {**chosen, **changed}.items() if value}
    return f"{reverse('cases:queue')}?{urlencode(wanted)}" if wanted else reverse("cases:queue")


def _filters(chosen: dict[str, str], person: Person) -> list[dict[str, Any]]:
    """The links of the three rows of filters: label, address, whether chosen, how many."""
    states = {name: label for name, label in STATES.items() if name != "mine" or person.may("cases.claim")}
    if chosen["q"]:
        states = {"": N_("All"), **states}
    # a part of a place is looked for in every sighting, so not once for each state as well
    counts = not chosen["q"] or queries.is_digest(chosen["q"])
    by_state = [
        _choice(chosen, "state", name, gettext(label), _rows(name, person, chosen).count() if counts else None)
        for name, label in states.items()
    ]
    groups = [{"label": gettext("State"), "links": by_state}]
    for name, title, values in (
        ("list", gettext("List"), [(one.name, one.name) for one in lists()]),
        ("signal", gettext("Signal"), [(one, signal_label(one)) for one in registry.signals()]),
    ):
        if len(values) > 1 or chosen[name]:
            links = [_choice(chosen, name, value, label) for value, label in [("", gettext("All")), *values]]
            groups.append({"label": title, "links": links})
    return groups


def _choice(chosen: dict[str, str], name: str, value: str, label: str, count: int | None = None) -> dict[str, Any]:
    current = chosen[name] == value
    return {"url": queue_url(chosen, **{name: value}), "label": label, "current": current, "count": count}


def _row(case: Case, match: Any, person: Person) -> dict[str, Any]:
    holder = case.holder()
    return {
        "case": case,
        "reason": words.reason(match),
        "why": words.why(case),
        "urgent": case.rank == FIRST,
        "tile": match.value if match else case.subject,
        "match": match,
        "signal": signal_label(match.signal) if match else "",
        "near": words.nearness(match) if match else "",
        "class": class_label(match.scheme, match.code) if match else "",
        "holder": holder,
        "mine": holder == person,
        "verdict": class_label(case.verdict.scheme, case.verdict.code) if case.verdict else "",
        "claimable": case.verdict is None and (holder is None or holder == person) and person.may("cases.claim"),
    }
