"""Pages of the directory: all countries at a glance, one country, and whom to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import asked
from himaya.accounts.words import joined
from himaya.core.languages import LANGUAGES
from himaya.core.reference import TABLES, TimeLimit
from himaya.core.reference.routing import BEARERS
from himaya.reference import queries
from himaya.reference.directory import COULD_SAY, PARTS, SHORT, Country
from himaya.reference.entries import contact_entry, entry_of, mark_of
from himaya.reference.telling import answer, choices
from himaya.reference.words import called, place, plain

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest

ADDED = {
    "reports": ("contacts", {"kind": "hotline"}),
    "duties": ("limits", {"duty": "report"}),
    "illegal": ("laws", {"effect": "illegal"}),
    "keeping": ("limits", {"duty": "preserve"}),
    "children": ("contacts", {"kind": "helpline"}),
    "networks": ("contacts", {"kind": "interpol-ncb"}),
    "languages": ("languages", {}),
}
"""Part → the table to which what is known of it is added, and what the form begins with."""


@needs("reference.view")
@require_safe
def countries(request: StaffRequest) -> HttpResponse:
    """Every country, and of what of it something is known."""
    chosen = asked(request, "name", "known", "unknown")
    every = queries.countries()
    wanted = plain(chosen["name"])
    rows: list[dict[str, Any]] = [
        {"code": one.code, "name": place(one.code), "pips": _pips(one), "said": _said(one)}
        for one in every
        if chosen["known"] in ("", *one.known) and chosen["unknown"] in ("", *one.unknown)
    ]
    rows = [row for row in rows if wanted in plain(row["name"]) or wanted == row["code"].lower()]
    context = {
        "rows": sorted(rows, key=lambda row: plain(str(row["name"]))),
        "parts": [{"name": name, "word": gettext(word)} for name, word in SHORT.items()],
        "coverage": _coverage(every),
        "every": len(every),
        "chosen": chosen,
        "narrowed": any(chosen.values()),
    }
    return render(request, "reference/countries.html", context)


def _pips(one: Country) -> list[str]:
    """Of each part: confirmed by this node, known, or not."""
    return ["sure" if one.confirmed(name) else "on" if one.part(name) else "off" for name in PARTS]


def _said(one: Country) -> str:
    known = joined(gettext(SHORT[name]) for name in one.known)
    return gettext("known: {parts}").format(parts=known) if known else gettext("nothing is known")


def _coverage(every: list[Country]) -> list[dict[str, Any]]:
    """How many countries each part is known of, and how many this node confirmed; for a plot of bars."""
    found = []
    for name, word in SHORT.items():
        known, sure = sum(name in one.known for one in every), sum(one.confirmed(name) for one in every)
        found.append(
            {
                "name": name, "word": gettext(word), "known": known, "sure": sure,
                "width": round(100 * known / len(every), 1), "sure_width": round(100 * sure / len(every), 1),
            }
        )  # fmt: skip
    return found


@needs("reference.view")
@require_safe
def country(request: StaffRequest, country: str) -> HttpResponse:
    """Everything known of a country, in the order in which one asks; and what is not, with who could say it."""
    one = queries.country(country)
    may_change = request.user.may("reference.change")
    names = {point.key: called(point) for point in one.reports}
    parts = [
        {
            "name": name,
            "title": gettext(title),
            "entries": [] if name == "languages" else [_entry(row, names) for row in one.part(name)],
            "known": bool(one.part(name)),
            "could_say": gettext(COULD_SAY[name]),
            "add": _add(name, country) if may_change else "",
        }
        for name, title in PARTS.items()
    ]
    context = {
        "one": one,
        "name": place(country),
        "unions": [place(union) for union in one.unions],
        "parts": parts,
        "pips": [
            {"name": name, "word": gettext(SHORT[name]), "pip": pip}
            for name, pip in zip(PARTS, _pips(one), strict=True)
        ],
        "n": len(one.known),
        "all": len(PARTS),
        "to_confirm": sum(row.values[row.table.place] == country for row in queries.to_confirm()),
        "emergency": [contact_entry(row) for row in one.emergency],
        "languages": [_languages(row) for row in one.languages],
        "bearers": choices(BEARERS),
    }
    return render(request, "reference/country.html", context)


def _entry(row: Any, names: Mapping[str, str]) -> dict[str, Any]:
    more = {"recipient_name": names.get(row.recipient, row.recipient)} if isinstance(row, TimeLimit) else {}
    return {**entry_of(row), **more}


def _add(part: str, code: str) -> str:
    """The address of the form that adds a row of this part."""
    table, begun = ADDED[part]
    at = TABLES[table].place
    query = "&".join(f"{name}={value}" for name, value in {at: code, **begun}.items())
    return f"{reverse('reference:add', args=[table])}?{query}"


def _languages(row: Any) -> dict[str, Any]:
    def words(codes: tuple[str, ...]) -> str:
        return joined(gettext(LANGUAGES[one]) for one in codes)

    return {"row": row, "mark": mark_of(row.mark), "official": words(row.official), "used": words(row.used)}


@needs("reference.view")
@require_safe
def tell(request: StaffRequest) -> HttpResponse:
    """Whom to tell, from countries and from who one is."""
    return render(request, "reference/tell.html", answer(request.GET))


urlpatterns = [
    path("countries/", countries, name="countries"),
    path("countries/<str:country>", country, name="country"),
    path("tell", tell, name="tell"),
]
