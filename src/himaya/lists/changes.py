"""What lists have to tell others: their changes, in the order in which they began to count.

A reader that has everything up to some :class:`Place` asks for what came behind it, and gets each item once, as it is
now: an item that changed twice stands at its last change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from himaya.core import clock
from himaya.core.statements import CONFIRM, DISPUTE, DOUBT, RETRACT, VOUCH
from himaya.lists.admission import MATCHING, STEWARD
from himaya.lists.models import HashList, Item, Portion, Revision, Statement

MOST = 10_000
"""Items of one answer."""


class Place(NamedTuple):
    """Behind which item a reader is. ``number`` is that of a change; ``signal`` and ``item`` the last one of it."""

    number: int = 0
    signal: str = ""
    item: int = 0


START = Place()


def behind(number: int) -> Place:
    """Behind all of a change."""
    return Place(number + 1)


class Told(NamedTuple):
    """An item as it is told to others. ``stands``: it can match; else it is gone. ``organisation`` is an id."""

    number: int
    at: datetime
    item: int
    signal: str
    value: str
    state: str
    scheme: str
    code: str
    source: str
    note: str
    list_id: int
    organisation: int
    added_at: datetime

    @property
    def place(self) -> Place:
        """Where a reader is that has read this one."""
        return Place(self.number, self.signal, self.item)

    @property
    def stands(self) -> bool:
        """Whether it counts."""
        return self.state in MATCHING


_COLUMNS = """
SELECT r.number, r.at, i.id, i.signal, i.value, i.state, i.scheme, i.code, i.source, i.note, i.list_id,
    i.organisation_id, i.added_at
FROM lists_revision r JOIN lists_item i ON i.revision = r.id
WHERE NOT i.negative AND i.list_id IN ({lists}) {signals} {standing} """
_IN_SIGNAL = "AND i.revision = %s AND r.number IS NOT NULL AND i.signal = %s AND i.id > %s ORDER BY i.id LIMIT %s"
_IN_CHANGE = "AND i.revision = %s AND r.number IS NOT NULL AND i.signal > %s ORDER BY i.signal, i.id LIMIT %s"
_IN_CHANGES = "AND r.number BETWEEN %s AND %s ORDER BY r.number, i.signal, i.id LIMIT %s"
"""What comes behind a place: the rest of its signal in its change, the rest of that change, the changes behind it. A
change may bring millions of items. In one change they are read in the order of an index, so that none is walked past,
or sorted, for the sake of others; PostgreSQL would sort all that several changes brought.
"""
WIDEST = 1024
"""Changes that are read together. The first is read alone, and each time twice as many while a page has room: however
large changes are, then, what is sorted for a page is about as much as it holds, but for the page in which they begin.
"""
_ITEMS = "AND r.number IS NOT NULL AND i.id IN ({items}) ORDER BY r.number, i.signal, i.id"


def changes(
    lists: Iterable[int],
    *,
    behind: Place = START,
    upto: int,
    limit: int,
    signals: Iterable[str] = (),
    standing: bool = False,
) -> list[Told]:
    """The next items that changed, at most ``limit``; none of those that are known to be benign.

    Args:
        lists: ids of the lists.
        behind: where the reader is.
        upto: the number of the last change that is looked at: the same for all pages of one reading.
        limit: 1 to :data:`MOST`.
        signals: of these alone; of all where empty.
        standing: those alone that count, for a reader that has nothing yet.
    """
    ids, kinds, found, most = list(lists), list(signals), list[Told](), min(limit, MOST)

    def read(step: str, *place: object) -> None:
        if len(found) < most:
            found.extend(_found(step, ids, kinds, [*place, most - len(found)], standing=standing))

    number, signal, item = behind
    if signal or item:
        for here in Revision.objects.filter(number=number, number__lte=upto).values_list("pk", flat=True):
            read(_IN_SIGNAL, here, signal, item)
            read(_IN_CHANGE, here, signal)
        number += 1
    theirs = Revision.objects.filter(Q(list=None) | Q(list__in=ids), number__lte=upto).order_by("number")
    width = 1
    while len(found) < most and (some := theirs.filter(number__gte=number).values_list("number", "pk")[:width]):
        (first, pk), (last, _) = some[0], some[len(some) - 1]
        if width == 1:
            read(_IN_CHANGE, pk, "")
        else:
            read(_IN_CHANGES, first, last)
        number, width = (last or 0) + 1, min(width * 2, WIDEST)
    return found


def told(items: Iterable[int], *, lists: Iterable[int], signals: Iterable[str] = ()) -> list[Told]:
    """Some items, at most :data:`MOST`, as :func:`changes` would tell them; those alone that are on one of the lists,
    and of these signals.
    """
    ids = list(items)[:MOST]
    return _found(_ITEMS.format(items=_marks(ids)), lists, signals, ids) if ids else []


class Part(NamedTuple):
    """Items of a list whose numbers divided by a size are ``number``: when one of them changed last, and how many."""

    number: int
    at: datetime
    items: int


_PARTS = """
SELECT i.id / {size}, MAX(r.at), COUNT(*) FROM lists_item i JOIN lists_revision r ON r.id = i.revision
WHERE i.list_id = %s AND NOT i.negative AND r.number IS NOT NULL AND i.signal IN ({signals}) {only}
GROUP BY 1 ORDER BY 1"""


def parts(hash_list: HashList, *, size: int, signals: Iterable[str], only: int | None = None) -> Iterator[Part]:
    """A list in parts, for protocols that know no changes; with what is proposed, which may have counted once. It reads
    all items.

    Args:
        hash_list: the list.
        size: of a part.
        signals: of these alone.
        only: this part alone.
    """
    kinds = list(signals)
    chosen = "" if only is None else "AND i.id >= %s AND i.id < %s"
    bounds = [] if only is None else [only * size, (only + 1) * size]
    with connection.cursor() as cursor:
        statement = _PARTS.format(size=int(size), signals=_marks(kinds), only=chosen)
        cursor.execute(statement, [hash_list.pk, *kinds, *bounds])
        for number, at, items in cursor.fetchall():
            yield Part(number, _aware(at), items)


def _found(
    rest: str, lists: Iterable[int], signals: Iterable[str], parameters: list[Any], *, standing: bool = False
) -> list[Told]:
    ids, kinds = list(lists), list(signals)
    if not ids:
        return []
    statement = _COLUMNS.format(
        lists=_marks(ids),
        signals=f"AND i.signal IN ({_marks(kinds)})" if kinds else "",
        standing="AND i.state IN ('active', 'disputed')" if standing else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(statement + rest, [*ids, *kinds, *parameters])
        return [_told(*row) for row in cursor.fetchall()]


def _marks(values: list[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def _told(*row: Any) -> Told:
    told = Told(*row)
    return told._replace(at=_aware(told.at), added_at=_aware(told.added_at))


def _aware(at: object) -> datetime:
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    assert isinstance(found, datetime)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def number_at(at: datetime) -> int:
    """The number of the last change that counted at a time; 0 where none did."""
    found = Revision.objects.filter(number__isnull=False, at__lte=at).order_by("-at", "-number")
    return found.values_list("number", flat=True).first() or 0


def last() -> tuple[int, datetime | None]:
    """Number and time of the last change that counts; 0 and None where there was none.

    All that have a lower number count, too: numbers are given one after the other, each once the one before it holds.
    A change that is still on its way may have a time before now.
    """
    return _newest(Revision.objects.all())


def last_of(hash_list: HashList) -> tuple[int, datetime | None]:
    """As :func:`last`, of the items of one list."""
    changed = Exists(Item.everything.filter(revision=OuterRef("pk"), list=hash_list))
    rows = Revision.objects.filter(Q(list=hash_list) | Q(list=None), changed)
    return _newest(rows)


def _newest(rows: QuerySet[Revision]) -> tuple[int, datetime | None]:
    found = rows.filter(number__isnull=False).order_by("-number").values_list("number", "at").first()
    return (found[0] or 0, found[1]) if found else (0, None)


def is_at(at: datetime) -> bool:
    """Whether a change began to count at exactly this time: then it is one that we told."""
    return Revision.objects.filter(number__isnull=False, at=at).exists()


def speakers(lists: Iterable[int]) -> dict[int, str]:
    """Organisation → title, of those that stand behind items of these lists, the first of each item."""
    rows = Portion.objects.filter(list__in=list(lists), number__gt=0, negative=False)
    return dict(rows.values_list("organisation", "organisation__title").distinct())


# --- who says so -----------------------------------------------------------------------------------------------------


class Opinion(NamedTuple):
    """The last word of an organisation (id, title) on a matter: whether it vouches, or how it votes."""

    organisation: int
    title: str
    act: str
    scheme: str
    code: str
    reason: str
    at: datetime


class Heard(NamedTuple):
    """What organisations say about an item now; ``former`` vouched for it once. In the order in which it was said."""

    vouching: tuple[Opinion, ...] = ()
    former: tuple[Opinion, ...] = ()
    votes: tuple[Opinion, ...] = ()


def heard(items: Iterable[int]) -> dict[int, Heard]:
    """Item → what is said about it; at most :data:`MOST` items. What a steward marks as disputed, it disputes."""
    said: dict[int, dict[tuple[int, str, str], Statement]] = defaultdict(dict)
    rows = Statement.objects.filter(item__in=list(items))
    for one in rows.select_related("organisation").order_by("pk"):
        vouches = one.act in (VOUCH, RETRACT)
        matter = VOUCH if vouches else DOUBT if one.act in STEWARD else DISPUTE
        said[one.item_id][one.organisation_id, one.key if vouches else "", matter] = one
    now = clock.now()
    return {item: _heard(found.values(), now) for item, found in said.items()}


def _heard(last_words: Iterable[Statement], now: datetime) -> Heard:
    vouching, former, votes = dict[int, Opinion](), dict[int, Opinion](), dict[int, Opinion]()
    for one in sorted(last_words, key=lambda one: one.act == DOUBT):  # in one's own place of a vote comes the mark
        act = DISPUTE if one.act == DOUBT else one.act
        said = Opinion(one.organisation_id, one.organisation.title, act, one.scheme, one.code, one.reason, one.at)
        stands = not one.until or one.until > now
        if act in (CONFIRM, DISPUTE) and stands:
            votes[one.organisation_id] = said
        elif one.act == VOUCH and stands:
            vouching[one.organisation_id] = said
        elif one.act in (VOUCH, RETRACT):
            former[one.organisation_id] = said
    gone = tuple(said for organisation, said in former.items() if organisation not in vouching)
    return Heard(tuple(vouching.values()), gone, tuple(votes.values()))
