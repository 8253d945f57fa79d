"""The card of a confirmed case that suggests whom to tell: countries as a person says them, or a hint of an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from himaya.cases import queries
from himaya.cases.danger import NOW
from himaya.core import registry
from himaya.core.countries import COUNTRIES
from himaya.reference.telling import ASKED, answer
from himaya.reference.words import place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import QueryDict

    from himaya.accounts.models import Person
    from himaya.cases.models import Case

LOOKED_AT = 50
"""Sightings that may give a hint, newest first."""
AS_DOMAIN = {"uk": "GB"}
"""Domains of countries that are not written as the country's code."""


def hint(places: Iterable[str]) -> tuple[str, str]:
    """The country that the first address with a domain of a country names, and that domain; both empty without one.

    No more than a hint: a name under ``.de`` may stand on a machine anywhere.
    """
    for text in places:
        try:
            name = urlsplit(text).hostname or ""
        except ValueError:
            continue
        domain = name.rstrip(".").rpartition(".")[2].lower()
        code = AS_DOMAIN.get(domain, domain.upper())
        if code in COUNTRIES and "." in name:
            return code, f".{domain}"
    return "", ""


def card(given: QueryDict, shown: Case, person: Person) -> dict[str, Any]:
    """Whom to tell of a confirmed case, for those whose role includes it; empty otherwise."""
    verdict = shown.verdict
    if verdict is None or not verdict.confirms or not person.may("reference.view"):
        return {}
    code = registry.scheme(verdict.scheme).get(verdict.code)
    legality = "harmful" if code and code.facets.legality in ("harmful", "not-illegal") else "illegal"
    country, domain = ("", "")
    if "host" not in given:
        country, domain = hint(one.place for one in queries.sightings_of_a_host(shown)[:LOOKED_AT])
    asked = {name: given.get(name, "") for name in ASKED}
    if "host" not in given:  # nothing was said yet: what the case itself says
        in_danger = queries.flags(shown).filter(kind__in=(NOW, "live")).exists()
        asked |= {"host": country, "danger": "1" if in_danger else ""}
    found = answer(asked, legality=legality, since=verdict.at)
    return {**found, "domain": domain, "hinted": place(country) if country else ""}
