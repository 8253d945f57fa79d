"""Who may come in here, and how HMA says that something is wrong: ``{"message": …}``.

HMA asks nobody who he is. Here it takes an API key: as a bearer token, as the password of HTTP Basic (so that
``http://x:KEY@node/hma`` does for clients that take it from the address), or, for clients that can send none, the
operator's word that whoever comes from certain networks comes in the name of one key (``hma_open_to``).
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from himaya.accounts.keys import JSON, MissingScope, NoKey, RequestTooLarge, admitted, check_length, secret_of
from himaya.accounts.queries import key_by_name, key_by_secret
from himaya.core.config import config
from himaya.core.errors import BadSignal, HimayaError, UnknownPlugin
from himaya.core.words import N_

if TYPE_CHECKING:
    from himaya.accounts.models import ApiKey

Handler = Callable[..., HttpResponse]
BY_OTHERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")
"""Headers of a proxy: who stands behind it cannot be known from the address, and what it says can be made up."""
BY_BROWSERS = ("Origin", "Sec-Fetch-Site")
"""Headers of a page that somebody on the same machine may have open; programs send neither."""


class BadAsk(HimayaError):
    """{why}."""

    status = 400


class Garbled(HimayaError):
    """The request cannot be read: {why}."""

    status = 400


class Lacking(HimayaError):
    """{name} is required."""

    status = 422


class NotHere(HimayaError):
    """{what} is not done here: {why}."""

    status = 501


def view(**ways: tuple[str | None, Handler]) -> Callable[..., HttpResponse]:
    """A view of one address. ``ways``: method → the scope that a key needs (None: no key) and what answers it."""
    allowed = ", ".join(ways)

    @csrf_exempt  # who calls is known by a key, not by a cookie
    def answer(request: HttpRequest, **path: Any) -> HttpResponse:
        way = ways.get("GET" if request.method == "HEAD" else request.method or "")
        if way is None:
            refused = told({"message": f"The method is not allowed for this address; there are: {allowed}."}, 405)
            refused["Allow"] = allowed
            return refused
        scope, handle = way
        try:
            check_length(request)
            if scope is not None:
                request.auth = enter(request, scope)  # type: ignore[attr-defined]
            return handle(request, **path)
        except HimayaError as error:
            return refusal(error)
        except (SuspiciousOperation, MultiPartParserError, UnreadablePostError, BadRequest) as error:
            return refusal(_unreadable(request, error))

    answer.ways = {method: scope for method, (scope, _) in ways.items()}  # type: ignore[attr-defined]
    answer.for_programs = True  # type: ignore[attr-defined]
    return answer


def told(body: Any, status: int = 200) -> HttpResponse:
    """An answer as JSON."""
    return HttpResponse(json.dumps(body), status=status, content_type=JSON)


def refusal(error: HimayaError) -> HttpResponse:
    """An error in HMA's shape: what is wrong and what to do, in one sentence or two."""
    status = 400 if isinstance(error, BadSignal | UnknownPlugin) else error.status
    answer = told({"message": error.diagnostics().replace("\n", " ")}, status)
    if status == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="himaya", Basic realm="himaya"'
    if isinstance(error, MissingScope):
        answer["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{error.facts["scope"]}"'
    if status in (409, 503):
        answer["Retry-After"] = "5"
    return answer


def _unreadable(request: HttpRequest, error: Exception) -> HimayaError:
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return RequestTooLarge(size=request.META.get("CONTENT_LENGTH"), limit=config().max_request_bytes)
    return Garbled(why=str(error).strip().rstrip(".") or N_("the connection was cut"))


# --- who calls -------------------------------------------------------------------------------------------------------


def enter(request: HttpRequest, scope: str) -> ApiKey:
    """The key in whose name a request is answered; its use is noted.

    Raises:
        NoKey, MissingScope: there is none, or it may not do this.
    """
    given = request.headers.get("Authorization")
    key = key_by_secret(secret_of(given)) if given is not None else _open_to(request)
    if key is None:
        raise NoKey
    return admitted(key, scope)


def _open_to(request: HttpRequest) -> ApiKey | None:
    """The key of those who need not send one, if the caller is one of them."""
    settings = config()
    if not settings.hma_open_to or any(name in request.headers for name in (*BY_OTHERS, *BY_BROWSERS)):
        return None
    try:
        peer = ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "")
    except ValueError:
        return None
    peer = getattr(peer, "ipv4_mapped", None) or peer
    if not any(peer in network for network in settings.hma_open_to):
        return None
    return key_by_name(settings.hma_open_as)
