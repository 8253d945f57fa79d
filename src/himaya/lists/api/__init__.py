"""Lists for programs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts import streams
from himaya.accounts.idempotency import Answer, answer_once, declared, digest, earlier, once, ticket
from himaya.accounts.keys import Key, caller, reply, require_media_type
from himaya.accounts.paging import section
from himaya.core import paging, registry
from himaya.core.config import config
from himaya.core.ports import ItemRow, Refusal
from himaya.core.wire import AnyPluginName, AnyValue, Cursor, Id, Limit, ListName, PluginName, YesNo, problems
from himaya.lists import queries, services
from himaya.lists.api.looking import media_types
from himaya.lists.api.looking import router as looking
from himaya.lists.api.proposals import alarmed, proposed, seconded
from himaya.lists.api.proposals import router as proposals
from himaya.lists.api.shapes import (
    Imported,
    ItemChange,
    Items,
    ItemTold,
    ListAsked,
    ListChange,
    Lists,
    ListTold,
    ProposalTold,
    Refused,
    RowsAsked,
    Statements,
    StatementTold,
)

if TYPE_CHECKING:
    from himaya.lists.models import HashList, Item, Statement
    from himaya.lists.queries import Standing

router = Router(tags=["lists"])
router.add_router("", proposals)
router.add_router("", looking)
SHOWN = 1000
"""Refused rows that are named one by one; the rest are counted."""
CHUNK = 256 * 1024


# --- lists -----------------------------------------------------------------------------------------------------------


@router.get("/lists", auth=Key("lists:read"), response={200: Lists, **problems()}, summary="List the lists")
def lists(request: HttpRequest, limit: Limit = 100, cursor: Cursor = "") -> HttpResponse:
    """All lists, in the order in which they were made."""
    found, following = section(queries.lists(), "lists", limit=limit, cursor=cursor)
    standings = queries.standings() if found else {}
    told = [_list(row, standings.get(row.pk)) for row in found]
    return reply(Lists(lists=told, next_cursor=following))


@router.post(
    "/lists", auth=Key("lists:write"), response={201: ListTold, **problems(409, body=True)}, summary="Make a list"
)
@once
def add_list(request: HttpRequest, asked: ListAsked) -> Answer:
    """Make an empty list. Its name never changes."""
    made = services.create_list(
        asked.name, by=caller(request).actor, title=asked.title, source=asked.source, radius=asked.radius
    )
    return 201, _list(made, None).model_dump_json()


@router.get("/lists/{name}", auth=Key("lists:read"), response={200: ListTold, **problems(404)}, summary="Show a list")
def list_(request: HttpRequest, name: ListName) -> HttpResponse:
    """One list."""
    return reply(_standing(services.find_list(name)))


@router.patch(
    "/lists/{name}",
    auth=Key("lists:write"),
    response={200: ListTold, 202: ProposalTold, **problems(404, 409, body=True)},
    summary="Change a list",
)
@declared
def change_list(request: HttpRequest, name: ListName, asked: ListChange) -> HttpResponse:
    """Change the terms of a list. They hold for the next screening, and for every item there is. Of a common list: 202,
    with the proposal that waits for a second person.
    """
    given = ticket(request)
    if done := earlier(given):
        return done
    actor, wanted = caller(request).actor, asked.model_dump(exclude_unset=True)
    try:
        with services.changing(name, by=actor, most=services.AT_ONCE, **wanted) as change:
            return answer_once(given, lambda: (200, _standing(change.publish()).model_dump_json()))
    except services.NeedsSecond as error:
        needed = error
    return answer_once(given, lambda: proposed(needed, by=actor))


# --- items -----------------------------------------------------------------------------------------------------------


@router.get("/lists/{name}/items", auth=Key("lists:read"), response={200: Items, **problems(404)}, summary="List items")
def items(
    request: HttpRequest,
    name: ListName,
    state: Literal["any", "active", "disputed", "proposed", "expired", "withdrawn"] = "any",
    signal: AnyPluginName = "",
    value: AnyValue = "",
    negative: Literal["any", "true", "false"] = "any",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> HttpResponse:
    """Items of a list, in the order in which they came; `value` as anybody writes it. `negative` items are known to be
    benign: they suppress matches.
    """
    found = services.find_list(name)
    kind = f"items:{found.pk}"
    after = paging.decode(kind, cursor)
    benign = None if negative == "any" else negative == "true"
    rows = queries.items(found, after=after, value=value, state="" if state == "any" else state, negative=benign)
    rows = (rows.filter(signal=signal) if signal else rows).select_related("organisation")
    shown, following = paging.page(rows, kind, limit=limit, key=lambda row: row.pk)
    return reply(Items(items=[_item(row, name) for row in shown], next_cursor=following))


@router.post(
    "/lists/{name}/items",
    auth=Key("lists:write"),
    response={200: Imported, 202: ProposalTold, **problems(404, 409, body=True)},
    summary="Add items",
)
@alarmed
@once
@seconded
def add_items(request: HttpRequest, name: ListName, asked: RowsAsked) -> Answer:
    """Add up to 1,000 items. An item that is there already is brought up to date; a withdrawn one stays withdrawn. To a
    common list: 202, with the proposal that waits for a second person.
    """
    found, refusals = services.find_list(name), _Refusals("body.items[{}]")
    rows = [
        ItemRow(line=n, tells_class=not row.model_fields_set.isdisjoint(("scheme", "code")), **row.model_dump())
        for n, row in enumerate(asked.items)
    ]
    result = services.add_items(
        found, rows=rows, by=caller(request).actor, accept_good=asked.accept_good, on_refusal=refusals.note
    )
    return 200, refusals.told(result).model_dump_json()


@router.patch(
    "/items/{item_id}",
    auth=Key("lists:write"),
    response={200: ItemTold, 202: ProposalTold, **problems(404, 409, body=True)},
    summary="Set an item's state",
)
@once
@seconded
def mark_item(request: HttpRequest, item_id: Id, asked: ItemChange) -> Answer:
    """A withdrawn item matches no more; a disputed one matches and says so. What is known to be benign is for leads to
    change, not for programs. On a common list: 202, with the proposal that waits for a second person.
    """
    item = services.mark_item(item_id, state=asked.state, by=caller(request).actor, reason=asked.reason)
    return 200, _item(item, item.list.name).model_dump_json()


@router.get(
    "/items/{item_id}", auth=Key("lists:read"), response={200: ItemTold, **problems(404)}, summary="Show an item"
)
def item(request: HttpRequest, item_id: Id) -> HttpResponse:
    """One item."""
    found = _found(item_id)
    return reply(_item(found, found.list.name))


@router.get(
    "/items/{item_id}/statements",
    auth=Key("lists:read"),
    response={200: Statements, **problems(404)},
    summary="List what was said about an item",
)
def statements(request: HttpRequest, item_id: Id, limit: Limit = 100, cursor: Cursor = "") -> HttpResponse:
    """Everything that organisations said about an item, the newest first."""
    found = _found(item_id)
    rows, kind = queries.statements(found), f"statements:{found.pk}"
    shown, following = section(rows, kind, limit=limit, cursor=cursor, newest_first=True)
    return reply(Statements(statements=[_statement(row) for row in shown], next_cursor=following))


# --- files -----------------------------------------------------------------------------------------------------------


@router.post(
    "/lists/{name}/import",
    auth=Key("lists:write"),
    response={200: Imported, 202: ProposalTold, **problems(404, 409, body=True)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": {"type": "string"}} for media_type in media_types()},
        }
    },
    summary="Import a file",
)
@alarmed
@declared
def import_file(
    request: HttpRequest,
    name: ListName,
    signal: AnyPluginName = "",
    accept_good: YesNo = "false",
) -> HttpResponse:
    """Import the body: CSV with a header, or one hash a line. With a refused line nothing is imported, unless
    `accept_good` is true. `signal` says what the values are where the file does not. Into a common list: 202, with the
    proposal that waits for a second person.
    """
    format_name = media_types()[require_media_type(request, *media_types())]
    actor, refusals = caller(request).actor, _Refusals("line {}")
    with tempfile.TemporaryFile(dir=config().data) as stream:
        given = ticket(request, body=digest(_received(request, stream)))
        if done := earlier(given):
            return done
        stream.seek(0)
        try:
            with services.staged(
                services.find_list(name),
                stream=stream,
                format_name=format_name,
                by=actor,
                signal=signal,
                accept_good=accept_good == "true",
                on_refusal=refusals.note,
            ) as read:
                return answer_once(given, lambda: (200, refusals.told(read.publish()).model_dump_json()))
        except services.NeedsSecond as error:
            needed = error
        return answer_once(given, lambda: proposed(needed, by=actor, file=stream))


def _received(request: HttpRequest, stream: IO[bytes]) -> Iterator[bytes]:
    """The body, chunk by chunk, written to ``stream`` as it comes: a list may be larger than memory."""
    while chunk := request.read(CHUNK):
        stream.write(chunk)
        yield chunk


@router.get(
    "/lists/{name}/export",
    auth=Key("lists:read"),
    response=problems(404),
    openapi_extra={
        "responses": {
            200: {
                "description": "The active items of the list, as a file.",
                "content": {media_type: {"schema": {"type": "string"}} for media_type in media_types()},
            }
        }
    },
    summary="Export a list",
)
def export(
    request: HttpRequest,
    name: ListName,
    format: PluginName = "csv",  # noqa: A002 - as clients know it
) -> streams.Streamed:
    """The active items of a list as a file, in the order in which they came. Who took it is put on record."""
    actor, kind = caller(request).actor, registry.format_(format)
    with streams.place(actor) as at:
        chunks = services.export_items(name, format_name=format, by=actor)
        told = streams.Streamed(chunks, at=at, content_type=f"{kind.media_type}; charset=utf-8")
    told["Content-Disposition"] = f'attachment; filename="{name}{kind.accepts[0]}"'
    return told


class _Refusals:
    """Gathers the rows that are refused, as many as are shown."""

    def __init__(self, where: str) -> None:
        self._where, self._rows = where, list[Refusal]()

    def note(self, refusal: Refusal) -> None:
        if len(self._rows) < SHOWN:
            self._rows.append(refusal)

    def told(self, result: services.ImportResult) -> Imported:
        """The counts.

        Raises:
            RefusedRows: nothing was imported.
        """
        if not result.imported:
            flaws = [{"where": self._where.format(row.line), "why": row.why} for row in self._rows]
            raise services.RefusedRows(flaws, refused=result.refused, rows=result.rows, caught=result.caught)
        return Imported(
            rows=result.rows,
            added=result.added,
            changed=result.changed,
            unchanged=result.unchanged,
            kept_withdrawn=result.kept_withdrawn,
            refused=result.refused,
            refusals=[Refused(row=row.line, why=row.why) for row in self._rows],
        )


def _standing(row: HashList) -> ListTold:
    return _list(row, queries.standings(row).get(row.pk))


def _list(row: HashList, standing: Standing | None) -> ListTold:
    return ListTold(
        name=row.name,
        title=row.title,
        source=row.source,
        radius=row.radius,
        enabled=row.enabled,
        organisations=row.organisations,
        jurisdictions=row.jurisdictions,
        disputes=row.disputes,
        tlp=row.tlp,
        common=row.common,
        proposed=standing.proposed if standing else 0,
        expired=standing.expired if standing else 0,
        active=standing.active if standing else 0,
        disputed=standing.disputed if standing else 0,
        withdrawn=standing.withdrawn if standing else 0,
        negative=standing.negative if standing else 0,
        created_at=row.created_at,
        created_by=row.created_by,
        changed_at=standing.changed if standing else None,
    )


def _item(row: Item, list_name: str) -> ItemTold:
    plain = {name: getattr(row, name) for name in ItemTold.model_fields if name not in ("list", "organisation")}
    return ItemTold(list=list_name, organisation=row.organisation.name, **plain)


def _found(item_id: int) -> Item:
    found = queries.item(item_id)
    if found is None:
        raise services.UnknownItem(item=item_id)
    return found


def _statement(row: Statement) -> StatementTold:
    who, way = row.organisation, row.subscription
    named = {"organisation": who.name, "jurisdiction": who.jurisdiction}
    named |= {"subscription": way.name, "tlp": way.tlp} if way else {"subscription": "", "tlp": ""}
    return StatementTold(
        **named, **{name: getattr(row, name) for name in StatementTold.model_fields if name not in named}
    )
