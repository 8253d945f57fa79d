"""Lists as MISP feeds: ``/exchange/misp/<list>/`` has a manifest, a file for each event, and the hashes of all values.

An event holds the items of a list whose numbers lie between two multiples of :data:`PART`, so that a change touches one
event alone. What is gone stays in it, marked as deleted: MISP keeps what an event ceases to name. So does what does not
count as yet or not any more, without its value: others may have been told of it once.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import re_path

from himaya.accounts.streams import Streamed
from himaya.core import clock, misp
from himaya.core.words import printable
from himaya.federation import door
from himaya.federation.door import NothingHere, view
from himaya.federation.files import refusal
from himaya.federation.naming import number_of, uuid_of
from himaya.federation.queries import SIGNALS
from himaya.lists import changes, organisations, queries
from himaya.lists.admission import DISPUTED, PROPOSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http.response import HttpResponseBase

    from himaya.federation.models import Partner
    from himaya.lists.changes import Part, Told
    from himaya.lists.models import HashList

KEPT = 3600
"""Seconds for which a manifest is kept; nothing changes it but what it is named by."""
PART = 2000
"""Numbers of items that an event spans."""
UNTOLD = "withdrawn"
"""In place of the signal, of what is gone and may never have been told; its UUID stands in place of the fingerprint."""
DOUBTED = [{"name": "himaya:disputed"}]


def manifest(request: HttpRequest, partner: Partner, name: str) -> HttpResponse:  # noqa: ARG001
    """``GET manifest.json``: every event, and when it changed last."""
    found = door.scope(partner, name)[0]
    orgc, tags = _organisation(), _tags(found)
    door.telling(partner, [found], protocol="misp", items=0)
    number = changes.last_of(found)[0]  # before it is read: what changes meanwhile makes the next one anew
    named = f"misp:manifest:{found.pk}:{number}:{found.tlp}:{found.title}:{orgc}"
    kept = hashlib.sha256(named.encode()).hexdigest()
    told: bytes = (
        cache.get(kept)
        or json.dumps(
            {
                str(uuid_of(_kind(found), part.number)): {**_head(found, part), "Orgc": orgc, "Tag": tags}
                for part in changes.parts(found, size=PART, signals=SIGNALS)
            }
        ).encode()
    )
    cache.set(kept, told, KEPT)
    return HttpResponse(told, content_type="application/json")


def event(request: HttpRequest, partner: Partner, name: str, key: str) -> HttpResponse:  # noqa: ARG001
    """``GET <uuid>.json``: the items of a part."""
    found = door.scope(partner, name)[0]
    number = number_of(_kind(found), key)
    part = (
        next(iter(changes.parts(found, size=PART, signals=SIGNALS, only=number)), None) if number is not None else None
    )
    if part is None:
        raise NothingHere
    items = changes.told(range(part.number * PART, (part.number + 1) * PART), lists=[found.pk], signals=SIGNALS)
    door.telling(partner, [found], protocol="misp", items=sum(one.state != PROPOSED for one in items))
    body = {
        "uuid": str(uuid_of(_kind(found), part.number)),
        **_head(found, part),
        "published": True,
        "distribution": "0",
        "Orgc": _organisation(),
        "Tag": _tags(found),
        "Attribute": [_attribute(found, one) for one in items],
    }
    return HttpResponse(json.dumps({"Event": body}), content_type="application/json")


def hashes(request: HttpRequest, partner: Partner, name: str) -> HttpResponseBase:
    """``GET hashes.csv``: MD5 of each value that stands, and its event; by this MISP knows that a feed has a value."""
    found = door.scope(partner, name)[0]
    with door.place(partner) as at:
        if request.method != "HEAD":
            active = queries.standings(found).get(found.pk, queries.Standing()).active
            door.telling(partner, [found], protocol="misp", items=active)
        return Streamed(_hashes(found), at=at, content_type="text/csv; charset=utf-8")


def _hashes(of: HashList) -> Iterator[bytes]:
    place, upto = changes.START, changes.last()[0]
    while some := changes.changes([of.pk], behind=place, upto=upto, limit=PART, signals=SIGNALS, standing=True):
        place = some[-1].place
        rows = (
            f"{hashlib.md5(one.value.encode(), usedforsecurity=False).hexdigest()},"
            f"{uuid_of(_kind(of), one.item // PART)}\n"
            for one in some
        )
        yield "".join(rows).encode()


def _kind(of: HashList) -> str:
    return f"misp event:{of.name}"


def _head(of: HashList, part: Part) -> dict[str, Any]:
    """What is said of an event. Its time is that of its last change or of its list's terms, and never of the second
    that still runs: another change in it would have the same, and nobody would come to read it.
    """
    at = max(part.at, of.terms_at) if of.terms_at else part.at
    seconds = min(int(at.timestamp()), int(clock.now().timestamp()) - 1)
    return {
        "info": printable(f"{of.title or of.name}, {part.number}"),
        "date": f"{part.at:%Y-%m-%d}",
        "timestamp": str(seconds),
        "analysis": "2",
        "threat_level_id": "4",
    }


def _organisation() -> dict[str, str]:
    ours = organisations.own()
    return {"name": ours.title, "uuid": str(uuid_of("organisation", 0))}


def _tags(of: HashList) -> list[dict[str, str]]:
    return [{"name": f"tlp:{of.tlp}"}]


def _attribute(of: HashList, one: Told) -> dict[str, Any]:
    key = str(uuid_of(f"misp attribute:{of.name}", one.item))  # MISP has one of a UUID, in one event alone
    if one.state == PROPOSED:
        told = misp.attribute(UNTOLD, key)  # a value that no other has: MISP takes each once in an event
    else:
        told = misp.attribute(one.signal, one.value, scheme=one.scheme, code=one.code)
    told["uuid"] = key
    told["timestamp"] = str(int(one.at.timestamp()))
    told["deleted"] = not one.stands
    if one.state == DISPUTED:
        told["to_ids"] = False
        told["Tag"] = [*told.get("Tag", []), *DOUBTED]
    return told


def feed(request: HttpRequest, partner: Partner, name: str) -> HttpResponseBase:  # noqa: ARG001
    """What there is below the address of a feed, so that a right one can be told from a wrong one."""
    found = door.scope(partner, name)[0]
    told = {"name": found.name, "title": found.title, "files": ["manifest.json", "hashes.csv"]}
    return HttpResponse(json.dumps(told), content_type="application/json")


_LIST = "(?P<name>[a-z0-9][a-z0-9-]*)"
urlpatterns = [
    re_path(f"^{_LIST}/?$", view(refusal, GET=feed), name="feed"),
    re_path(f"^{_LIST}/manifest.json$", view(refusal, GET=manifest), name="manifest"),
    re_path(f"^{_LIST}/hashes.csv$", view(refusal, GET=hashes), name="hashes"),
    re_path(f"^{_LIST}/(?P<key>[0-9a-f-]{{36}}).json$", view(refusal, GET=event), name="event"),
    re_path("^(?P<rest>.*)$", view(refusal, GET=door.nothing), name="nothing"),
]
