"""What this node's own organisation says about the items of a list, as it is told to others.

Of each item only where our organisation stands now is told: that it vouches, or does not any more, and how it votes;
what it marked as disputed as its list's steward, it disputes.
How it came to that stays here. What others say is theirs to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from himaya.core import clock, registry
from himaya.core.statements import ABSTAIN, CONFIRM, DISPUTE, DOUBT, RETRACT, VOUCH, WITHDRAW
from himaya.core.statements import Statement as Said
from himaya.lists import organisations, queries
from himaya.lists.admission import STEWARD
from himaya.lists.changes import START, Place, changes
from himaya.lists.models import Statement

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.lists.models import HashList

BATCH = 2_000
NO_END = 2**63 - 1
"""Behind every change."""
VOTES = (CONFIRM, DISPUTE, ABSTAIN)


def own_words(hash_list: HashList, *, since: int = 0, upto: int) -> Iterator[Said]:
    """Where our organisation stands on each item that changed after ``since``, in constant memory.

    Args:
        hash_list: the list.
        since: the number of a change; 0: everything, and then only what stands.
        upto: the number of the last change that is looked at. Of everything it is not the end: what changes while this
            is read stands behind it then, and whoever has the whole would take it for gone.
    """
    upto = upto if since else NO_END
    ours = organisations.own()
    signals = registry.signals()
    place = Place(since + 1) if since else START
    while page := changes([hash_list.pk], behind=place, upto=upto, limit=BATCH, signals=list(signals)):
        place = page[-1].place
        said = _said((one.item for one in page), ours.pk)
        for one in page:
            for act, word in _stands(said.get(one.item, []), whole=not since):
                has_parts = act == VOUCH and signals[one.signal].composite
                parts = queries.bodies_by_id([one.item]).get(one.item, b"") if has_parts else b""
                at, until = word.at.replace(microsecond=0), word.until.replace(microsecond=0) if word.until else None
                yield Said(
                    ours.name, ours.jurisdiction, act, one.signal, one.value, word.scheme, word.code, word.basis,
                    at, until, word.key, word.reason, parts,
                )  # fmt: skip


class _Word(NamedTuple):
    item_id: int
    act: str
    scheme: str
    code: str
    basis: str
    at: datetime
    until: datetime | None
    key: str
    reason: str


def _said(items: Iterable[int], organisation: int) -> dict[int, list[_Word]]:
    found, ids = dict[int, list[_Word]](), list(items)
    # Between them there is little else, most often; PostgreSQL, asked for them one by one, would rather read the table.
    near = Statement.objects.filter(item__gte=min(ids), item__lte=max(ids))
    rows = near.filter(item__in=ids, organisation=organisation).order_by("pk")
    for word in map(_Word._make, rows.values_list(*_Word._fields)):
        found.setdefault(word.item_id, []).append(word)
    return found


def _stands(words: list[_Word], *, whole: bool) -> Iterator[tuple[str, _Word]]:
    """Whether we vouch, and how we vote; with ``whole`` only what stands, else also what does not any more."""
    vouches = {one.key: one for one in words if one.act in (VOUCH, RETRACT)}
    standing = [one for one in vouches.values() if one.act == VOUCH and not (one.until and one.until <= clock.now())]
    steward = [one for one in words if one.act in STEWARD][-1:]
    gone = bool(steward) and steward[0].act == WITHDRAW
    if standing and not gone:
        yield VOUCH, standing[-1]
    elif vouches and not whole:
        yield RETRACT, steward[0] if gone else words[-1]
    votes = [one for one in words if one.act in VOTES][-1:]
    if steward and steward[0].act == DOUBT:
        yield DISPUTE, steward[0]
    elif votes and not (whole and votes[0].act == ABSTAIN):
        yield votes[0].act, votes[0]
    elif not votes and not whole and any(one.act == DOUBT for one in words):
        yield ABSTAIN, steward[0]


def has_news(hash_list: HashList, *, since: int, upto: int) -> bool:
    """Whether anything of the list changed after ``since``."""
    return news_since(hash_list, since=since, upto=upto) is not None


def news_since(hash_list: HashList, *, since: int, upto: int) -> datetime | None:
    """When the first thing of the list changed that changed after ``since``; None: nothing did."""
    first = changes([hash_list.pk], behind=Place(since + 1), upto=upto, limit=1)
    return first[0].at if first else None
