"""What is put in force or handed over without a person at the console: a root, and a list in one file."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

from annotated_types import Ge, Le
from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts import streams
from himaya.accounts.keys import Key, caller, reply, require_media_type
from himaya.core.repository import ceremony
from himaya.core.wire import ListName, Told, problems
from himaya.federation.native import hub, keys, publishing
from himaya.lists import services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from himaya.lists.models import HashList

router = Router(tags=["exchange"])
BYTES, JSON = "application/octet-stream", "application/json"
Since = Annotated[int, Ge(0), Le(2**63 - 1)]
CHUNK = 64 * 1024
_ROOT: dict[str, Any] = {"type": "object", "description": "The file that `himaya keys finish-root` has written."}


class InForceTold(Told):
    """The root that is in force now."""

    version: int


@router.get(
    "/exchange/root",
    auth=Key("publishing:read"),
    response=problems(404, 409),
    openapi_extra={"responses": {200: {"description": "root.json", "content": {JSON: {"schema": _ROOT}}}}},
    summary="Fetch the root in force",
)
def root_file(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The root in force, to be given to those who follow our lists, by another way than the lists."""
    return HttpResponse(keys.roots()[-1], content_type=JSON)


@router.put(
    "/exchange/root",
    auth=Key("publishing:write"),
    response={200: InForceTold, **problems(409, body=True)},
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": _ROOT}}}},
    summary="Put a root in force",
)
def install(request: HttpRequest) -> HttpResponse:
    """Put a finished root in force: the body is that file, as it is. Its signatures count, and not who brings it. The
    same one twice is one.
    """
    require_media_type(request, JSON)
    content = request.read(ceremony.MOST + 1)
    return reply(InForceTold(version=publishing.install_root(content, by=caller(request).actor, wait=False)))


@router.get(
    "/exchange/bundles/{name}",
    auth=Key("publishing:write"),
    response=problems(404, 409),
    openapi_extra={
        "responses": {
            200: {"description": "The bundle.", "content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}
        }
    },
    summary="Fetch a list as one file",
)
def bundle(request: HttpRequest, name: ListName, since: Since = 0) -> streams.Streamed:
    """What is published of a list as one signed file, for a node without a line; what is new is queued for a
    worker, as by `POST /exchange/publish`. With `since`, the state that the other node has, only what came after it.
    Who took it is put on record.
    """
    by = caller(request).actor
    with streams.place(by) as there:
        return bundled(services.find_list(name), since=since or None, by=by, at=there)


def bundled(one: HashList, *, since: int | None, by: str, at: streams.Place) -> streams.Streamed:
    """A list as it is published, in one signed file, sent as it is read from the disk, and on record.

    To publish what is new takes long: a worker does.

    Raises:
        NoRoot, NothingPublished: there is none yet; nothing is, and a worker was told.
        BeingPublished: a worker does so just now, for longer than an answer waits.
    """
    keys.roots()
    publishing.set_due()
    hub.settle(one, wait=False)
    with tempfile.TemporaryDirectory(dir=keys.directory()) as folder:
        place = Path(folder) / "bundle"
        publishing.write_bundle(one, place, since=since, by=by, wait=False)
        file = place.open("rb")  # it stays readable without a name, and is gone with whoever reads it
        size = str(place.stat().st_size)
    headers = {"Content-Length": size, "Content-Disposition": f'attachment; filename="{one.name}.bundle"'}
    return streams.Streamed(_pieces(file), at=at, content_type=BYTES, headers=headers)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from iter(partial(file.read, CHUNK), b"")
