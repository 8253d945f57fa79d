"""The addresses: ``…/v2/…`` for all lists that a partner may read, ``…/<list>/v2/…`` for one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from django.http import HttpRequest, HttpResponse
from django.urls import re_path

from himaya.core import clock
from himaya.core.hash_sharing import CLASSES, SCHEME
from himaya.core.statements import moment
from himaya.core.words import N_, Said
from himaya.federation import door, marks
from himaya.federation.door import UnreadableAsk, view
from himaya.federation.marks import DAY, EPOCH
from himaya.federation.ncmec.answers import refusal, signal_of, told
from himaya.federation.ncmec.entries import SIGNALS, member, read_time, written
from himaya.federation.ncmec.feedback import feedback
from himaya.federation.ncmec.reasons import guid, known
from himaya.lists import changes
from himaya.lists.admission import WITHDRAWN
from himaya.lists.changes import Place, Told

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.federation.models import Partner

SIZE = 1000
"""Items of a page."""
_PLACE = re.compile(r"([0-9]{1,18})\.([a-z0-9-]{0,20})\.([0-9]{1,18})\.([0-9]{1,18})")


class _Asked(NamedTuple):
    """Which page: of a range, behind a place, up to a change; ``first``: of its row of pages, counted from 1."""

    since: datetime
    to: datetime
    place: Place
    upto: int
    first: int
    size: int


def status(request: HttpRequest, partner: Partner, name: str = "") -> HttpResponse:
    """``GET /v2/status``: as whom this node knows the caller."""
    door.scope(partner, name)
    ours = partner.organisation
    address, user = escape(request.META.get("REMOTE_ADDR") or ""), escape(partner.name)
    about = f"<ipAddress>{address}</ipAddress><username>{user}</username>{member(ours.pk, ours.title)}"
    return told("status", about)


def members(request: HttpRequest, partner: Partner, name: str = "") -> HttpResponse:  # noqa: ARG001
    """``GET /v2/members``: who vouches for something on these lists, and the caller."""
    those = changes.speakers(one.pk for one in door.scope(partner, name)) | {
        partner.organisation_id: partner.organisation.title
    }
    return told("members", "".join(member(number, title) for number, title in sorted(those.items())))


def entries(request: HttpRequest, partner: Partner, name: str = "") -> HttpResponse:
    """``GET /v2/entries``: a page of what changed within a range of time."""
    lists = door.scope(partner, name)
    ids = [one.pk for one in lists]
    asked = _asked(request, partner, name, ids)
    lost = marks.lost(partner, name, ids, max(asked.since, EPOCH))
    those = [*ids, *lost]
    found = changes.changes(those, behind=asked.place, upto=asked.upto, limit=asked.size + 1, signals=SIGNALS)
    shown, more = [_told(one, lost) for one in found[: asked.size]], len(found) > asked.size
    door.telling(partner, lists, protocol="ncmec", items=len(shown))
    said = changes.heard(one.item for one in shown)
    told_of = "".join(written(shown, said, changes.speakers(those) if shown else {}))
    return told("queryResult", told_of + (_next(asked, shown[-1].place, len(shown)) if more else ""))


def _told(one: Told, lost: set[int]) -> Told:
    """As it is told: of a list that this reader may not read any more, as gone, since now."""
    return one._replace(state=WITHDRAWN, at=clock.now()) if one.list_id in lost else one


def _asked(request: HttpRequest, partner: Partner, name: str, ids: list[int]) -> _Asked:
    given, now = request.GET, clock.now()
    try:
        since, to = read_time(given.get("from", ""), EPOCH), read_time(given.get("to", ""), now)
    except ValueError as error:
        why = Said("from and to are times as in 2026-11-28T23:21:27Z: {why}", why=str(error)[:80])
        raise UnreadableAsk(why=why) from None
    if since > now + DAY:
        raise UnreadableAsk(why=N_("from lies in the future: the clock of the caller is wrong"))
    size = _number(given.get("size", ""), SIZE)
    if not 1 <= size <= SIZE:
        raise UnreadableAsk(why=Said("size is 1 to {n}", n=SIZE))
    first = _number(given.get("start", ""), 1)
    if place := given.get("place", ""):
        read = _PLACE.fullmatch(place)
        if read is None:
            raise UnreadableAsk(why=N_("place is none of this node's"))
        return _Asked(since, to, Place(int(read[1]), read[2], int(read[3])), int(read[4]), first, size)
    start = marks.begins(partner, name, ids, max(since, EPOCH))
    return _Asked(since, to, start, marks.ends(partner, name, ids, max(to, EPOCH)), first, size)


def _number(text_: str, default: int) -> int:
    return int(text_) if re.fullmatch(r"[0-9]{1,18}", text_) else -1 if text_ else default


def _next(asked: _Asked, place: Place, read: int) -> str:
    """The link to the next page. It says itself where that begins, and holds as long as the caller may read."""
    following = {
        "from": moment(asked.since),
        "to": moment(asked.to),
        "start": asked.first + read,
        "size": asked.size,
        "place": f"{place.number}.{place.signal}.{place.item}.{asked.upto}",
    }
    return f"<paging><next>{escape(f'/v2/entries?{urlencode(following)}')}</next></paging>"


# --- what may be said -------------------------------------------------------------------------------------------------


def reasons(request: HttpRequest, partner: Partner, kind: str, name: str = "") -> HttpResponse:  # noqa: ARG001
    """``GET /v2/feedback/{TYPE}/reasons``: why one may be against an entry."""
    door.scope(partner, name)
    signal = signal_of(kind)
    found = "".join(
        f'<reason guid="{number}" name={quoteattr(words)} type="{kind.capitalize()}"/>'
        for number, words in known(signal).items()
    )
    return told("feedback", f"<availableFeedbackReasons>{found}</availableFeedbackReasons>")


def categorizations(request: HttpRequest, partner: Partner, name: str = "") -> HttpResponse:  # noqa: ARG001
    """``GET /v2/categorizations``: the classes that an entry may have."""
    door.scope(partner, name)
    values = "".join(f'<value guid="{guid(code, SCHEME)}" name="{code}"/>' for code in CLASSES)
    return told("categorizations", f'<group guid="{guid("", SCHEME)}" name="Classification">{values}</group>')


_LIST = "(?:(?P<name>[a-z0-9][a-z0-9-]*)/)?"
_KIND = "(?P<kind>[A-Z0-9_]{1,20})"
urlpatterns = [
    re_path(f"^{_LIST}v2/status/?$", view(refusal, GET=status), name="status"),
    re_path(f"^{_LIST}v2/members/?$", view(refusal, GET=members), name="members"),
    re_path(f"^{_LIST}v2/entries/?$", view(refusal, GET=entries), name="entries"),
    re_path(f"^{_LIST}v2/feedback/{_KIND}/reasons/?$", view(refusal, GET=reasons), name="reasons"),
    re_path(f"^{_LIST}v2/categorizations/?$", view(refusal, GET=categorizations), name="categorizations"),
    re_path(
        f"^{_LIST}v2/entries/(?P<number>[0-9]{{1,18}})/(?P<entry>[^/]{{1,40}})/{_KIND}/feedback/?$",
        view(refusal, PUT=feedback),
        name="feedback",
    ),
    re_path("^(?P<rest>.*)$", view(refusal, **dict.fromkeys(("GET", "POST", "PUT", "DELETE"), door.nothing)),
            name="nothing"),
]  # fmt: skip
