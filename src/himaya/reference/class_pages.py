"""Pages of the classes: the schemes, what each class says, and what it becomes in every other scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import asked
from himaya.accounts.words import joined
from himaya.core import registry
from himaya.core.config import config
from himaya.core.reference.marks import CONFIDENCE
from himaya.core.terms import relations
from himaya.core.terms.grid import ACTS, AGES, FACETS, LABELS, LEGALITY
from himaya.core.words import N_
from himaya.reference import queries
from himaya.reference.words import SHAPES

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.core.ports import Code, Scheme
    from himaya.core.terms.relations import Conversion

USES = {
    "reviewed": ("ok", N_("people review by it")),
    "told": ("calm", N_("others tell us by it")),
    "withdrawn": ("wait", N_("withdrawn, only read")),
}
"""How a scheme is used here → shape and word of a badge."""
BECOMES = {"exact": N_("the same"), "close": N_("alike"), "broad": N_("wider")}


@needs("reference.view")
@require_safe
def classes(request: StaffRequest) -> HttpResponse:
    """The schemes."""
    return render(request, "reference/classes.html", {"schemes": [_scheme(one) for one in registry.schemes().values()]})


@needs("reference.view")
@require_safe
def scheme_classes(request: StaffRequest, scheme: str) -> HttpResponse:
    """One scheme: its classes, and of a chosen one what it becomes in every other.

    Raises:
        UnknownPlugin, UnknownCode: there is none.
    """
    known = registry.scheme(scheme)
    name = asked(request, "code")["code"]
    chosen = relations.find_code(scheme, name)[1] if name else None
    context = {
        "scheme": _scheme(known),
        "codes": [_code(code) for code in known.codes],
        "columns": [gettext(words) for words in LABELS.values()],
        "chosen": _chosen(scheme, chosen) if chosen else None,
    }
    return render(request, "reference/scheme.html", context)


def _scheme(one: Scheme) -> dict[str, Any]:
    use = "withdrawn" if one.withdrawn else "reviewed" if one.reviewed else "told"
    shape, word = USES[use]
    plain = {name: gettext(getattr(one, name)) for name in ("label", "version")}
    facts = {"name": one.name, "authority": one.authority, "source": one.source, "n": len(one.codes)}
    return {**plain, **facts, "use": {"state": shape, "word": gettext(word)}}


def _code(one: Code) -> dict[str, Any]:
    return {
        "code": one.code,
        "label": gettext(one.label),
        "definition": gettext(one.definition),
        "confirms": one.confirms,
        "facets": [_values(one, name) for name in FACETS],
        "legality": gettext(LEGALITY[one.facets.legality]),
    }


def _values(one: Code, facet: str) -> str:
    """What a class says of a facet; where it says all that there is, that."""
    known, has = FACETS[facet], getattr(one.facets, facet)
    if has == set(known):
        return gettext("any")
    return joined(gettext(words) for value, words in known.items() if value in has)


def _chosen(scheme: str, one: Code) -> dict[str, Any]:
    return {
        **_code(one),
        "ages": [gettext(words) for words in AGES.values()],
        "grid": [
            {"act": gettext(words), "cells": [age in one.facets.age and act in one.facets.act for age in AGES]}
            for act, words in ACTS.items()
        ],
        "placed": bool(one.facets.act),
        "law": _law(one),
        "conversions": [_conversion(found) for found in relations.conversions(scheme, one.code)],
        "sure": {"state": SHAPES[one.sure], "word": gettext(CONFIDENCE[one.sure])},
    }


def _law(one: Code) -> dict[str, Any] | None:
    """What the law of this node's country says of it, and by which rows; None where no country is set."""
    place = config().jurisdiction
    if not place:
        return None
    found = queries.legality(one.facets, place)
    word = UNDECIDED if found.outcome == "undecided" else LEGALITY[found.outcome]
    return {"place": place, "word": gettext(word), "rows": [(law.key, law.instrument) for law in found.laws]}


def _conversion(found: Conversion) -> dict[str, Any]:
    there = registry.scheme(found.scheme)
    new = there.get(found.code)
    nearest = [known for name in found.nearest if (known := there.get(name)) is not None]
    return {
        "name": found.scheme,
        "scheme": gettext(there.label),
        "code": found.code,
        "label": gettext(new.label) if new else "",
        "said": gettext(relations.KINDS[found.kind]) if new else gettext(found.why),
        "badge": {"state": "ok" if new else "wait", "word": gettext(BECOMES[found.kind] if new else PERSON)},
        "sure": gettext(CONFIDENCE[found.sure]) if new else "",
        "nearest": joined(gettext(one.label) for one in nearest) if not new else "",
    }


PERSON = N_("a person chooses")
UNDECIDED = N_("not decided: what is known of that law does not cover all that is meant")
urlpatterns = [
    path("classes/", classes, name="classes"),
    path("classes/<slug:scheme>/", scheme_classes, name="scheme_classes"),
]
