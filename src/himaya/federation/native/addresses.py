"""Our lists in Himaya's own form, as partners fetch them, below ``/exchange/himaya/``.

``GET /`` names the lists that a partner may read, ``/<list>`` one of them. ``/<list>/metadata/…`` and
``/<list>/targets/…`` are that list's repository (``core.repository``), in parts where a line broke (RFC 9110, ranges).
``/<list>/proof/<sha256>`` proves that a file stands in the transparency log, ``/<list>/consistency/<old>-<new>`` that
the log only grew. To ``/<list>/votes`` a partner posts what it thinks of an item.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, re_path

from himaya.accounts.keys import JSON
from himaya.accounts.streams import Streamed
from himaya.core import registry
from himaya.core.config import config
from himaya.core.errors import BadSignal, HimayaError
from himaya.core.repository.store import Store
from himaya.core.words import N_, Said, storable
from himaya.federation import door
from himaya.federation.door import NothingHere, UnreadableAsk, view
from himaya.federation.models import Publication
from himaya.federation.native.hub import may_tell
from himaya.federation.native.keys import directory
from himaya.federation.native.logged import KIND
from himaya.federation.services import take_vote
from himaya.lists import organisations, queries
from himaya.lists.admission import MATCHING
from himaya.log import queries as log

if TYPE_CHECKING:
    from himaya.federation.models import Partner
    from himaya.lists.models import HashList

CHUNK = 256 * 1024
RESUMED = 86_400
"""Seconds within which a file that was begun goes on without being counted anew."""
RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})?")
_NAMED = re.compile(r"targets/([^/]+/[^/]+)/([0-9a-f]{64})\.([^/]+)")


def refusal(error: HimayaError) -> HttpResponse:
    """What is wrong and what to do, as a problem document (RFC 9457)."""
    told = {"type": f"about:blank#{error.code()}", "title": str(error), "status": error.status}
    remedy = error.remedy.format(**error.facts)
    content = json.dumps({**told, "detail": remedy} if remedy else told)
    return HttpResponse(content, status=error.status, content_type="application/problem+json")


def index(request: HttpRequest, partner: Partner) -> HttpResponseBase:
    """Who serves here, what there is for this partner, and by which key the log is signed."""
    lists = [
        {
            "name": one.name,
            "title": one.title,
            "tlp": one.tlp,
            "radius": one.radius,
            "address": request.build_absolute_uri(f"{one.name}/"),
        }
        for one in door.scope(partner)
        if Store(directory() / one.name).exists()
    ]
    ours = organisations.own()
    told = {
        "node": config().node_name,
        "organisation": ours.name,
        "jurisdiction": ours.jurisdiction,
        "lists": lists,
        "log": [str(key) for key in log.verifier_keys()],
    }
    return HttpResponse(json.dumps(told), content_type=JSON)


def known(request: HttpRequest, partner: Partner, name: str) -> HttpResponseBase:  # noqa: ARG001
    """What there is below the address that is handed out, so that a right one can be told from a wrong one."""
    found = door.scope(partner, name)[0]
    published = Store(directory() / found.name).exists()
    told = {"name": found.name, "title": found.title, "tlp": found.tlp, "radius": found.radius, "published": published}
    return HttpResponse(json.dumps({**told, "metadata": "metadata/timestamp.json"}), content_type=JSON)


def file(request: HttpRequest, partner: Partner, name: str, place: str) -> HttpResponseBase:
    """A file of a list's repository, whole or from a byte on. What it tells is counted when it begins."""
    found = door.scope(partner, name)[0]
    at, named = Store(directory() / name).served(place), _NAMED.fullmatch(place)
    if at is None or (named and not may_tell(found, named[1].partition("/")[2])):
        raise NothingHere
    first, last, size = _range(request, at)
    if first > last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    partial = request.headers.get("Range") is not None and RANGE.fullmatch(request.headers["Range"]) is not None
    headers = {"Content-Length": str(last - first + 1), "Accept-Ranges": "bytes"}
    headers["Cache-Control"] = "no-store" if place.endswith("timestamp.json") else "private, max-age=86400, immutable"
    if partial:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    how: dict[str, Any] = {
        "status": 206 if partial else 200,
        "headers": headers,
        "content_type": "application/octet-stream",
    }
    if request.method == "HEAD":
        return HttpResponse(**how)
    if last - first < CHUNK:  # metadata and small deltas are with the server at once, and hold no thread
        if named:
            _count(partner, found, named[2], resumed=first > 0)
        return HttpResponse(b"".join(_part(at, first, last)), **how)
    with door.place(partner) as there:
        if named:
            _count(partner, found, named[2], resumed=first > 0)
        return Streamed(_part(at, first, last), at=there, **how)


def _range(request: HttpRequest, at: Path) -> tuple[int, int, int]:
    """The first and the last byte that are asked for, and the size; what is no single range is all of it."""
    size = at.stat().st_size
    asked = RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None:
        return 0, size - 1, size
    return int(asked[1]), min(int(asked[2]) if asked[2] else size - 1, size - 1), size


def _count(partner: Partner, of: HashList, digest: str, *, resumed: bool) -> None:
    """Count what a file tells: again where it is read from its beginning, once where a line broke in between.

    Who asks for all but the first byte, and was not given that before, is told everything, too.

    Raises:
        QuotaSpent: it is more than the partner may read today.
    """
    begun = f"exchange:begun:{partner.pk}:{digest}"
    if not (resumed and cache.get(begun)):
        known = Publication.objects.filter(list=of, sha256=digest).first()
        door.telling(partner, [of], protocol="himaya", items=known.lines if known else 0)
    cache.set(begun, True, RESUMED)


def _part(at: Path, first: int, last: int) -> Iterator[bytes]:
    with at.open("rb") as file:  # opened here: an answer that nobody begins to read leaves nothing open
        file.seek(first)
        left = last - first + 1
        while left > 0 and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


def proof(request: HttpRequest, partner: Partner, name: str, digest: str) -> HttpResponseBase:  # noqa: ARG001
    """That a file of the list stands in the log, as a proof that needs nothing but the log's key."""
    found = door.scope(partner, name)[0]
    known = Publication.objects.filter(list=found, sha256=digest).order_by("pk").first()
    if known is None:
        raise NothingHere
    leaf = log.leaf_of(KIND, known.pk)
    return HttpResponse(str(log.prove(leaf.index)), content_type=JSON)


def consistency(request: HttpRequest, partner: Partner, name: str, old: str, new: str) -> HttpResponseBase:  # noqa: ARG001
    """That the log of ``new`` leaves begins with that of ``old``: ``proof``, hashes in base64 (RFC 9162 §2.1.4)."""
    door.scope(partner, name)
    proof_ = log.consistency_proof(int(old), int(new))
    return HttpResponse(json.dumps({"proof": [b64encode(one).decode("ascii") for one in proof_]}), content_type=JSON)


def votes(request: HttpRequest, partner: Partner, name: str) -> HttpResponseBase:
    """What a partner thinks of an item: ``signal``, ``value``, ``opinion`` (confirm, dispute, abstain), ``reason``."""
    found = door.scope(partner, name)[0]
    signal, value, opinion, reason = _ballot(request)
    told = queries.items(found, value=value).filter(signal=signal, negative=False, state__in=MATCHING)
    item = told.first()  # of what is proposed or withdrawn nobody learns by asking
    if item is None:
        raise NothingHere
    take_vote(partner, item=item.pk, opinion=opinion, reason=reason)
    return HttpResponse(json.dumps({"item": item.pk, "opinion": opinion}), content_type=JSON)


def _ballot(request: HttpRequest) -> tuple[str, str, str, str]:
    try:
        told = json.loads(request.body)
        signal, value, opinion, reason = (str(told[name]) for name in ("signal", "value", "opinion", "reason"))
        value = registry.signal(signal).parse(value)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnreadableAsk(why=N_("it is no JSON object with signal, value, opinion and reason")) from None
    except BadSignal as error:
        raise UnreadableAsk(why=Said("{why}", why=str(error))) from None
    if not storable(reason):
        raise UnreadableAsk(why=N_("its reason has characters that cannot be stored"))
    if opinion not in ("confirm", "dispute", "abstain"):
        raise UnreadableAsk(why=N_("an opinion is confirm, dispute or abstain"))
    return signal, value, opinion, reason


urlpatterns = [
    path("", view(refusal, GET=index), name="index"),
    re_path("^(?P<name>[a-z0-9][a-z0-9-]{0,59})/?$", view(refusal, GET=known), name="list"),
    path("<slug:name>/votes", view(refusal, POST=votes), name="votes"),
    re_path(
        r"^(?P<name>[a-z0-9][a-z0-9-]{0,59})/proof/(?P<digest>[0-9a-f]{64})$", view(refusal, GET=proof), name="proof"
    ),
    re_path(
        r"^(?P<name>[a-z0-9][a-z0-9-]{0,59})/consistency/(?P<old>[0-9]{1,15})-(?P<new>[0-9]{1,15})$",
        view(refusal, GET=consistency),
        name="consistency",
    ),
    re_path(
        r"^(?P<name>[a-z0-9][a-z0-9-]{0,59})/(?P<place>(metadata|targets)/.{1,300})$",
        view(refusal, GET=file),
        name="file",
    ),
    re_path("", view(refusal, **dict.fromkeys(("GET", "POST"), door.nothing)), name="nowhere"),
]
