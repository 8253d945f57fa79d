"""Screening for programs: files or hashes in, what is known about them out."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts.idempotency import Answer, Ticket, answer_once, declared, earlier, ticket
from himaya.accounts.keys import Key, caller, may, reply
from himaya.core import paging
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.wire import Cursor, Id, Limit, problems
from himaya.lists.services import UnknownList
from himaya.screening import queries, services
from himaya.screening.api.reading import BODY, Order, read
from himaya.screening.api.shapes import Scans, ScanTold, Screened
from himaya.screening.roots import shown_root
from himaya.screening.telling import told

if TYPE_CHECKING:
    from himaya.screening.models import Scan

router = Router(tags=["screening"])


class UnknownScan(HimayaError):
    """There is no scan {scan}."""

    status = 404


# --- screening -------------------------------------------------------------------------------------------------------


@router.post(
    "/screen",
    auth=Key("screen"),
    response={200: Screened, **problems(404, 409, body=True)},
    openapi_extra={"requestBody": BODY},
    summary="Screen files or hashes",
)
@declared
def screen(request: HttpRequest) -> HttpResponse:
    """Say of each file or hash whether it is known, and open a case for each hit unless `open_cases` is false.

    Files are fingerprinted and forgotten. When the request's time is used up, those not begun say so under `skipped`,
    and those not decoded, which are compared by their digests alone, under `problems`; both can be sent again. What is
    not known leaves nothing but a number in the day's counts, so an Idempotency-Key keeps only answers that opened a
    case.
    """
    order = read(request)
    given = ticket(request, body=order.digest)
    if answered := earlier(given):
        return answered
    looked = _look(request, order)
    if order.open_cases:
        looked = services.seal_hits(looked, things=order.things)
    act = _settle(request, given, looked, open_cases=order.open_cases)
    return answer_once(given if looked.hits and order.open_cases else None, act)


def _look(request: HttpRequest, order: Order) -> services.Looked:
    """A key that may not read lists is not told which there are."""
    try:
        return services.look(order.things, lists=order.lists, seconds=config().screen_seconds, options=order.options)
    except UnknownList as error:
        if may(request, "lists:read"):
            raise
        raise UnknownList(name=error.facts["name"], known="this key may not see which") from None


def _settle(
    request: HttpRequest, given: Ticket | None, looked: services.Looked, *, open_cases: bool
) -> Callable[[], Answer]:
    actor = caller(request).actor
    occasion = hashlib.sha256(given.key.encode()).hexdigest()[:32] if given else uuid.uuid4().hex

    def act() -> Answer:
        answers = services.settle(looked, by=actor, origin="api", occasion=f"{actor}:{occasion}", open_cases=open_cases)
        return 200, json.dumps({"hits": looked.hits, "answers": [told(one) for one in answers]})

    return act


# --- scans -----------------------------------------------------------------------------------------------------------


@router.get("/scans", auth=Key("scans:read"), response={200: Scans, **problems()}, summary="List scans")
def scans(request: HttpRequest, limit: Limit = 100, cursor: Cursor = "") -> HttpResponse:
    """Scans that were begun at the command line, newest first."""
    rows = queries.scans(before=paging.decode("scans", cursor))
    found, following = paging.page(rows, "scans", limit=limit, key=lambda row: row.pk)
    return reply(Scans(scans=[_scan(row) for row in found], next_cursor=following))


@router.get(
    "/scans/{scan_id}", auth=Key("scans:read"), response={200: ScanTold, **problems(404)}, summary="Show a scan"
)
def scan(request: HttpRequest, scan_id: Id) -> HttpResponse:
    """How far one scan has come."""
    found = queries.scan(scan_id)
    if found is None:
        raise UnknownScan(scan=scan_id)
    return reply(_scan(found))


def _scan(row: Scan) -> ScanTold:
    return ScanTold(
        id=row.pk,
        state=row.state,
        roots=[shown_root(root) for root in row.roots],
        lists=row.lists,
        counts=row.counts,
        started_at=row.started_at,
        updated_at=row.updated_at,
        by=row.by,
    )
