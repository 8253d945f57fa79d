"""What anybody may read: the checkpoint, the hashes in tiles, the keys. And the door of this node as a witness.

Static in nature (C2SP tlog-tiles): a tile never changes under its name, so that a cache or a copy on another server
(``himaya log tiles``) serves as well. Hashes of salted commitments tell nothing of what was logged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import open_to_all
from himaya.core import notes
from himaya.core.errors import HimayaError
from himaya.core.tiles import read_path
from himaya.log import auditing, queries, witnessing
from himaya.log.keys import identity

if TYPE_CHECKING:
    from django.http import HttpRequest

FOR_EVER = "public, max-age=31536000, immutable"
SHORTLY = "public, max-age=10"
TILE = "application/octet-stream"


@open_to_all
@require_safe
def checkpoint(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The newest checkpoint, with what witnesses signed below it."""
    newest = queries.latest()
    return _answer(newest.note, SHORTLY) if newest else _not_there("no checkpoint was published yet")


@open_to_all
@require_safe
def tile(request: HttpRequest, name: str) -> HttpResponse:  # noqa: ARG001
    """``tile/L/N`` or ``tile/L/N.p/W``."""
    try:
        level, number, width = read_path(name)
    except ValueError as error:
        return _not_there(str(error))
    held = queries.published_tile(level, number, width)
    return _not_there("there is no such tile") if held is None else _answer(held, FOR_EVER, TILE)


@open_to_all
@require_safe
def keys(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The verifier keys of this log, and of this node as a witness, a line each."""
    mine = identity()
    if mine is None:
        return _not_there("nothing was logged yet")
    return _answer(f"{mine.log_public}\n{mine.witness_public}\n", SHORTLY)


@open_to_all
@require_safe
def audits(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """What audits found, and how their samples were drawn: JSON, the newest first."""
    answer = JsonResponse({"audits": auditing.published()})
    answer["Cache-Control"] = SHORTLY
    return answer


@open_to_all
@require_safe
def seen(request: HttpRequest, origin: str) -> HttpResponse:  # noqa: ARG001
    """The last checkpoint that this node, as a witness, has seen of a log; its operator knows the signature."""
    note = queries.note_seen(origin)
    return _answer(note, SHORTLY) if note else _not_there("nothing was seen of that log")


@csrf_exempt
@open_to_all
@require_POST
def add_checkpoint(request: HttpRequest) -> HttpResponse:
    """A checkpoint of a log that this node witnesses (C2SP tlog-witness)."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal() or int(length[:20]) > notes.LONGEST:
        return _answer(f"a request has a Content-Length of at most {notes.LONGEST} bytes\n", status=413)
    try:
        answer = witnessing.add_checkpoint(request.read(notes.LONGEST))
    except HimayaError as error:
        return _answer(f"{error}\n", status=error.status)
    return _answer(answer.text, kind=answer.kind, status=answer.status)


def _not_there(why: str) -> HttpResponse:
    return _answer(f"{why}\n", status=404)


def _answer(
    content: str | bytes, cached: str = "no-store", kind: str = witnessing.PLAIN, *, status: int = 200
) -> HttpResponse:
    answer = HttpResponse(content, content_type=kind, status=status)
    answer["Cache-Control"] = cached
    return answer


urlpatterns = [
    path("checkpoint", checkpoint, name="checkpoint"),
    path("tile/<path:name>", tile, name="tile"),
    path("keys", keys, name="keys"),
    path("audits", audits, name="audits"),
    path("seen/<path:origin>", seen, name="seen"),
    path("add-checkpoint", add_checkpoint, name="add_checkpoint"),
]
