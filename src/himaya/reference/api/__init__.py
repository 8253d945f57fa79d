"""The reference for programs, to read."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, TypeVar

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import StringConstraints

from himaya.accounts.keys import Key, reply
from himaya.core.errors import BadCursor
from himaya.core.reference import Contact, Mark, RequestField, TimeLimit
from himaya.core.reference.fields import day
from himaya.core.wire import AnyPluginName, Limit, Told, problems
from himaya.reference import queries
from himaya.reference.rows import BadDay

router = Router(tags=["reference"])
KEY = r"[a-z0-9][a-z0-9-]*"
Place = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2,3})?$")]
RowKey = Annotated[str, StringConstraints(pattern=rf"^{KEY}$", max_length=80)]
RowCursor = Annotated[str, StringConstraints(pattern=rf"^({KEY})?$", max_length=80)]
Kind = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9-]*)?$", max_length=40)]
Day = Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
T = TypeVar("T", TimeLimit, Contact, RequestField)


# --- what is told ----------------------------------------------------------------------------------------------------


class MarkTold(Told):
    """How far a row can be relied upon. `basis`: what was read for it (`primary`: the issuer's own text, `code`: public
    code, `run`: it was run, `secondary`: a second-hand page, `memory`: the text was not read, `confirmed`: this node
    confirmed it). `checked` is a day, or a month. `ours`: it is not as the program ships it; this node wrote it.
    """

    source: str
    checked: str
    basis: str
    confidence: str
    ours: bool


class PeriodTold(Told):
    """A length of time as calendars count: `unit` is `hours`, `days`, `months` or `years`."""

    amount: int
    unit: str


class TimeLimitTold(Told):
    """A time limit. `period` is null where the law names no number: `words` says what it says then. `standing`:
    `in-force`, `not-yet`, `lapsed` or `not-verified`. `recipient`: who is told: the key of a contact point,
    `authority-concerned`, `hotline-of-host`, or empty. `occasion`: when alone it holds (`danger`: life or safety of a
    person is threatened), or empty.
    """

    key: str
    jurisdiction: str
    instrument: str
    bearer: str
    duty: str
    task: str
    bound: str
    period: PeriodTold | None
    words: str
    trigger: str
    extension: str
    recipient: str
    occasion: str
    valid_from: date | None
    valid_to: date | None
    standing: str
    status: str
    mark: MarkTold


class TimeLimitsTold(Told):
    """Some time limits, by jurisdiction and duty."""

    limits: list[TimeLimitTold]
    next_cursor: str | None


class ContactTold(Told):
    """A contact point. Before a number is shown to people in need, somebody should have confirmed it (`mark.ours`).
    `inhope`: `member`, `portal` (of a member), `absent` (not in its directory), or empty; `iccam`: the number of its
    country among ICCAM's hotlines, or empty.
    """

    key: str
    country: str
    kind: str
    area: str
    name: str
    numbers: list[str]
    email: str
    report_url: str
    website: str
    page: str
    hours: str
    inhope: str
    iccam: str
    note: str
    mark: MarkTold


class ContactsTold(Told):
    """Some contact points, by country and kind."""

    contacts: list[ContactTold]
    next_cursor: str | None


class RequestFieldTold(Told):
    """Something that a request for mutual legal assistance states, in one of its parts."""

    key: str
    part: str
    field: str
    mark: MarkTold


class RequestFieldsTold(Told):
    """What a request states, part by part, in the order of the parts."""

    fields: list[RequestFieldTold]
    next_cursor: str | None


class RevisionTold(Told):
    """A change of a row. `values` is null where the program's words held from then on."""

    number: int
    values: dict[str, str] | None
    shipped: dict[str, str] | None
    aside: bool
    reason: str
    by: str
    at: datetime


class RowTold(Told):
    """A row: as it counts here, as the program ships it (null: it does not), and what was changed here, the last change
    first, a hundred at most. `moved`: the program ships it otherwise than when it was changed here.
    """

    table: str
    key: str
    values: dict[str, str]
    shipped: dict[str, str] | None
    ours: bool
    aside: bool
    moved: bool
    history: list[RevisionTold]


# --- operations ------------------------------------------------------------------------------------------------------


@router.get(
    "/reference/limits",
    auth=Key("reference:read"),
    response={200: TimeLimitsTold, **problems()},
    summary="List time limits",
)
def time_limits(
    request: HttpRequest,
    jurisdiction: Place = "",
    duty: Kind = "",
    on: Day = "",
    limit: Limit = 100,
    cursor: RowCursor = "",
) -> HttpResponse:
    """Time limits of laws and of services' terms, those set aside left out: of a `jurisdiction` (a code of ISO 3166,
    `EU`, `COE`, `UN`, or `INT`), of a kind of `duty`, and holding `on` a day by their dates.
    """
    if on and (why := day(on)):
        raise BadDay(given=on, why=why)
    found = queries.time_limits(jurisdiction=jurisdiction, duty=duty, on=date.fromisoformat(on) if on else None)
    part, following = _page("limits", found, limit, cursor)
    return reply(TimeLimitsTold(limits=[time_limit_told(one) for one in part], next_cursor=following))


@router.get(
    "/reference/contacts",
    auth=Key("reference:read"),
    response={200: ContactsTold, **problems()},
    summary="List contact points",
)
def contact_points(
    request: HttpRequest, country: Place = "", kind: Kind = "", limit: Limit = 100, cursor: RowCursor = ""
) -> HttpResponse:
    """Contact points, those set aside left out: of a `country` (ISO 3166) and of a `kind`, such as `helpline`,
    `hotline`, `police`, `budapest-24-7`, `interpol-ncb`.
    """
    part, following = _page("contacts", queries.contact_points(country, kind=kind), limit, cursor)
    return reply(ContactsTold(contacts=[contact_told(one) for one in part], next_cursor=following))


@router.get(
    "/reference/request-fields",
    auth=Key("reference:read"),
    response={200: RequestFieldsTold, **problems()},
    summary="List what a request for legal assistance states",
)
def request_fields(
    request: HttpRequest, part: AnyPluginName = "", limit: Limit = 100, cursor: RowCursor = ""
) -> HttpResponse:
    """Fields of requests for mutual legal assistance, of a `part` or of all."""
    found, following = _page("request-fields", queries.request_fields(part), limit, cursor)
    told = [RequestFieldTold(key=one.key, part=one.part, field=one.field, mark=mark_told(one.mark)) for one in found]
    return reply(RequestFieldsTold(fields=told, next_cursor=following))


@router.get(
    "/reference/{table}/rows/{key}",
    auth=Key("reference:read"),
    response={200: RowTold, **problems(404)},
    summary="Show a row of the reference",
)
def reference_row(request: HttpRequest, table: Kind, key: RowKey) -> HttpResponse:
    """One row of the table `limits`, `contacts`, `languages` or `request-fields`, set aside or not."""
    one = queries.row(table, key)
    history = [
        RevisionTold(**{name: getattr(revision, name) for name in RevisionTold.model_fields})
        for revision in queries.history(one)[:100]
    ]
    shipped = dict(one.shipped) if one.shipped is not None else None
    named: dict[str, Any] = {name: getattr(one, name) for name in ("key", "ours", "aside", "moved")}
    return reply(RowTold(table=table, values=dict(one.values), shipped=shipped, history=history, **named))


def _page(table: str, found: list[T], limit: int, cursor: str) -> tuple[list[T], str | None]:
    """Rows behind that of the cursor, which is the key of the last one told, set aside meanwhile or not.

    Raises:
        BadCursor: no row has that key.
    """
    if cursor:
        order = {one.key: n for n, one in enumerate(queries.rows(table, aside=None))}
        if cursor not in order:
            raise BadCursor(cursor=cursor)
        found = [one for one in found if order[one.key] > order[cursor]]
    part = found[:limit]
    return part, part[-1].key if len(found) > limit else None


def time_limit_told(one: TimeLimit) -> TimeLimitTold:
    """A row for programs."""
    period = PeriodTold(amount=one.period.amount, unit=one.period.unit) if one.period else None
    plain = {name: getattr(one, name) for name in TimeLimitTold.model_fields if name not in ("period", "mark")}
    return TimeLimitTold(period=period, mark=mark_told(one.mark), **plain)


def contact_told(one: Contact) -> ContactTold:
    """A row for programs."""
    plain = {name: getattr(one, name) for name in ContactTold.model_fields if name not in ("numbers", "mark")}
    return ContactTold(numbers=list(one.numbers), mark=mark_told(one.mark), **plain)


def mark_told(one: Mark) -> MarkTold:
    """How far a row can be relied upon, for programs."""
    return MarkTold(source=one.source, checked=one.checked, basis=one.basis, confidence=one.confidence, ours=one.ours)
