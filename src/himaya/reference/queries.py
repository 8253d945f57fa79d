"""Reading the reference: for people as rows with their history, for other rooms as typed values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from himaya.core import clock
from himaya.core.config import config
from himaya.core.countries import COUNTRIES
from himaya.core.reference import TABLES, Contact, Languages, RequestField, TimeLimit
from himaya.core.reference.laws import Law, Legality, judge
from himaya.core.reference.routing import BEARERS, LEGALITIES, Route, Situation, route
from himaya.reference import directory
from himaya.reference.models import Revision
from himaya.reference.rows import Row, UnknownCountry, all_rows, find_row, find_table, known

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.core.ports import Facets


CONFIRMED = ("contacts", "limits", "laws", "languages")
"""Tables whose rows somebody has to look at now and then."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many rows of a table are used, how many of them this node wrote, how many of those the program ships
    otherwise by now, and how many were set aside.
    """

    used: int
    ours: int
    moved: int
    aside: int


# --- for other rooms -------------------------------------------------------------------------------------------------


def time_limits(*, jurisdiction: str = "", duty: str = "", on: date | None = None) -> list[TimeLimit]:
    """Time limits that are not set aside.

    Whether a law is in force is for the caller to look at (``standing``): one that is not may be what has to be planned
    for.

    Args:
        jurisdiction: only those of this one: a name of ``core.countries.PLACES``. Members of a union are not looked
            through: ask for ``EU`` beside ``LU``.
        duty: only those of this kind: a name of ``core.reference.limits.DUTIES``.
        on: only those whose dates admit this day.
    """
    found = [row.typed() for row in rows("limits", place=jurisdiction, kind=duty)]
    return [one for one in found if on is None or one.holds_on(on)]


def time_limit(key: str) -> TimeLimit:
    """One time limit, set aside or not: what was built upon it still has to be told.

    Raises:
        UnknownRow: there is none of that key.
    """
    found = find_row(TABLES["limits"], key).typed()
    assert isinstance(found, TimeLimit)
    return found


def contact_points(country: str = "", *, kind: str = "") -> list[Contact]:
    """Contact points that are not set aside, of a country (ISO 3166-1 alpha-2) and of a kind
    (``core.reference.contacts.KINDS``). ``mark.ours`` tells those that this node confirmed.
    """
    return [row.typed() for row in rows("contacts", place=country, kind=kind)]


def request_fields(part: str = "") -> list[RequestField]:
    """What a request for mutual legal assistance states, by part, as ``core.reference.requests.PARTS`` orders them."""
    return [row.typed() for row in rows("request-fields", place=part)]


def languages(country: str = "") -> list[Languages]:
    """Languages of a country (ISO 3166-1 alpha-2), or of all."""
    return [row.typed() for row in rows("languages", place=country)]


def suggest(
    *,
    bearer: str | None = None,
    host: str = "",
    user: str = "",
    ours: str | None = None,
    legality: str = "illegal",
    danger: bool = False,
    on: date | None = None,
    since: datetime | None = None,
) -> Route:
    """Who should be told, why, and by when: see :func:`himaya.core.reference.routing.route`.

    Args:
        bearer: who asks: a name of ``core.reference.routing.BEARERS``; None: as the setting ``acts_as`` says.
        host: country of the host, ISO 3166-1 alpha-2; empty: not known.
        user: country of the user; empty: not known.
        ours: where this organisation acts; None: as the setting ``jurisdiction`` says.
        legality: a name of ``core.reference.routing.LEGALITIES``.
        danger: life or safety of a person is threatened.
        on: the day on which rows are to hold; None: today.
        since: when it became known, aware.

    Raises:
        UnknownWord: a country, ``bearer`` or ``legality`` is none.
    """
    asked = Situation(
        ours=known("ours", ours_or_set(ours), ("", *COUNTRIES)),
        bearer=known("bearer", acts_as() if bearer is None else bearer, BEARERS),
        on=on or clock.now().date(),
        host=known("host", host, ("", *COUNTRIES)),
        user=known("user", user, ("", *COUNTRIES)),
        legality=known("legality", legality, LEGALITIES),
        danger=danger,
        since=since,
    )
    return route(asked, limits=time_limits(), contacts=contact_points())


def acts_as() -> str:
    """What this organisation is to the law, as the setting says: a name of ``BEARERS``; empty: it does not say."""
    return config().acts_as


def ours_or_set(ours: str | None) -> str:
    """Where this organisation acts: as it is said, else as the setting says; of a part of a country, the country."""
    return config().jurisdiction[:2] if ours is None else ours


def country(code: str) -> directory.Country:
    """What is known of a country.

    Raises:
        UnknownCountry: it is no code of ISO 3166-1 (alpha-2).
    """
    if code not in COUNTRIES:
        raise UnknownCountry(code=code[:10])
    return directory.country(
        code, limits=time_limits(), contacts=contact_points(code), laws=laws(), languages=languages(code)
    )


def countries() -> list[directory.Country]:
    """What is known of every country, by code."""
    return directory.every(limits=time_limits(), contacts=contact_points(), laws=laws(), languages=languages())


def laws() -> list[Law]:
    """What laws say of which classes, in whatever standing."""
    return [row.typed() for row in rows("laws")]


def legality(facets: Facets, jurisdiction: str, *, on: date | None = None) -> Legality:
    """What the law of a jurisdiction says of ``facets``, today or on a day, and by which rows
    (:func:`himaya.core.reference.laws.judge`).
    """
    return judge(facets, laws=laws(), jurisdiction=jurisdiction, on=on or clock.now().date())


# --- for people ------------------------------------------------------------------------------------------------------


def rows(table: str, *, place: str = "", kind: str = "", aside: bool | None = False) -> list[Row]:
    """Rows of a table in its order, narrowed by place and kind; ``aside``: those set aside, those not (False), or all.

    Raises:
        UnknownTable: there is none of that name.
    """
    found = find_table(table)
    return [
        row
        for row in all_rows(found)
        if (not place or row.values[found.place] == place)
        and (not kind or row.values.get(found.kind, "") == kind)
        and (aside is None or row.aside is aside)
    ]


def to_confirm(on: date | None = None) -> list[Row]:
    """Rows in use that are unsure, or that nobody looked at for a year: the unsure first, then the oldest."""
    day = on or clock.now().date()
    year_ago = day.replace(year=day.year - 1, day=min(day.day, 28)).isoformat()
    found = [one for name in CONFIRMED for one in rows(name)]
    old = [one for one in found if one.values["confidence"] == "low" or f"{one.values['checked']}-31"[:10] < year_ago]
    return sorted(old, key=lambda one: (one.values["confidence"] != "low", one.values["checked"]))


def row(table: str, key: str) -> Row:
    """One row, set aside or not.

    Raises:
        UnknownTable, UnknownRow: there is none.
    """
    return find_row(find_table(table), key)


def history(one: Row) -> QuerySet[Revision]:
    """What was changed of a row here, the last change first."""
    return Revision.objects.filter(table=one.table.name, key=one.key).order_by("-number")


def standing(table: str) -> Standing:
    """How many rows there are.

    Raises:
        UnknownTable: there is none of that name.
    """
    every = all_rows(find_table(table))
    used = [one for one in every if not one.aside]
    return Standing(
        used=len(used),
        ours=sum(one.ours for one in used),
        moved=sum(one.moved for one in used),
        aside=len(every) - len(used),
    )
