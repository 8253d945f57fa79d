"""Reading the reference: for people as rows with their history, for other rooms as typed values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from himaya.core import clock
from himaya.core.reference import TABLES, Contact, RequestField, TimeLimit
from himaya.core.reference.laws import Law, Legality, judge
from himaya.reference.models import Revision
from himaya.reference.rows import Row, all_rows, find_row, find_table

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.core.ports import Facets


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


def legality(facets: Facets, jurisdiction: str, *, on: date | None = None) -> Legality:
    """What the law of a jurisdiction says of ``facets``, today or on a day, and by which rows
    (:func:`himaya.core.reference.laws.judge`).
    """
    laws: list[Law] = [row.typed() for row in rows("laws")]
    return judge(facets, laws=laws, jurisdiction=jurisdiction, on=on or clock.now().date())


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
