"""Reading lists and items."""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection
from django.db.models import Exists, Max, OuterRef, Q, Sum
from django.db.models.functions import Length

from himaya.core import registry
from himaya.core.errors import BadSignal
from himaya.core.ports import ItemRow
from himaya.core.words import N_
from himaya.lists.arrivals import CHANNEL
from himaya.lists.models import (
    ACTIVE,
    DISPUTED,
    EXPIRED,
    MATCHING,
    PROPOSED,
    WITHDRAWN,
    Body,
    HashList,
    Item,
    Portion,
    Quarantine,
    Revision,
    Statement,
)  # fmt: skip

__all__ = ["CHANNEL"]
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class Known:
    """An item that can match, with its list's terms. ``radius`` is the greatest distance, 0 for an exact signal."""

    id: int
    list_name: str
    signal: str
    value: str
    radius: int
    state: str
    scheme: str
    code: str
    source: str
    reference: str
    added_by: str
    added_at: datetime
    negative: bool = False
    """Known to be benign: no match, but what keeps others from being one."""
    quarantined: bool = False
    """It suddenly matched too much: it opens no case until a person has looked at it."""


def revision() -> int:
    """The number of the last change of any item or list."""
    return int(_first("SELECT MAX(number) FROM lists_revision") or 0)


def arriving(hash_list: HashList) -> bool:
    """Whether an import into the list is under way, or was killed and is not yet swept up."""
    return Revision.objects.filter(list=hash_list, number=None).exists()


def lists() -> QuerySet[HashList]:
    """All lists by name."""
    return HashList.objects.order_by("name")


@dataclass(frozen=True, slots=True)
class Standing:
    """How many items of a list are in each state, and when one changed last. ``negative`` ones, known to be benign,
    stand apart, whatever their state.
    """

    active: int = 0
    disputed: int = 0
    withdrawn: int = 0
    proposed: int = 0
    expired: int = 0
    negative: int = 0
    changed: datetime | None = None

    @property
    def items(self) -> int:
        """All of them."""
        return self.active + self.disputed + self.withdrawn + self.proposed + self.expired + self.negative


def standings(of: HashList | None = None) -> dict[int, Standing]:
    """List id → its standing, for one list or for all; a list that never had an item is not among them."""
    rows = Portion.objects.filter(list=of) if of else Portion.objects.all()
    found: dict[int, Standing] = {}
    kinds = rows.values_list("list", "state", "negative")
    for list_id, state, negative, n, changed in kinds.annotate(n=Sum("number"), changed=Max("changed_at")).order_by():
        before = found.get(list_id, Standing())
        latest = max(changed, before.changed or changed)
        counted = {"negative": before.negative + n} if negative else {state: n}
        found[list_id] = replace(before, **counted, changed=latest)
    return found


def composition(hash_list: HashList) -> list[dict[str, Any]]:
    """How many items by signal, scheme and code, without those known to be benign; the largest first."""
    rows = Portion.objects.filter(list=hash_list, negative=False, state__in=MATCHING).values("signal", "scheme", "code")
    found = rows.annotate(n=Sum("number"), changed=Max("changed_at")).filter(n__gt=0).order_by("-n", "signal")
    return [dict(row) for row in found]


def sizes() -> dict[str, tuple[int, datetime]]:
    """Signal → how many items can match, and when an item of it changed last."""
    rows = Portion.objects.values_list("signal").order_by()
    matching = Sum("number", filter=Q(state__in=MATCHING), default=0)
    return {signal: (n, changed) for signal, n, changed in rows.annotate(n=matching, changed=Max("changed_at"))}


def readings(text: str) -> dict[str, str]:
    """Signal → canonical value, for every signal that can read what somebody wrote."""
    found = {}
    for signal in registry.signals().values():
        with suppress(BadSignal):
            found[signal.name] = signal.parse(text)
    return found


def items(
    hash_list: HashList,
    *,
    after: int = 0,
    state: str = "",
    value: str = "",
    part: Mapping[str, str] | None = None,
    negative: bool | None = None,
) -> QuerySet[Item]:
    """Items in the order in which they came.

    Args:
        hash_list: of which list.
        after: only items that came after this one.
        state: only items in this state.
        value: only this one, as somebody writes it; every signal that can read it is asked.
        part: only items that match, with exactly this ``signal``, ``scheme``, ``code``, ``organisation`` (its name:
            who vouched for it first, of those who still do) or ``agreement`` (how many organisations vouch for it).
        negative: only items that are, or that are not, known to be benign; both where None.
    """
    rows = Item.objects.filter(list=hash_list, pk__gt=after).order_by("pk")
    if state:
        rows = rows.filter(state=state)
    if negative is not None:
        rows = rows.filter(negative=negative)
    if part:
        if not re.fullmatch("[0-9]{1,2}", part.get("agreement", "1")):
            return rows.none()
        exactly = {"organisation__name" if name == "organisation" else name: value for name, value in part.items()}
        rows = rows.filter(**exactly, state__in=MATCHING, negative=False)
    if not value:
        return rows
    read = [Q(signal=signal, value=canonical) for signal, canonical in readings(value).items()]
    return rows.filter(reduce(or_, read)) if read else rows.none()


def item(pk: int) -> Item | None:
    """One item with its list, or None."""
    return Item.objects.select_related("list", "organisation").filter(pk=pk).first()


def statements(of: Item) -> QuerySet[Statement]:
    """Everything that was said about an item and counts."""
    return Statement.objects.filter(item=of).select_related("organisation", "subscription").order_by("-pk")


def latest_words(items: Iterable[int]) -> list[Statement]:
    """The last word of each other organisation about any of some items, newest first."""
    found: dict[int, Statement] = {}
    said = Statement.objects.filter(item__in=list(items), organisation__own=False).select_related("organisation")
    said = said.order_by("-pk")
    for one in said[:500]:
        found.setdefault(one.organisation_id, one)
    return list(found.values())


def rows(hash_list: HashList, *, states: Iterable[str] = (ACTIVE,)) -> Iterator[ItemRow]:
    """The list as rows of a file, in constant memory; a composite value as others write it, with all its parts."""
    found = Item.objects.filter(list=hash_list, state__in=list(states)).order_by("pk")
    for one in found.iterator(chunk_size=5000):
        value = _written(one) if one.signal in _composite() else one.value
        terms = (one.scheme, one.code, one.source, one.reference, one.note)
        yield ItemRow(0, one.signal, value, *terms, negative=one.negative)


def _composite() -> set[str]:
    return {name for name, signal in registry.signals().items() if signal.composite}


def _written(one: Item) -> str:
    return registry.signal(one.signal).write(one.value, bodies_by_id([one.pk]).get(one.pk, b""))


def bodies(signal: str, values: Iterable[str]) -> dict[str, bytes]:
    """Value → the parts that it is the digest of, for values of a composite signal that any list has, in any state."""
    found = Body.objects.filter(item__signal=signal, item__value__in=list(values))
    return {value: bytes(data) for value, data in found.values_list("item__value", "data")}


def bodies_by_id(ids: Iterable[int]) -> dict[int, bytes]:
    """Item id → its parts, for items of composite signals."""
    return {pk: bytes(data) for pk, data in Body.objects.filter(item__in=list(ids)).values_list("item", "data")}


def body_sizes(ids: Iterable[int]) -> dict[int, int]:
    """Item id → the bytes of its parts, for items of composite signals."""
    return dict(Body.objects.filter(item__in=list(ids)).values_list("item", Length("data")))


def matching_since(number: int, *, signal: str) -> Iterator[tuple[int, str, int]]:
    """Items of a signal that changed after revision ``number`` and can match now: id, value, id of the list.

    In constant memory, and as plain tuples: there may be tens of millions.
    """
    found = _since(number, signal).filter(state__in=MATCHING)
    return found.values_list("pk", "value", "list").iterator(chunk_size=50_000)


def withdrawn_since(number: int, *, signal: str) -> Iterator[int]:
    """Items of a signal that changed after revision ``number`` and cannot match now."""
    found = _since(number, signal).exclude(state__in=MATCHING)
    return found.values_list("pk", flat=True).iterator(chunk_size=50_000)


def _since(number: int, signal: str) -> QuerySet[Item]:
    found = Item.objects.filter(signal=signal)
    return found.filter(revision__in=Revision.objects.filter(number__gt=number).values("pk")) if number else found


class Gained(NamedTuple):
    """An item that a list gained and that can match, on its list's terms; ``radius`` is in bits."""

    id: int
    signal: str
    value: str
    list_id: int
    radius: int


def gained(since: int, upto: int, *, signals: Iterable[str], after: int, most: int) -> list[Gained]:
    """Items that came, or changed, in some changes of the lists, in the order of ids; all those of a list that was
    switched on by one of these, and all that need not be equal where its radius grew.

    Args:
        since: the number of the last change before these.
        upto: the number of the last of them.
        signals: of these signals alone.
        after: beginning after this item.
        most: so many at most.
    """
    wanted = list(signals)
    changes = Revision.objects.filter(number__gt=since, number__lte=upto).values("pk")
    found = Item.objects.filter(signal__in=wanted, pk__gt=after, negative=False, list__enabled=True)
    found = found.filter(state__in=MATCHING).order_by("pk")
    sources = [found.filter(revision__in=changes)]  # each by its own index
    for pk, on in HashList.objects.filter(
        Q(switched_on__in=changes) | Q(widened__in=changes), enabled=True
    ).values_list("pk", Exists(changes.filter(pk=OuterRef("switched_on")))):
        near = wanted if on else [signal for signal in wanted if not registry.is_exact(signal)]
        if near:
            sources.append(found.filter(list=pk, signal__in=near))
    rows = {
        row[0]: row
        for one in sources
        for row in one.values_list("pk", "signal", "value", "list", "list__radius")[:most]
    }
    return [Gained(*rows[pk]) for pk in sorted(rows)[:most]]


class Terms(NamedTuple):
    """What a list allows: the greatest distance, in bits, at which its items match, and whether they do at all."""

    id: int
    name: str
    radius: int
    enabled: bool


def terms() -> list[Terms]:
    """The terms of every list."""
    return [Terms(*row) for row in HashList.objects.values_list("pk", "name", "radius", "enabled")]


def known_by_id(ids: Iterable[int]) -> dict[int, Known]:
    """Items that can match now, with their lists' terms, by id."""
    wanted = list(ids)
    found: dict[int, Known] = {}
    for start in range(0, len(wanted), 500):
        found.update({one.id: one for one in _matchable("i.id IN ({marks})", wanted[start : start + 500])})
    return found


def known_by_value(signal: str, values: Iterable[str]) -> dict[str, list[Known]]:
    """Items that can match now and have one of these exact values."""
    wanted = list(values)
    found: dict[str, list[Known]] = defaultdict(list)
    for start in range(0, len(wanted), 500):
        for one in _matchable("i.value IN ({marks}) AND i.signal = %s", wanted[start : start + 500], signal):
            found[one.value].append(one)
    return found


_MATCHABLE = """
SELECT i.id, l.name, i.signal, i.value, l.radius, i.state, i.scheme, i.code, i.source, i.reference, i.added_by,
    i.added_at, i.negative, EXISTS (SELECT 1 FROM lists_quarantine q WHERE q.item_id = i.id AND q.ended_at IS NULL)
FROM lists_item i JOIN lists_hashlist l ON l.id = i.list_id
WHERE {chosen} AND i.state IN ('active', 'disputed') AND l.enabled
    AND NOT EXISTS (SELECT 1 FROM lists_revision r WHERE r.id = i.revision AND r.number IS NULL)"""


def _matchable(chosen: str, some: Sequence[int | str], *more: str) -> Iterator[Known]:
    """Items that can match now, chosen by one of ``some`` and, where that is asked too, ``more``.

    By hand, for each hit asks. The columns are those of :class:`Known`.
    """
    statement = _MATCHABLE.format(chosen=chosen.format(marks=", ".join(["%s"] * len(some))))
    with connection.cursor() as cursor:
        cursor.execute(statement, [*some, *more])
        for row in cursor.fetchall():
            one = Known(*row)
            radius = 0 if registry.is_exact(one.signal) else one.radius
            at = one.added_at if one.added_at.tzinfo else one.added_at.replace(tzinfo=UTC)  # SQLite keeps it without
            yield replace(one, radius=radius, added_at=at, negative=bool(one.negative), quarantined=bool(row[-1]))


def nothing_to_match(only: Iterable[str] = ()) -> str:
    """Why nothing can match, in words; empty where something can.

    Args:
        only: names of the lists that are looked in; all where empty. Of names that no list has, nothing is said.
    """
    names = list(only)
    found = HashList.objects.filter(name__in=names) if names else HashList.objects.all()
    switches = set(found.values_list("enabled", flat=True))
    if not switches:
        return "" if names else N_("there is no list")
    if True not in switches:
        return N_("every list to look in is switched off")
    matching = Portion.objects.filter(list__in=found.filter(enabled=True), negative=False, number__gt=0)
    return "" if matching.filter(state__in=MATCHING).exists() else N_("no list to look in has an item that can match")


def any_negative() -> bool:
    """Whether any list knows something to be benign."""
    return Portion.objects.filter(negative=True, number__gt=0).exists()


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    counted = Portion.objects.values_list("negative", "state").annotate(n=Sum("number")).order_by()
    states = {state: n for negative, state, n in counted if not negative}
    return {
        "lists": HashList.objects.count(),
        "items.active": states.get(ACTIVE, 0),
        "items.disputed": states.get(DISPUTED, 0),
        "items.withdrawn": states.get(WITHDRAWN, 0),
        "items.proposed": states.get(PROPOSED, 0),
        "items.expired": states.get(EXPIRED, 0),
        "items.quarantined": Quarantine.objects.filter(ended_at=None).count(),
        "items.negative": sum(n for negative, _, n in counted if negative),
    }


def _first(statement: str, *parameters: str) -> Any:
    """The first value that a statement finds, or None. What every question asks is written by hand: the database
    answers in a twentieth of the time that Django takes to compose it.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return row[0] if row else None


NEAR = 200
"""Numbers before and behind an item among which its siblings are looked for: a file brings them one after the other."""


def siblings(item: Item) -> QuerySet[Item]:
    """Other fingerprints that its source calls by the same reference, on the same list: those of the same content."""
    near = Item.objects.filter(list=item.list_id, pk__range=(item.pk - NEAR, item.pk + NEAR), negative=item.negative)
    found = near.filter(reference=item.reference, source=item.source).exclude(pk=item.pk).order_by("pk")
    return found if item.reference else found.none()
