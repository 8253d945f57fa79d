"""What every page of the console knows: where one can go, who one is, how it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.exceptions import DisallowedHost
from django.urls import reverse
from django.utils.translation import gettext

from himaya.core.config import config
from himaya.core.words import N_
from himaya.site import addresses
from himaya.site.languages import offered

if TYPE_CHECKING:
    from django.http import HttpRequest

    from himaya.accounts.models import Person

NAV = (
    (N_("Today"), "site:dashboard", "numbers.view"),
    (N_("Queue"), "cases:queue", "cases.view"),
    (N_("Lists"), "lists:index", "lists.view"),
    (N_("Exchange"), "publishing:index", "exchange.view"),
    (N_("Reports"), "reporting:index", "documents.view"),
    (N_("Notices"), "takedown:index", "documents.view"),
    (N_("Deliveries"), "ledger:deliveries", "deliveries.view"),
    (N_("Legal desk"), "demands:index", "demands.view"),
    (N_("Evidence"), "evidence:index", "evidence.view"),
    (N_("Reference"), "reference:index", "reference.view"),
    (N_("Numbers"), "transparency:numbers", "numbers.view"),
    (N_("Ledger"), "ledger:index", "ledger.view"),
    (N_("Log"), "log:index", "log.view"),
    (N_("Settings"), "site:settings", "settings.view"),
)
THEMES = ("", "light", "dark")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of ``base.html``."""
    theme = request.COOKIES.get("theme", "")
    person = request.user if hasattr(request, "user") and request.user.is_authenticated else None
    return {
        "nav": _nav(request, person) if person else [],
        "search_url": reverse("cases:queue") if person and person.may("cases.view") else "",
        "node_name": config().node_name,
        "theme": theme if theme in THEMES else "",
        "demo": config().demo,
        "keys_at": _keys_at(request),
        "second_factor": config().second_factor,
        "LANGUAGES_OFFERED": offered(),
    }


def _keys_at(request: HttpRequest) -> str | None:
    """Where security keys work, seen from a page on which they do not; empty: nowhere yet. None: they do here."""
    try:
        asked = urlsplit(f"//{request.get_host()}")
    except DisallowedHost:
        return None
    if not addresses.is_numeric(asked.hostname or ""):
        return None
    name = addresses.name_for(asked.hostname or "")
    return "" if addresses.is_numeric(name) else addresses.url(name, asked.port or "")


def _nav(request: HttpRequest, person: Person) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = [
        {"url": reverse(name), "label": gettext(label), "count": 0} for label, name, needed in NAV if person.may(needed)
    ]
    around = [
        e["url"] for e in entries if request.path == e["url"] or (e["url"] != "/" and request.path.startswith(e["url"]))
    ]
    here = max(around, key=len, default="")  # /ledger/deliveries/ lies in /ledger/ and is a room of its own
    return [{**entry, "current": entry["url"] == here} for entry in entries]
