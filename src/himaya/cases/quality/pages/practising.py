"""Practice: a training case, and afterwards what the guideline says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from himaya.accounts.access import needs
from himaya.accounts.faces import asked
from himaya.accounts.words import sentence
from himaya.cases.quality import practising
from himaya.cases.quality.golden import BY_NAME, GOLDEN
from himaya.core import registry
from himaya.core.errors import HimayaError
from himaya.core.terms.grid import FACETS, LABELS
from himaya.lists.words import class_label

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.cases.quality.golden import Golden

NONE = "none"
"""What the form says for: no class of this scheme fits."""


@needs("quality.practise")
@require_http_methods(["GET", "POST"])
def practice(request: StaffRequest) -> HttpResponse:
    """Give the next one; take an answer; tell what the guideline says."""
    chosen = asked(request, "scheme", "told")
    if request.method != "POST":
        return _page(request, chosen)
    name, code = request.POST.get("case", ""), request.POST.get("code", "")
    try:
        practising.answer_case(name, person=request.user, code="" if code == NONE else code or "?")
    except HimayaError as error:
        return _page(request, chosen, name=name, error=sentence(error), status=error.status)
    again = {"told": name, **({"scheme": chosen["scheme"]} if chosen["scheme"] else {})}
    return redirect(f"{reverse('cases:practice')}?{urlencode(again)}")


def _page(
    request: StaffRequest, chosen: dict[str, str], *, name: str = "", error: str = "", status: int = 200
) -> HttpResponse:
    person, told = request.user, BY_NAME.get(chosen["told"])
    said = practising.last_answer(person, name=told.name) if told else None
    golden = BY_NAME.get(name) or practising.next_case(person, scheme=chosen["scheme"])
    shown = told if told and said else golden
    codes = _codes(shown)
    context = {
        "golden": shown,
        "facts": [(gettext(LABELS[axis]), gettext(FACETS[axis][getattr(shown, axis)])) for axis in FACETS],
        "scheme": gettext(registry.scheme(shown.scheme).label),
        "codes": codes,
        "said": said and {"right": said.right, "label": _label(shown.scheme, said.code)},
        "answer": _label(shown.scheme, shown.code),
        "why": gettext(shown.why),
        "error": error,
        "filters": _filters(chosen["scheme"]),
        "next_url": _url(chosen["scheme"]),
        "own": [{"label": gettext(registry.scheme(one.name).label), "one": one} for one in practising.own_sums(person)],
        "sums": [_sum(one) for one in practising.sums()] if person.may("quality.classes") else [],
        "page_keys": [("n", gettext("The next one"))] if said else [(code["key"], code["label"]) for code in codes],
    }
    return render(request, "cases/quality/practice.html", context, status=status)


def _codes(one: Golden) -> list[dict[str, str]]:
    known = [
        {"value": code.code, "label": gettext(code.label), "definition": gettext(code.definition)}
        for code in registry.scheme(one.scheme).codes
    ]
    found = [*known, {"value": NONE, "label": gettext("None of these"), "definition": ""}]
    return [{**code, "key": str(place)} for place, code in enumerate(found, 1)]


def _label(scheme: str, code: str) -> str:
    return class_label(scheme, code) if code else gettext("None of these")


def _url(scheme: str) -> str:
    return f"{reverse('cases:practice')}?{urlencode({'scheme': scheme})}" if scheme else reverse("cases:practice")


def _filters(chosen: str) -> list[dict[str, Any]]:
    names = dict.fromkeys(one.scheme for one in GOLDEN)
    choices = [("", gettext("All")), *((name, gettext(registry.scheme(name).label)) for name in names)]
    return [{"url": _url(name), "label": label, "current": name == chosen} for name, label in choices]


def _sum(one: practising.Sum) -> dict[str, Any]:
    golden = BY_NAME[one.name]
    facts = " · ".join(gettext(FACETS[axis][getattr(golden, axis)]) for axis in FACETS)
    return {"one": one, "scheme": gettext(registry.scheme(golden.scheme).label), "facts": facts}
