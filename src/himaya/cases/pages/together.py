"""The open cases around one, grouped by how near they are, ticked and decided with one verdict."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from himaya.accounts.access import needs
from himaya.accounts.words import joined, sentence
from himaya.cases import batch, queries, words
from himaya.cases.classing import BadVerdict
from himaya.cases.pages.case import find, schemes_for
from himaya.cases.services import NotYours, UnknownCase
from himaya.core.errors import HimayaError
from himaya.core.words import N_

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person
    from himaya.cases.batch import Neighbour
    from himaya.cases.models import Case

GROUPS = {
    batch.EQUAL: N_("Equal fingerprints"),
    batch.NEAR: N_("Near: within half the radius"),
    batch.FAR: N_("Far: within the radius"),
    batch.APART: N_("Only the listed item is the same"),
}


@needs("cases.decide")
@require_http_methods(["GET", "POST"])
def together(request: StaffRequest, pk: int) -> HttpResponse:
    """Tick them, and decide them with the case from which one came."""
    shown = find(pk)
    if request.method != "POST":
        return _page(request, shown, {}, 200)
    scheme, _, code = request.POST.get("verdict", "").partition("/")
    wanted = {int(one) for one in request.POST.getlist("case") if one.isascii() and one.isdigit() and len(one) < 16}
    ticked = request.POST.getlist("group")
    if ticked:
        wanted |= {one.case.pk for one in batch.neighbours(shown) if one.group in ticked and _free(one, request.user)}
    try:
        if not code:
            raise BadVerdict(why=N_("choose a class"))
        decided = batch.decide_batch(
            pk, others=wanted, person=request.user, scheme=scheme, code=code, reason=request.POST.get("reason", "")
        )
    except (UnknownCase, NotYours):
        raise
    except HimayaError as error:
        typed = {**request.POST.dict(), "error": sentence(error), "cases": wanted, "groups": ticked}
        return _page(request, shown, typed, error.status)
    messages.success(request, _said(decided))
    return redirect("cases:case", pk)


def _said(decided: batch.Decided) -> str:
    n = len(decided.cases)
    said = ngettext("The verdict is recorded for %(n)s case.", "The verdict is recorded for %(n)s cases.", n) % {"n": n}
    if not decided.left_out:
        return said
    left = joined(one.reference for one in decided.left_out)
    return f"{said} {gettext('Left out, for others work on them or have decided them: %(cases)s') % {'cases': left}}"


def _free(one: Neighbour, person: Person) -> bool:
    return one.case.holder() in (None, person)


def _page(request: StaffRequest, shown: Case, typed: dict[str, Any], status: int) -> HttpResponse:
    found = batch.neighbours(shown)
    best = queries.best_matches([one.case for one in found])
    groups = [
        {
            "name": name,
            "label": gettext(GROUPS[name]),
            "rows": [
                {
                    "one": one,
                    "reason": words.reason(best.get(one.case.pk)),
                    "holder": None if _free(one, request.user) else one.case.holder(),
                    "ticked": one.case.pk in typed.get("cases", ()),
                }
                for one in rows
            ],
            "ticked": name in typed.get("groups", ()),
        }
        for name, rows in ((name, list(rows)) for name, rows in groupby(found, key=lambda each: each.group))
    ]
    mine = shown.verdict is None and shown.holder() == request.user
    schemes = schemes_for(list(queries.matches(shown)[:50])) if mine else []
    context = {
        "case": shown,
        "groups": groups,
        "mine": mine,
        "schemes": schemes,
        "typed": typed,
        "follows": words.what_follows(),
        "page_keys": [
            *((code["key"], code["label"]) for one in schemes for code in one["codes"] if code["key"]),
            ("a", gettext("Tick the first group")),
            ("r", gettext("Write the reason")),
        ],
    }
    return render(request, "cases/together.html", context, status=status)
