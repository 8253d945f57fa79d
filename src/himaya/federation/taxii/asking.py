"""Which objects of a collection a request asks for, and where its page begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from himaya.core import stix
from himaya.core.words import N_, Said
from himaya.federation.door import UnreadableAsk
from himaya.federation.queries import SIGNALS
from himaya.federation.taxii.answers import stamp
from himaya.federation.taxii.objects import Object
from himaya.lists import changes, organisations
from himaya.lists.changes import START, Place

if TYPE_CHECKING:
    from django.http import QueryDict

    from himaya.federation.taxii.objects import Writer

SIZE = 1000
"""Objects of a page at most."""
MOST = 200
"""Things that a filter may name."""
OVERLAP = timedelta(minutes=10)
"""A time that is none of ours is the caller's clock, or was before a change that was on its way: what came so much
before it is told again."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEXT = re.compile(r"([0-9]{1,2})\.([0-9]{1,18})\.([a-z0-9-]{0,20})\.([0-9]{1,18})\.([0-9]{1,18})\.([01])")


@dataclass(frozen=True, slots=True)
class Asked:
    """A page: after so many of what stands still, behind a place, up to a change.

    ``fresh``: the caller has nothing yet, so that it need not be told what is gone. ``ids``, ``types`` and ``versions``
    narrow it; None: they do not.
    """

    still: int
    place: Place
    upto: int
    fresh: bool
    limit: int
    ids: frozenset[str] | None
    types: frozenset[str] | None
    versions: frozenset[str] | None
    specs: frozenset[str] | None

    def next(self, *, still: int, place: Place) -> str:
        """Where the page behind this one begins."""
        return f"{still}.{place.number}.{place.signal}.{place.item}.{self.upto}.{int(self.fresh)}"

    def wants(self, one: Object) -> bool:
        """Whether an object is one that was asked for, by what cannot be asked of the database."""
        return (
            (self.ids is None or one.content["id"] in self.ids)
            and (self.types is None or one.content["type"] in self.types)
            and (self.versions is None or one.version in self.versions)
            and (self.specs is None or "2.1" in self.specs)
        )


def read(given: QueryDict, terms_at: datetime | None = None) -> Asked:
    """What a query asks for.

    Args:
        given: the query.
        terms_at: when the terms of the list became others last: everything was added anew then.

    Raises:
        UnreadableAsk: a limit, time, filter or place that is none.
    """
    limit = given.get("limit", str(SIZE))
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", limit):
        raise UnreadableAsk(why=N_("limit is a number from 1 on"))
    names = {"ids": "match[id]", "types": "match[type]", "specs": "match[spec_version]"}
    narrow = {name: _several(given, parameter) for name, parameter in names.items()}
    versions = _several(given, "match[version]")
    if versions and versions & {"first", "last", "all"}:  # there is one version of each
        versions = None
    elif versions is not None:
        versions = frozenset(_version(one) for one in versions)
    following = str(given.get("next", ""))
    where = _following(following) if following else _beginning(str(given.get("added_after", "")), terms_at)
    still, place, upto, fresh = where
    return Asked(still, place, upto, fresh, min(int(limit), SIZE), versions=versions, **narrow)


def _several(given: QueryDict, parameter: str) -> frozenset[str] | None:
    if parameter not in given:
        return None
    found = frozenset(part.strip() for part in str(given[parameter]).split(",", MOST) if part.strip())
    if not found or len(found) > MOST:
        raise UnreadableAsk(why=Said("{parameter} names 1 to {n} things", parameter=parameter, n=MOST))
    return found


def _version(text: str) -> str:
    at = _time(text, "match[version]")
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(text: str, parameter: str) -> datetime:
    at = stix.read_time(text.replace(" ", "+"))
    try:
        if at is not None:
            return at.astimezone(UTC)
    except OverflowError:
        pass
    raise UnreadableAsk(why=Said("{parameter} has a time as in 2026-11-28T23:21:27Z", parameter=parameter))


def _beginning(added_after: str, terms_at: datetime | None) -> tuple[int, Place, int, bool]:
    upto = changes.last()[0]
    if not added_after:
        return 0, START, upto, True
    after = _time(added_after, "added_after")
    if terms_at and after < terms_at:
        return 0, START, upto, False
    still = 99 if after >= stix.BEGINNING else 0
    behind = after if changes.is_at(after) else max(after, EPOCH + OVERLAP) - OVERLAP
    return still, changes.behind(changes.number_at(behind)), upto, False


def _following(text: str) -> tuple[int, Place, int, bool]:
    found = _NEXT.fullmatch(text)
    if found is None:
        raise UnreadableAsk(why=N_("next is none of this node's"))
    return int(found[1]), Place(int(found[2]), found[3], int(found[4])), int(found[5]), found[6] == "1"


@dataclass(frozen=True, slots=True)
class Found:
    """A page, and what stands in the headers about it."""

    objects: list[Object]
    next: str
    items: int
    """How many of the objects are items."""
    until: datetime | None
    """Everything that was added up to then has been told with this page, or before."""

    def headers(self) -> dict[str, str]:
        """When the first and the last object were added. Of a change that goes on with the next page the time is not
        told as done: whoever breaks off here and goes on by time would miss the rest.
        """
        if not self.objects or self.until is None:
            return {}
        first = min(self.objects[0].added, self.until)
        return {"X-TAXII-Date-Added-First": stamp(first), "X-TAXII-Date-Added-Last": stamp(self.until)}


def page(writer: Writer, asked: Asked) -> Found:
    """The objects of a page."""
    wanted = [(n, one) for n, one in enumerate(writer.still) if n >= asked.still and asked.wants(one)]
    resting, left = [one for _, one in wanted[: asked.limit]], wanted[asked.limit :]
    if left:
        return Found(resting, asked.next(still=left[0][0], place=asked.place), 0, resting[-1].added)
    told, more = _items(writer, asked, asked.limit - len(resting))
    name_organisations(writer, told)
    items = [made for one in told if asked.wants(made := writer.indicator(one))]
    until = writer.added(told[-1]) if told else resting[-1].added if resting else None
    if until and more and told and writer.added(more) == until:
        until -= timedelta(microseconds=1)
    following = asked.next(still=99, place=told[-1].place if told else asked.place) if more else ""
    return Found([*resting, *items], following, len(items), until)


def _items(writer: Writer, asked: Asked, room: int) -> tuple[list[changes.Told], changes.Told | None]:
    """The items of a page, and the one behind them."""
    if (asked.types is not None and "indicator" not in asked.types) or (asked.specs and "2.1" not in asked.specs):
        return [], None
    if asked.ids is not None:
        numbers = [number for one in asked.ids if (number := writer.item_of(one))]
        found = changes.told(numbers, lists=[writer.of.pk], signals=SIGNALS)
        there = [one for one in found if asked.place.number <= one.number <= asked.upto]
        return [one for one in there if one.stands or not asked.fresh], None
    found = changes.changes(
        [writer.of.pk],
        behind=asked.place,
        upto=asked.upto,
        limit=room + 1,
        signals=SIGNALS,
        standing=asked.fresh,
    )
    return found[:room], found[room] if len(found) > room else None


def name_organisations(writer: Writer, told: list[changes.Told]) -> None:
    """Let the writer know who stands behind items."""
    wanted = {one.organisation for one in told} - writer.names.keys()
    for one in organisations.organisations().filter(pk__in=wanted):
        writer.names[one.pk] = one.name, one.jurisdiction
