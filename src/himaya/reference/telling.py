"""Whom to tell, as pages and cards show it: a form of four questions, and the answer with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from himaya.core.countries import COUNTRIES
from himaya.core.reference.contacts import KINDS
from himaya.core.reference.routing import BEARERS, LEGALITIES, Route, Suggestion, Told
from himaya.reference import queries
from himaya.reference.entries import contact_entry
from himaya.reference.routes import FORCES, SHAPES, by_when, could_say, reason, why
from himaya.reference.words import called, phrase, place, plain

if TYPE_CHECKING:
    from django.http import QueryDict

ASKED = ("host", "user", "ours", "bearer", "legality", "danger")


def choices(known: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names with their words; countries by name."""
    found = [(name, gettext(words)) for name, words in known.items()]
    return sorted(found, key=lambda one: plain(one[1])) if len(found) > 20 else found


def answer(
    given: QueryDict | Mapping[str, str], *, legality: str = "illegal", since: datetime | None = None
) -> dict[str, Any]:
    """The form with what was chosen in an address, and the answer where enough was; what is no choice counts as none.

    Args:
        given: the query of an address: names of :data:`ASKED`.
        legality: where the address does not say.
        since: when it became known, aware.
    """
    said = {name: given.get(name, "") for name in ASKED}
    for name in ("host", "user", "ours"):
        said[name] = said[name] if said[name] in COUNTRIES else ""
    ours = said["ours"] or queries.ours_or_set(None)
    ours = ours if ours in COUNTRIES else ""
    bearer = said["bearer"] if said["bearer"] in BEARERS else queries.acts_as()
    legal = said["legality"] if said["legality"] in LEGALITIES else legality
    danger = said["danger"] == "1"
    chosen: dict[str, Any] = {**said, "ours": ours, "bearer": bearer, "legality": legal, "danger": danger}
    route = None
    if bearer:
        route = queries.suggest(
            bearer=bearer,
            host=said["host"],
            user=said["user"],
            ours=ours,
            legality=legal,
            danger=danger,
            since=since,
        )
    return {
        "chosen": chosen,
        "places": choices(COUNTRIES),
        "bearers": choices(BEARERS),
        "legalities": choices(LEGALITIES),
        "route": shown(route) if route else None,
    }


def shown(route: Route) -> dict[str, Any]:
    """A route in words."""
    return {
        "suggestions": [_suggested(one) for one in route.suggestions],
        "unknown": [_told(one, route) for one in route.unknown],
        "left": [_told(one, route) for one in route.left],
    }


def _suggested(one: Suggestion) -> dict[str, Any]:
    return {
        **contact_entry(one.contact),
        "place": place(one.contact.country),
        "code": one.contact.country,
        "force": {"state": SHAPES[one.force], "word": gettext(FORCES[one.force])},
        "reason": reason(one),
        "limit": one.limit,
        "task": phrase(one.limit.task) if one.limit else "",
        "clocks": [{"said": by_when(each), "limit": each.limit, "due": each.due} for each in one.clocks],
    }


def _told(one: Told, route: Route) -> dict[str, Any]:
    row: dict[str, Any] = {"why": why(one, route), "could_say": could_say(one), "place": one.place}
    if one.limit:
        row |= {"table": "limits", "key": one.limit.key, "title": phrase(one.limit.task), "more": one.limit.instrument}
    elif one.contact:
        kind = gettext(KINDS.get(one.contact.kind, one.contact.kind))
        row |= {"table": "contacts", "key": one.contact.key, "title": called(one.contact), "more": kind}
    return row
