"""Victim identification: the cases of children whom nobody has identified first, and what a case shares with others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import asked
from himaya.cases import linking, queries, triage, words
from himaya.cases.pages.case import find
from himaya.cases.quality.queries import decided_with, veil, veiled
from himaya.core import clock
from himaya.core.config import config
from himaya.core.intake.offered import KINDS
from himaya.core.words import N_

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.cases.models import Case

SHOWN = 50
STANDINGS = {
    triage.NOBODY: N_("Nobody has identified the child"),
    triage.UNSAID: N_("Nobody says"),
    triage.KNOWN: N_("Somebody has identified the child"),
}
SAID = {
    (triage.VICTIM, "no"): N_("victim not identified"),
    (triage.VICTIM, "yes"): N_("victim identified"),
    ("offender-identified", "no"): N_("offender not identified"),
    ("offender-identified", "yes"): N_("offender identified"),
    ("distributed", "yes"): N_("distributed"),
    ("distributed", "no"): N_("not distributed"),
}
ROW, TOP = 44, 26
"""Pixels between rows of the drawing, and above the first."""


@needs("cases.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Open cases by what is said of the child, those that nobody has listed before first."""
    chosen = asked(request, "standing", "series")
    standing = chosen["standing"] if chosen["standing"] in STANDINGS else triage.NOBODY
    rows = triage.waiting(standing, series=chosen["series"])
    cases = list(rows[:SHOWN])
    told, best = triage.told(cases), queries.best_matches(cases)
    context = {
        "now": clock.now(),
        "rows": [_row(case, told[case.pk], best.get(case.pk)) for case in cases],
        "total": rows.count(),
        "shown": SHOWN,
        "standings": [_link(name, gettext(label), standing, chosen["series"]) for name, label in STANDINGS.items()],
        "chosen": {**chosen, "standing": standing},
        "series": triage.series(),
        "keeps_marks": config().investigators_marks,
    }
    return render(request, "cases/triage.html", context)


def _link(name: str, label: str, chosen: str, series: str) -> dict[str, Any]:
    return {
        "label": label,
        "name": name,
        "current": name == chosen,
        "n": triage.waiting(name, series=series).count(),
    }


def _row(case: Case, told: triage.Told, match: Any) -> dict[str, Any]:
    return {
        "case": case,
        "reason": words.reason(match),
        "tile": match.value if match else case.subject,
        "listed": told.listed,
        "series": told.series,
        "said": [_said(mark.kind, mark.value) for mark in told.marks if mark.kind != "series"],
        "by": sorted({mark.organisation for mark in told.marks}),
        "why": words.why(case),
    }


def _said(kind: str, value: str) -> str:
    if (kind, value) in SAID:
        return gettext(SAID[kind, value])
    said = gettext(KINDS[kind])
    return said if value == "yes" else gettext("not: %(what)s") % {"what": said}


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the drawing: ``y`` in pixels, its label, and where it leads."""

    y: int
    label: str
    url: str


@needs("cases.view")
@require_safe
def links(request: StaffRequest, pk: int) -> HttpResponse:
    """What a case shares with other cases, drawn: the case, the things, the others."""
    shown = find(pk)
    found = linking.links(shown)
    hidden = veiled((case for case, _ in found.cases), request.user)
    if (look := veil(shown, request.user)) is not None:
        hidden |= decided_with(look, (case for case, _ in found.cases))
    things = _placed((thing.label, _thing_url(thing)) for thing in found.things)
    others = _placed((case.reference, reverse("cases:links", args=[case.pk])) for case, _ in found.cases)
    at = {thing: place.y for thing, place in zip(found.things, things, strict=True)}
    lines = [(at[thing], place.y) for (_, some), place in zip(found.cases, others, strict=True) for thing in some]
    height = TOP + ROW * max(len(things), len(others), 1)
    context = {
        "case": shown,
        "things": things,
        "others": others,
        "lines": lines,
        "height": height,
        "middle": height // 2,
        "rows": [{"case": case, "things": some, "veiled": case.pk in hidden} for case, some in found.cases],
        "more": found.more,
    }
    return render(request, "cases/links.html", context)


def _placed(rows: Iterable[tuple[str, str]]) -> list[Place]:
    return [Place(TOP + ROW * n, label, url) for n, (label, url) in enumerate(rows)]


def _thing_url(thing: linking.Thing) -> str:
    if thing.kind == "item":
        return reverse("lists:item", args=[int(thing.value)])
    return f"{reverse('cases:queue')}?q={thing.value}"
