"""Whole lists as files, in every format that this node writes: ``/exchange/files/<list>.<format>``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, re_path
from django.utils.cache import get_conditional_response
from django.utils.http import http_date

from himaya.accounts.streams import Streamed
from himaya.core import registry
from himaya.federation import door
from himaya.federation.door import NothingHere, view
from himaya.lists import changes, queries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from himaya.core.errors import HimayaError
    from himaya.core.ports import ItemRow
    from himaya.federation.models import Partner
    from himaya.lists.models import HashList


def refusal(error: HimayaError) -> HttpResponse:
    """What is wrong and what to do, as text."""
    return HttpResponse(f"{error.diagnostics()}\n", status=error.status, content_type="text/plain; charset=utf-8")


def file(request: HttpRequest, partner: Partner, name: str, kind: str) -> HttpResponseBase:
    """``GET /<list>.<format>``: the active items, or 304 where the caller has them already."""
    found = door.scope(partner, name)[0]
    format_ = registry.formats().get(kind)
    if format_ is None:
        raise NothingHere
    number, last = changes.last_of(found)  # before the items: a change meanwhile makes the next question a new one
    since = last or found.created_at
    etag = f'"{kind}-{found.pk}-{number}"'
    headers = {"ETag": etag, "Last-Modified": http_date(since.timestamp())}
    answer = HttpResponse(headers=headers, content_type=f"{format_.media_type}; charset=utf-8")
    told = get_conditional_response(request, etag=etag, last_modified=int(since.timestamp()), response=answer)
    if told is not answer or request.method == "HEAD":
        return told or answer
    active = queries.standings(found).get(found.pk, queries.Standing()).active
    with door.place(partner) as at:
        door.telling(partner, [found], protocol="files", items=active)
        return Streamed(
            format_.render(rows(found)),
            at=at,
            content_type=f"{format_.media_type}; charset=utf-8",
            headers={**headers, "Content-Disposition": f'attachment; filename="{name}{format_.accepts[0]}"'},
        )


def rows(of: HashList) -> Iterator[ItemRow]:
    """The active items, without what is this node's own affair: what was remarked, and under which key they came."""
    return (row._replace(note="", reference="") for row in queries.rows(of) if not row.negative)


urlpatterns = [
    path("<slug:name>.<slug:kind>", view(refusal, GET=file), name="file"),
    re_path("^(?P<rest>.*)$", view(refusal, GET=door.nothing), name="nothing"),
]
