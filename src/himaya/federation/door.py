"""Who may come in at the doors for partners: whoever has a partner's key, as a bearer token or in HTTP Basic.

Each door speaks another body's protocol and says in its shapes what is wrong; who calls, what they may read and how
much of it is decided here, for all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from himaya.accounts import streams
from himaya.accounts.keys import NoKey, RequestTooLarge, admitted, check_length, secret_of
from himaya.accounts.queries import key_by_secret
from himaya.accounts.streams import TooManyStreams
from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.federation.queries import partner_of, readable
from himaya.federation.services import SCOPE, QuotaSpent, count_use, note_quota, note_reading

if TYPE_CHECKING:
    from himaya.federation.models import Partner
    from himaya.lists.models import HashList

REALM = 'Basic realm="himaya", charset="UTF-8"'
"""What a refusal asks for (RFC 7617)."""
Handler = Callable[..., HttpResponseBase]
Refuse = Callable[[HimayaError], HttpResponse]


class NothingHere(HimayaError):
    """There is nothing at this address."""

    remedy = "The page “Serving lists” of this node's documentation names what there is."
    status = 404


class NoSuchMethod(HimayaError):
    """{method} is not possible at this address; there are: {allowed}."""

    status = 405


class UnreadableAsk(HimayaError):
    """The request is not understood: {why}."""

    status = 400


def view(refuse: Refuse, **ways: Handler) -> Callable[..., HttpResponseBase]:
    """A view of one address.

    Args:
        refuse: how the door's protocol says that something is wrong.
        ways: method → what answers it, called with the request, the partner, and what the address names. A request
            that comes so far is counted.
    """
    allowed = ", ".join(ways)

    @csrf_exempt  # who calls is known by a key, not by a cookie
    def answer(request: HttpRequest, **path: Any) -> HttpResponseBase:
        try:
            check_length(request)
            partner = enter(request)
            handle = ways.get("GET" if request.method == "HEAD" else request.method or "")
            if handle is None:
                raise NoSuchMethod(method=(request.method or "")[:20], allowed=allowed or "none")
            try:
                count_use(partner)
                return handle(request, partner, **path)
            except QuotaSpent:
                note_quota(partner)
                raise
        except HimayaError as error:
            return _refused(refuse, error, allowed)
        except (SuspiciousOperation, UnreadablePostError, BadRequest) as error:
            return _refused(refuse, _unreadable(request, error), allowed)

    answer.ways = dict.fromkeys(ways, SCOPE)  # type: ignore[attr-defined]
    answer.for_programs = True  # type: ignore[attr-defined]
    return answer


def enter(request: HttpRequest) -> Partner:
    """The partner that calls; the use of its key is noted.

    Raises:
        NoKey: no valid key, or none of a partner that still reads.
        MissingScope: a key that is valid for something else.
    """
    key = key_by_secret(secret_of(request.headers.get("Authorization", "")))
    if key is None:
        raise NoKey
    partner = partner_of(admitted(key, SCOPE))
    if partner is None:
        raise NoKey
    return partner


def scope(partner: Partner, name: str = "") -> list[HashList]:
    """The lists that it may read, or the one of that name.

    Raises:
        NothingHere: there is none of that name, or it may not read it: nobody can tell the one from the other.
    """
    found = readable(partner)
    if not name:
        return list(found)
    one = found.filter(name=name).first()
    if one is None:
        raise NothingHere
    return [one]


def telling(partner: Partner, lists: list[HashList], *, protocol: str, items: int) -> None:
    """Count items that are about to be told, and put on record that they are.

    Raises:
        QuotaSpent: it is more than the partner may read today. Nothing is to be told.
    """
    count_use(partner, items=items, requests=0)
    note_reading(partner, lists=lists, protocol=protocol, items=items)


def place(partner: Partner) -> AbstractContextManager[streams.Place]:
    """A place for a long answer; to be taken before it is counted and put on record.

    Raises:
        TooManyStreams: the partner is reading as many as it may, or all are taken.
    """
    return streams.place(f"partner:{partner.name}")


def nothing(request: HttpRequest, partner: Partner, **path: str) -> HttpResponseBase:  # noqa: ARG001
    """Every address that there is not."""
    raise NothingHere


def _refused(refuse: Refuse, error: HimayaError, allowed: str) -> HttpResponse:
    told = refuse(error)
    if error.status == 401:
        told["WWW-Authenticate"] = REALM
    elif error.status == 405:
        told["Allow"] = allowed
    elif isinstance(error, TooManyStreams):
        told["Retry-After"] = "30"
    elif error.status == 429:
        now = clock.now()
        midnight = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(tzinfo=UTC))
        told["Retry-After"] = str(int((midnight - now).total_seconds()) + 1)
    return told


def _unreadable(request: HttpRequest, error: Exception) -> HimayaError:
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return RequestTooLarge(size=request.META.get("CONTENT_LENGTH"), limit=config().max_request_bytes)
    return UnreadableAsk(why=str(error).strip().rstrip(".") or N_("the connection was cut"))
