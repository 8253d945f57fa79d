"""What every router of the API is built with: who calls, whether they may, and how answers are written."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, cast

from django.http import HttpRequest, HttpResponse
from ninja.security import HttpBearer

from himaya.accounts.queries import key_by_secret
from himaya.accounts.services import note_use
from himaya.core.config import config
from himaya.core.errors import HimayaError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from himaya.accounts.models import ApiKey

JSON = "application/json; charset=utf-8"
CALLER = "himaya.key"
"""Where the environment of a WSGI request holds the key that was found valid for it."""


class NoKey(HimayaError):
    """This needs a valid API key."""

    remedy = "Send the header Authorization: Bearer himaya_…; an administrator makes keys under Settings."
    status = 401


class MissingScope(HimayaError):
    """This key does not have the scope {scope!r}."""

    remedy = "Ask an administrator of this node for a key that has it."
    status = 403


class WrongMediaType(HimayaError):
    """A body of the type {given!r} is not read here; send {wanted}."""

    status = 415


class RequestTooLarge(HimayaError):
    """The request has {size} bytes; at most {limit} are taken."""

    remedy = "Send it in several requests, or compute the fingerprints where the files are and send those."
    status = 413


class LengthRequired(HimayaError):
    """The length of the body is not announced."""

    remedy = "Send it with a Content-Length instead of in chunks."
    status = 411


class Key(HttpBearer):
    """Asks for an API key with a scope: ``Authorization: Bearer himaya_…``. Any valid key where no scope is named."""

    def __init__(self, scope: str = "") -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        """The key, its use noted; None where the token is not that of a valid one.

        Raises:
            MissingScope: the key is valid, and not for this.
        """
        key = key_by_secret(token)
        if key is None:
            return None
        request.META[CALLER] = admitted(key, self.scope)
        return key


def secret_of(header: str) -> str:
    """The key that an Authorization header gives, as a bearer token or as the password of HTTP Basic (whose user says
    nothing); empty where it gives none.
    """
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic" or len(rest) > 1000:
        return ""
    try:
        return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def admitted(key: ApiKey, scope: str) -> ApiKey:
    """The key, its use noted.

    Raises:
        MissingScope: it is not for this.
    """
    if scope and scope not in key.scopes:
        raise MissingScope(scope=scope)
    note_use(key)
    return key


def caller(request: HttpRequest) -> ApiKey:
    """The key that a request was made with."""
    return cast("ApiKey", request.auth)  # type: ignore[attr-defined]


def may(request: HttpRequest, scope: str) -> bool:
    """Whether the caller's key also has another scope."""
    return scope in caller(request).scopes


def require_media_type(request: HttpRequest, *wanted: str) -> str:
    """The media type of the body, without its parameters.

    Raises:
        WrongMediaType: it is none of those wanted.
    """
    given = request.content_type or ""
    if given not in wanted:
        raise WrongMediaType(given=given[:80], wanted=" or ".join(wanted))
    return given


def check_length(request: HttpRequest) -> None:
    """Refuse by its header a body that need not be read.

    Raises:
        LengthRequired, RequestTooLarge: as their names say.
    """
    limit, size = config().max_request_bytes, request.META.get("CONTENT_LENGTH") or ""
    if not size and request.headers.get("Transfer-Encoding"):
        raise LengthRequired
    if size.isdecimal() and int(size[:20]) > limit:
        raise RequestTooLarge(size=size[:20], limit=limit)


def reply(told: BaseModel, status: int = 200) -> HttpResponse:
    """An answer as JSON."""
    return HttpResponse(told.model_dump_json(), status=status, content_type=JSON)
