"""How this door answers, and what it takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse

from himaya.core.errors import HimayaError

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest

    from himaya.federation.models import Partner

MEDIA_TYPE = "application/taxii+json;version=2.1"
_ANY = {"*/*", "application/*"}


class NotAcceptable(HimayaError):
    """What is answered here is {given}, which the request does not accept."""

    remedy = "Send the header Accept: application/taxii+json;version=2.1"
    status = 406


class NotTaxii(HimayaError):
    """A body is read here as {wanted} alone."""

    status = 415


class ReadAlone(HimayaError):
    """This collection is read, and not written to."""

    remedy = "Whoever runs this node can subscribe to a collection of yours."
    status = 403


def told(body: dict[str, Any], status: int = 200) -> HttpResponse:
    """An answer."""
    return HttpResponse(json.dumps(body), status=status, content_type=MEDIA_TYPE)


def refusal(error: HimayaError) -> HttpResponse:
    """An error message object (TAXII 2.1, 3.6.1)."""
    body = {
        "title": error.code().replace("-", " ").capitalize(),
        "description": error.diagnostics().replace("\n", " "),
        "error_code": error.code(),
        "http_status": str(error.status),
    }
    return told(body, error.status)


def acceptable(handle: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Refuse whoever does not accept what is answered here."""

    @wraps(handle)
    def checked(request: HttpRequest, partner: Partner, **path: str) -> HttpResponse:
        given = request.headers.get("Accept", "*/*")
        if not any(_fits(one) for one in given[:2000].split(",")):
            raise NotAcceptable(given=MEDIA_TYPE)
        return handle(request, partner, **path)

    return checked


def _fits(one: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in one.split(";"))
    versions = [part.partition("=")[2].strip('"') for part in parameters if part.startswith("version=")]
    return kind in _ANY or (kind == "application/taxii+json" and versions in ([], ["2.1"]))


@acceptable
def refuse_writing(request: HttpRequest, partner: Partner, **path: str) -> HttpResponse:  # noqa: ARG001
    """``POST`` and ``DELETE`` of objects: nobody writes here."""
    if request.method == "POST" and request.content_type != "application/taxii+json":
        raise NotTaxii(wanted=MEDIA_TYPE)
    raise ReadAlone


def stamp(at: datetime) -> str:
    """A time with microseconds."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
