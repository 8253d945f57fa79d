"""What there is to look at before one acts: what a list is made of, what a file would bring, which items are held."""

from __future__ import annotations

import tempfile
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from himaya.accounts.idempotency import Answer, once
from himaya.accounts.keys import Key, caller, reply, require_media_type
from himaya.accounts.paging import section
from himaya.core import registry
from himaya.core.config import config
from himaya.core.wire import AnyPluginName, Asked, Cursor, Id, Limit, ListName, Told, problems
from himaya.core.words import unpacked
from himaya.lists import composition, previewing, quarantine, services
from himaya.lists.api.proposals import seconded
from himaya.lists.api.shapes import ProposalTold, Reason

if TYPE_CHECKING:
    from collections import Counter

    from himaya.lists.models import Quarantine

router = Router(tags=["lists"])
MOST = 500
"""Organisations, or classes, that are named; the largest first."""
CHUNK = 256 * 1024


class OrganisationPart(Told):
    """Items that match, by the organisation that vouches for them, or did so first."""

    organisation: str
    title: str
    items: int


class ClassPart(Told):
    """Items that match, by their class."""

    scheme: str
    code: str
    items: int


class AgreementPart(Told):
    """Items that match, by how many organisations vouch for them; the last holds all above."""

    organisations: int
    items: int


class MonthPart(Told):
    """Items that match, by the month in which they came: ``2026-03``."""

    month: str
    items: int


class StatePart(Told):
    """Items by state; ``negative``: known to be benign."""

    state: str
    items: int


class CompositionTold(Told):
    """What a list is made of. At most 500 organisations and classes are named, the largest first."""

    organisations: list[OrganisationPart]
    classes: list[ClassPart]
    agreement: list[AgreementPart]
    months: list[MonthPart]
    states: list[StatePart]


class PreviewRow(Told):
    """A line as it would be taken; ``negative``: it is known to be benign."""

    line: int
    signal: str
    value: str
    scheme: str
    code: str
    source: str
    reference: str
    negative: bool


class RefusedLine(Told):
    """A line that would not be taken, why, and how it begins."""

    line: int
    why: str
    excerpt: str


class PreviewTold(Told):
    """What a file would bring, in lines: ``good`` are ``new``, ``known`` or ``withdrawn`` here; of those that are
    ``refused``, ``caught`` match a picture that was drawn to be benign. ``rows`` and ``refusals``: the first of each.
    """

    format: str
    sha256: str
    size: int
    good: int
    refused: int
    caught: int
    new: int
    known: int
    withdrawn: int
    rows: list[PreviewRow]
    refusals: list[RefusedLine]


class HeldTold(Told):
    """An item that is held because it suddenly matched too much: ``contents`` distinct ones within ``hours``.
    ``distances``: how many of them lay so many bits apart. ``waiting``: places that open cases once it is let go.
    """

    item: int
    list: str
    signal: str
    value: str
    at: datetime
    contents: int
    hours: int
    distances: dict[str, int]
    waiting: int
    lost: int


class HeldItems(Told):
    """Some of them, those that wait longest first."""

    items: list[HeldTold]
    next_cursor: str | None


class ReleaseAsked(Asked):
    """Why an item may open cases again, and how many contents it may match before it is held anew; none: any number."""

    reason: Reason
    limit: Annotated[int, Field(ge=1, le=quarantine.NEVER)] | None = None


class ReleasedTold(Told):
    """The item was let go; so many places that waited open their cases now."""

    item: int
    opened: int


@router.get(
    "/lists/{name}/composition",
    auth=Key("lists:read"),
    response={200: CompositionTold, **problems(404)},
    summary="Show what a list is made of",
)
def composition_of(request: HttpRequest, name: ListName) -> HttpResponse:
    """What matches on a list by organisation, class, agreement and month, and all of it by state."""
    found = composition.counts(services.find_list(name))
    return reply(
        CompositionTold(
            organisations=[
                OrganisationPart(organisation=who, title=title, items=n)
                for (who, title), n in _largest(found["organisation"])
            ],
            classes=[ClassPart(scheme=scheme, code=code, items=n) for (scheme, code), n in _largest(found["class"])],
            agreement=[AgreementPart(organisations=k, items=n) for k, n in sorted(found["agreement"].items())],
            months=[MonthPart(month=_month(k), items=n) for k, n in sorted(found["month"].items())],
            states=[StatePart(state=state, items=n) for state, n in _largest(found["state"])],
        )
    )


def _largest(counted: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]


def _month(number: int) -> str:
    return f"{1970 + number // 12}-{number % 12 + 1:02}"


def media_types() -> dict[str, str]:
    """Media type → the format that reads it."""
    return {format_.media_type: format_.name for format_ in registry.formats().values()}


@router.post(
    "/lists/{name}/preview",
    auth=Key("lists:write"),
    response={200: PreviewTold, **problems(404, body=True)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": {"type": "string"}} for media_type in media_types()},
        }
    },
    summary="Look at a file before it is imported",
)
def preview(request: HttpRequest, name: ListName, signal: AnyPluginName = "") -> HttpResponse:
    """What the body would bring to a list. Nothing is imported, and nothing is kept of it; that a line matches a
    picture that was drawn to be benign is put on record all the same.
    """
    format_name = media_types()[require_media_type(request, *media_types())]
    found, actor = services.find_list(name), caller(request).actor
    with tempfile.TemporaryFile(dir=config().data) as stream:
        while chunk := request.read(CHUNK):
            stream.write(chunk)
        one = previewing.look(found, stream, person=actor, file="", format_name=format_name, signal=signal)
    previewing.forget(one)
    plain = {key: getattr(one, key) for key in PreviewTold.model_fields if key not in ("rows", "refusals")}
    refusals = [RefusedLine(line=row["line"], why=_plain(row["why"]), excerpt=row["excerpt"]) for row in one.refusals]
    return reply(PreviewTold(**plain, rows=[PreviewRow(**row) for row in one.rows], refusals=refusals))


def _plain(why: Any) -> str:
    return str(unpacked(why))


@router.get(
    "/quarantine", auth=Key("lists:read"), response={200: HeldItems, **problems()}, summary="List items that are held"
)
def held(request: HttpRequest, limit: Limit = 100, cursor: Cursor = "") -> HttpResponse:
    """Items that suddenly matched too much: they match and say so, and open no case until somebody lets them go."""
    shown, following = section(quarantine.quarantines(), "quarantine", limit=limit, cursor=cursor)
    return reply(HeldItems(items=[_held(row) for row in shown], next_cursor=following))


def _held(one: Quarantine) -> HeldTold:
    item = one.item
    return HeldTold(
        item=item.pk,
        list=item.list.name,
        signal=item.signal,
        value=item.value,
        at=one.at,
        contents=one.contents,
        hours=one.hours,
        distances=one.distances,
        waiting=one.kept,
        lost=one.lost,
    )


@router.post(
    "/items/{item_id}/release",
    auth=Key("lists:write"),
    response={200: ReleasedTold, 202: ProposalTold, **problems(404, 409, body=True)},
    summary="Let an item out of quarantine",
)
@once
@seconded
def release(request: HttpRequest, item_id: Id, asked: ReleaseAsked) -> Answer:
    """Let an item open cases again. One of a common list: 202, with the proposal that waits for a second person."""
    limit = asked.limit or quarantine.NEVER
    ended = quarantine.release_item(item_id, by=caller(request).actor, reason=asked.reason, limit=limit)
    return 200, ReleasedTold(item=item_id, opened=ended.kept).model_dump_json()
