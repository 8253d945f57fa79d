"""A request that is sent twice has the effect of one, and both get the same answer.

A client that does not know whether its request arrived sends it again with the same ``Idempotency-Key``. The answer is
stored in the transaction of its effect: whatever is killed in between, there is never an effect without its answer nor
an answer without its effect. (draft-ietf-httpapi-idempotency-key-header)
"""

from __future__ import annotations

import hashlib
import inspect
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse

from himaya.accounts.keys import JSON, caller
from himaya.accounts.models import Answered
from himaya.core import clock, faults
from himaya.core.errors import HimayaError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from ninja.operation import Operation

HEADER = "Idempotency-Key"
KEY = re.compile(r"[!-~]{1,255}")
KEPT = timedelta(days=30)
PATIENCE = 5.0
"""Seconds to wait for the same request that came first; then the second is refused."""
LOCK_NOT_AVAILABLE = "55P03"
PARAMETER = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": 255},
    "description": "Names this request. Sent again within 30 days with the same key and body, it has no second effect "
    "and gets the first answer; with another body it is refused (422). An error leaves the key free.",
}


class BadIdempotencyKey(HimayaError):
    """An Idempotency-Key has 1 to 255 visible ASCII characters; this one has not."""

    remedy = "Use a random UUID."
    status = 422


class KeyReused(HimayaError):
    """The Idempotency-Key {key!r} was used for another request."""

    remedy = "Use a new key for a new request; a repeat must be the same request."
    status = 422


class InFlight(HimayaError):
    """A request with the Idempotency-Key {key!r} is still being worked on."""

    remedy = "Send it again in a few seconds."
    status = 409


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose request it is, the key they gave it, and a digest of what it asks."""

    actor: str
    key: str
    digest: str


Answer = tuple[int, str]
"""Status and JSON text."""


def digest(parts: Iterable[bytes]) -> str:
    """SHA-256 of several byte strings, each with its length, so that no two sequences are alike."""
    found = hashlib.sha256()
    for part in parts:
        found.update(b"%d:" % len(part))
        found.update(part)
    return found.hexdigest()


def ticket(request: HttpRequest, *, body: str | None = None) -> Ticket | None:
    """The request's ticket; None where it brings no key.

    Args:
        request: authenticated by a key.
        body: a digest of the body, where its bytes are not what counts (a form is written anew for every attempt).

    Raises:
        BadIdempotencyKey: the header is malformed.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise BadIdempotencyKey
    asked = (request.method or "", request.get_full_path(), body or hashlib.sha256(request.body).hexdigest())
    return Ticket(caller(request).actor, key, digest(part.encode() for part in asked))


def earlier(given: Ticket | None) -> HttpResponse | None:
    """The answer that the same request got before.

    Raises:
        KeyReused: the key belongs to another request.
    """
    row = _kept(given) if given else None
    return _again(row, given) if row and given else None


def answer_once(given: Ticket | None, act: Callable[[], Answer]) -> HttpResponse:
    """Act and keep the answer in one transaction; where it was done before, give the answer again.

    Raises:
        KeyReused: the key belongs to another request.
        InFlight: the first such request is still being worked on.
    """
    if given is None:
        return _reply(*act())
    with _alone(given):
        return earlier(given) or _first(given, act)


def once(view: Callable[..., Answer]) -> Callable[..., HttpResponse]:
    """Let a view, which returns status and JSON text, be asked again without harm; says so in the API's description."""

    @wraps(view)
    def answer(request: HttpRequest, **parameters: Any) -> HttpResponse:
        return answer_once(ticket(request), partial(view, request, **parameters))

    answer.__signature__ = inspect.signature(view, eval_str=True)  # type: ignore[attr-defined]
    return declared(answer)


def declared(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Name the header in the description of a view that sees to it by itself."""

    def contribute(operation: Operation) -> None:
        extra = operation.openapi_extra or {}
        operation.openapi_extra = {**extra, "parameters": [*extra.get("parameters", []), PARAMETER]}

    view._ninja_contribute_to_operation = [contribute]  # type: ignore[attr-defined]
    return view


def _first(given: Ticket, act: Callable[[], Answer]) -> HttpResponse:
    with transaction.atomic():
        expired().filter(actor=given.actor, key=given.key).delete()  # the others are swept
        row, fresh = _claim(given)
        if not fresh:
            return _again(row, given)
        row.status, row.body = act()
        row.save(update_fields=["status", "body"])
        faults.point("idempotency.before_commit")
    faults.point("idempotency.after_commit")
    return _reply(row.status, row.body)


def _claim(given: Ticket) -> tuple[Answered, bool]:
    """The key's row, made now or found. PostgreSQL waits here for whoever is making it; SQLite has one writer."""
    postgres = connection.vendor == "postgresql"
    try:
        with connection.cursor() as cursor:
            if postgres:
                cursor.execute(f"SET LOCAL lock_timeout = {int(PATIENCE * 1000)}")
            claimed = Answered.objects.get_or_create(
                actor=given.actor, key=given.key, defaults={"digest": given.digest, "created_at": clock.now()}
            )
            if postgres:
                cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
            return claimed
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == LOCK_NOT_AVAILABLE:
            raise InFlight(key=given.key) from error
        raise


def expired() -> QuerySet[Answered]:
    """Answers that are given no more."""
    return Answered.objects.filter(created_at__lt=clock.now() - KEPT)


def _kept(given: Ticket) -> Answered | None:
    since = clock.now() - KEPT
    return Answered.objects.filter(actor=given.actor, key=given.key, created_at__gte=since).first()


def _again(row: Answered, given: Ticket) -> HttpResponse:
    if row.digest != given.digest:
        raise KeyReused(key=given.key)
    return _reply(row.status, row.body)


def _reply(status: int, body: str) -> HttpResponse:
    return HttpResponse(body, status=status, content_type=JSON)


_in_flight: set[tuple[str, str]] = set()
_turn = threading.Condition()


@contextmanager
def _alone(given: Ticket) -> Iterator[None]:
    """One thread of this process at a time for one key; other processes are kept apart by the database."""
    name = (given.actor, given.key)
    with _turn:
        if not _turn.wait_for(lambda: name not in _in_flight, PATIENCE):
            raise InFlight(key=given.key)
        _in_flight.add(name)
    try:
        yield
    finally:
        with _turn:
            _in_flight.discard(name)
            _turn.notify_all()
