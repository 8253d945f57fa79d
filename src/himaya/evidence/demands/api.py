"""The legal desk for programs: to read. What a demand says in its own words, and who signed it, stays in the house."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts.keys import Key, reply
from himaya.core import paging
from himaya.core.wire import AnyPluginName, Cursor, Id, Limit, Told, problems
from himaya.evidence.demands import numbers, queries
from himaya.evidence.demands.clocks import is_late

if TYPE_CHECKING:
    from himaya.evidence.demands.models import Clock, Demand, Request

router = Router(tags=["demands"])
State = Literal[
    "any", "received", "verified", "accepted", "partly accepted", "refused", "challenged", "answered", "withdrawn",
    "closed",
]  # fmt: skip
SHOWN = 500
"""Clocks that are told at once."""


class ClockTold(Told):
    """Something that is due. `what`: `answer`, `preserve` (until when something is preserved), `follow-up` (what an
    emergency left unchecked), `gag` (when the person concerned may be told), `remind` and `keeping` (of requests).
    `limit` names the time limit of the reference; empty: a date of the demand itself, or this node's promise.
    """

    about: str
    what: str
    limit: str
    began: datetime
    due: datetime
    met_at: datetime | None
    ended_at: datetime | None
    late: bool
    renewals: int


class DueTold(Told):
    """What is due next, of demands and of requests, what is late first; at most 500."""

    clocks: list[ClockTold]


class DemandTold(Told):
    """A demand of an authority. `kind`: `preservation`, `production`, `emergency`, `assistance`."""

    id: int
    reference: str
    kind: str
    authority: str
    country: str
    channel: str
    instrument: str
    limit: str
    reference_theirs: str
    received_at: datetime
    follows: int | None
    state: str
    ground: str
    outcome: str
    gag: bool
    gag_until: datetime | None
    notice: str
    ended_at: datetime | None


class DemandsTold(Told):
    """Some demands, in the order in which they were recorded."""

    demands: list[DemandTold]
    next_cursor: str | None


class DemandWhole(DemandTold):
    """A demand with its scope, its clocks, what was not confirmed yet, and how many exhibits it holds."""

    scope: str
    granted_scope: str
    missing: list[str]
    holds: int
    clocks: list[ClockTold]


class RequestTold(Told):
    """A request of this node to others. `kind`: `preservation` or `assistance`. What it states stays in the house."""

    id: int
    reference: str
    kind: str
    case: str
    country: str
    recipient: str
    state: str
    made_at: datetime
    sent_at: datetime | None
    channel: str
    reference_theirs: str


class RequestsTold(Told):
    """Some requests, in the order in which they were made."""

    requests: list[RequestTold]
    next_cursor: str | None


class DemandNumbers(Told):
    """The desk in numbers that can be published. Counts are texts: a number, `<5`, or `5+` where the number would tell
    another one. `days`: the median from receiving to the answer, of kinds with five of them or more. `by_kind` and
    `by_country`: how many were `answered`, `refused`, accepted `in part`, by which something is `preserved`, which are
    `secret`, of which the person concerned was `told`, or deliberately `not told`.
    """

    kinds: dict[str, str]
    countries: dict[str, str]
    outcomes: dict[str, str]
    days: dict[str, float]
    by_kind: dict[str, dict[str, str]]
    by_country: dict[str, dict[str, str]]


@router.get("/demands", auth=Key("demands:read"), response={200: DemandsTold, **problems()}, summary="List demands")
def demands(
    request: HttpRequest, state: State = "any", kind: AnyPluginName = "", limit: Limit = 100, cursor: Cursor = ""
) -> HttpResponse:
    """Demands of authorities, narrowed by state and kind."""
    rows = (
        queries.demands(state="" if state == "any" else state, kind=kind)
        .filter(pk__gt=paging.decode("demands", cursor))
        .order_by("pk")
    )
    found, following = paging.page(rows, "demands", limit=limit, key=lambda row: row.pk)
    return reply(DemandsTold(demands=[DemandTold(**_demand(row)) for row in found], next_cursor=following))


@router.get("/demands/due", auth=Key("demands:read"), response={200: DueTold, **problems()}, summary="What is due next")
def due(request: HttpRequest) -> HttpResponse:
    """The clocks that run, by when they are due."""
    return reply(DueTold(clocks=[_clock(each) for each in queries.due_next()[:SHOWN]]))


@router.get(
    "/demands/numbers",
    auth=Key("demands:read"),
    response={200: DemandNumbers, **problems()},
    summary="The desk in numbers",
)
def demand_numbers(request: HttpRequest) -> HttpResponse:
    """Demands by kind, country and outcome."""
    found = numbers.tallied()
    told = {name: dict(getattr(found, name)) for name in DemandNumbers.model_fields}
    return reply(DemandNumbers(**told))


@router.get(
    "/demands/{demand_id}",
    auth=Key("demands:read"),
    response={200: DemandWhole, **problems(404)},
    summary="Show a demand",
)
def demand(request: HttpRequest, demand_id: Id) -> HttpResponse:
    """One demand."""
    found = queries.demand(demand_id)
    more = {"scope": found.scope, "granted_scope": found.granted_scope, "missing": queries.missing(found)}
    clocks = [_clock(each) for each in queries.clocks_of(found)]
    return reply(DemandWhole(**_demand(found), **more, holds=queries.held_by(found).count(), clocks=clocks))


@router.get("/requests", auth=Key("demands:read"), response={200: RequestsTold, **problems()}, summary="List requests")
def requests(request: HttpRequest, limit: Limit = 100, cursor: Cursor = "") -> HttpResponse:
    """Requests of this node to others."""
    rows = queries.requests().filter(pk__gt=paging.decode("requests", cursor)).order_by("pk")
    found, following = paging.page(rows, "requests", limit=limit, key=lambda row: row.pk)
    return reply(RequestsTold(requests=[_request(row) for row in found], next_cursor=following))


def _demand(row: Demand) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in DemandTold.model_fields if name not in ("id", "follows")}
    return {"id": row.pk, "follows": row.follows_id, **plain}


def _request(row: Request) -> RequestTold:
    return RequestTold(**{name: getattr(row, name) for name in RequestTold.model_fields})


def _clock(row: Clock) -> ClockTold:
    plain = {name: getattr(row, name) for name in ClockTold.model_fields if name not in ("about", "late")}
    about = row.demand or row.request
    assert about is not None
    return ClockTold(about=about.reference, late=is_late(row), **plain)
