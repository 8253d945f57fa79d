"""The addresses: discovery, one API root with a collection for each list, and what is in them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import re_path

from himaya.core.config import config
from himaya.federation import door
from himaya.federation.door import NothingHere, view
from himaya.federation.queries import SIGNALS
from himaya.federation.taxii import asking
from himaya.federation.taxii.answers import MEDIA_TYPE, acceptable, refusal, refuse_writing, stamp, told
from himaya.federation.taxii.objects import Writer
from himaya.lists import changes

if TYPE_CHECKING:
    from himaya.federation.models import Partner
    from himaya.federation.taxii.objects import Object

STIX = "application/stix+json;version=2.1"
ROOT = "lists"


@acceptable
def discovery(request: HttpRequest, partner: Partner) -> HttpResponse:  # noqa: ARG001
    """``GET /taxii2/``."""
    root = request.build_absolute_uri(f"/exchange/taxii2/{ROOT}/")
    body = {
        "title": config().node_name,
        "description": "Lists of known material.",
        "default": root,
        "api_roots": [root],
    }
    return told(body | ({"contact": config().contact} if config().contact else {}))


@acceptable
def api_root(request: HttpRequest, partner: Partner) -> HttpResponse:  # noqa: ARG001
    """``GET /taxii2/lists/``."""
    body: dict[str, Any] = {"title": config().node_name, "versions": [MEDIA_TYPE]}
    return told(body | {"max_content_length": config().max_request_bytes})


@acceptable
def collections(request: HttpRequest, partner: Partner) -> HttpResponse:  # noqa: ARG001
    """``GET …/collections/``: the lists that the caller may read."""
    return told({"collections": [_described(Writer(one)) for one in door.scope(partner)]})


@acceptable
def collection(request: HttpRequest, partner: Partner, key: str) -> HttpResponse:  # noqa: ARG001
    """``GET …/collections/{id}/``."""
    return told(_described(_writer(partner, key)))


@acceptable
def objects(request: HttpRequest, partner: Partner, key: str) -> HttpResponse:
    """``GET …/objects/``: a page of what was added or changed, in that order."""
    writer = _writer(partner, key)
    return _page(partner, writer, asking.page(writer, asking.read(request.GET, writer.of.terms_at)))


@acceptable
def manifest(request: HttpRequest, partner: Partner, key: str) -> HttpResponse:
    """``GET …/manifest/``: as the objects, by name alone."""
    writer = _writer(partner, key)
    found = asking.page(writer, asking.read(request.GET, writer.of.terms_at))
    door.telling(partner, [writer.of], protocol="taxii", items=0)
    return _envelope({"objects": [_listed(one) for one in found.objects]}, found)


@acceptable
def one_object(request: HttpRequest, partner: Partner, key: str, identifier: str) -> HttpResponse:
    """``GET …/objects/{id}/``."""
    writer = _writer(partner, key)
    asked = asking.read(request.GET, writer.of.terms_at)
    found = [one for one in _known(writer, identifier) if asked.versions is None or one.version in asked.versions]
    return _page(partner, writer, asking.Found(found, "", len(found), found[-1].added if found else None))


@acceptable
def versions(request: HttpRequest, partner: Partner, key: str, identifier: str) -> HttpResponse:  # noqa: ARG001
    """``GET …/objects/{id}/versions/``: the present one; others are not kept."""
    found = _known(_writer(partner, key), identifier)
    page = asking.Found(found, "", 0, found[-1].added)
    return _envelope({"versions": [one.version for one in found]}, page)


def no_status(request: HttpRequest, partner: Partner, **path: str) -> HttpResponse:  # noqa: ARG001
    """``GET …/status/{id}/``: nothing is written here, so that nothing has one."""
    raise NothingHere


def _writer(partner: Partner, key: str) -> Writer:
    """By id or alias, of what the caller may read."""
    try:
        wanted = str(uuid.UUID(key))
    except ValueError:
        return Writer(door.scope(partner, key)[0])
    for one in door.scope(partner):
        if (writer := Writer(one)).collection == wanted:
            return writer
    raise NothingHere


def _described(writer: Writer) -> dict[str, Any]:
    found = writer.of
    return {
        "id": writer.collection,
        "title": found.title or found.name,
        "description": f"TLP:{found.tlp.upper()}. {found.source}".strip(),
        "alias": found.name,
        "can_read": True,
        "can_write": False,
        "media_types": [STIX],
    }


def _known(writer: Writer, identifier: str) -> list[Object]:
    """The object of that id.

    Raises:
        NothingHere: there is none.
    """
    still = [one for one in writer.still if one.content["id"] == identifier]
    if still:
        return still
    found = changes.told([writer.item_of(identifier)], lists=[writer.of.pk], signals=SIGNALS)
    if not found:
        raise NothingHere
    asking.name_organisations(writer, found)
    return [writer.indicator(found[0])]


def _listed(one: Object) -> dict[str, Any]:
    return {"id": one.content["id"], "date_added": stamp(one.added), "version": one.version, "media_type": STIX}


def _page(partner: Partner, writer: Writer, found: asking.Found) -> HttpResponse:
    door.telling(partner, [writer.of], protocol="taxii", items=found.items)
    return _envelope({"objects": [one.content for one in found.objects]}, found)


def _envelope(body: dict[str, Any], found: asking.Found) -> HttpResponse:
    """An empty page is an empty object (TAXII 2.1, 3.7)."""
    filled = {name: rows for name, rows in body.items() if rows}
    answer = told(filled | ({"more": True, "next": found.next} if found.next else {"more": False} if filled else {}))
    for name, value in found.headers().items():
        answer[name] = value
    return answer


_AT = "collections/(?P<key>[A-Za-z0-9-]{1,60})"
_OBJECT = f"{_AT}/objects/(?P<identifier>[a-z0-9-]{{1,120}})"
urlpatterns = [
    re_path("^$", view(refusal, GET=discovery), name="discovery"),
    re_path(f"^{ROOT}/?$", view(refusal, GET=api_root), name="root"),
    re_path(f"^{ROOT}/status/(?P<key>[^/]+)/?$", view(refusal, GET=no_status), name="status"),
    re_path(f"^{ROOT}/collections/?$", view(refusal, GET=collections), name="collections"),
    re_path(f"^{ROOT}/{_AT}/?$", view(refusal, GET=collection), name="collection"),
    re_path(f"^{ROOT}/{_AT}/manifest/?$", view(refusal, GET=manifest), name="manifest"),
    re_path(f"^{ROOT}/{_AT}/objects/?$", view(refusal, GET=objects, POST=refuse_writing), name="objects"),
    re_path(f"^{ROOT}/{_OBJECT}/?$", view(refusal, GET=one_object, DELETE=refuse_writing), name="object"),
    re_path(f"^{ROOT}/{_OBJECT}/versions/?$", view(refusal, GET=versions), name="versions"),
    re_path("^(?P<rest>.*)$", view(refusal, **dict.fromkeys(("GET", "POST", "PUT", "DELETE"), door.nothing)),
            name="nothing"),
]  # fmt: skip
