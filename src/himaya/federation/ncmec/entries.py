"""A page of entries as XML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from himaya.core import registry
from himaya.core.hash_sharing import CLASSES, SCHEME, SPACE, TYPES
from himaya.core.statements import CONFIRM, moment
from himaya.core.words import printable
from himaya.federation.ncmec.reasons import reasons_in
from himaya.lists.changes import Heard

if TYPE_CHECKING:
    from himaya.lists.changes import Opinion, Told

SIGNALS = tuple(sorted(set(TYPES) & {name for name, signal in registry.signals().items() if not signal.composite}))
"""Our signals that the protocol has a place for."""
IMAGE, VIDEO = "image", "video"
NOBODY = Heard()


def media(signal: str) -> tuple[str, ...]:
    """As what an item is told. Of an exact fingerprint a list does not know whether it is that of a picture or of a
    video; clients look for it where they look, so it is told as both.
    """
    return {"picture": (IMAGE,), "video": (VIDEO,)}.get(registry.signal(signal).media, (IMAGE, VIDEO))


def entry_id(item: int, kind: str, signal: str) -> str:
    """The id of an entry: the item's, with a ``v`` where it is told a second time, as a video."""
    return f"{item}v" if kind == VIDEO and len(media(signal)) > 1 else str(item)


def written(items: Iterable[Told], said: dict[int, Heard], titles: dict[int, str]) -> Iterator[str]:
    """Images and videos of a page. ``said``: item → what organisations say; ``titles``: of organisations."""
    found: dict[str, list[str]] = {IMAGE: [], VIDEO: []}
    latest: dict[str, datetime] = {}
    for one in items:
        heard = said.get(one.item, NOBODY)
        for kind in media(one.signal):
            found[kind] += _entries(one, kind, heard, titles)
            latest[kind] = max(latest.get(kind, one.at), one.at)
    for kind, entries in found.items():
        if entries:
            yield f'<{kind}s count="{len(entries)}" maxTimestamp="{moment(latest[kind])}">'
            yield from entries
            yield f"</{kind}s>"
        else:
            yield f'<{kind}s count="0"/>'


def _entries(one: Told, kind: str, heard: Heard, titles: dict[int, str]) -> Iterator[str]:
    """One for each who vouches for the item, and a deletion for each who did once; all of them where it is gone."""
    name, at = entry_id(one.item, kind, one.signal), moment(one.at)
    first = (one.organisation, titles.get(one.organisation, ""))
    those = {said.organisation: said.title for said in (*heard.vouching, *heard.former)}
    standing = {said.organisation: said for said in heard.vouching} if one.stands else {}
    for number, title in (those or dict([first])).items():
        who = member(number, title)
        if number in standing or (one.stands and not those):
            yield (
                f"<{kind}>{who}<timestamp>{at}</timestamp><id>{name}</id>{_class(one, standing.get(number))}"
                f"<fingerprints><{one.signal}>{escape(one.value)}</{one.signal}></fingerprints>"
                f"{_feedback(one.signal, heard.votes)}</{kind}>"
            )
        else:
            deleted = f"deleted{kind.capitalize()}"
            yield f"<{deleted}>{who}<id>{name}</id><timestamp>{at}</timestamp></{deleted}>"


def _class(one: Told, said: Opinion | None) -> str:
    """What its organisation classed it as, where that is a class of NCMEC's. No other scheme has one that is exactly
    the same, and none is told as another than it is.
    """
    scheme, code = (said.scheme, said.code) if said else (one.scheme, one.code)
    return f"<classification>{code}</classification>" if scheme == SCHEME and code in CLASSES else ""


def _feedback(signal: str, votes: tuple[Opinion, ...]) -> str:
    if not votes:
        return ""
    kind = quoteattr(TYPES[signal].capitalize())
    last = moment(max(vote.at for vote in votes))
    parts = []
    if agreeing := [vote for vote in votes if vote.act == CONFIRM]:
        parts.append(f'<affirmativeFeedback type={kind} lastUpdateTimestamp="{_last(agreeing)}">')
        parts.append(f"{_members(agreeing)}</affirmativeFeedback>")
    by_reason: dict[tuple[str, str], list[Opinion]] = {}
    for vote in votes:
        for reason in reasons_in(vote.reason, signal) if vote.act != CONFIRM else ():
            by_reason.setdefault(reason, []).append(vote)
    if by_reason:
        against = [vote for voters in by_reason.values() for vote in voters]
        parts.append(f'<negativeFeedback type={kind} lastUpdateTimestamp="{_last(against)}"><reasons>')
        for (guid, name), voters in by_reason.items():
            parts.append(f'<reason guid="{guid}" name={quoteattr(name)} type={kind}/>{_members(voters)}')
        parts.append("</reasons></negativeFeedback>")
    return f'<feedback lastUpdateTimestamp="{last}">{"".join(parts)}</feedback>'


def _members(votes: list[Opinion]) -> str:
    told = "".join(member(vote.organisation, vote.title) for vote in votes)
    return f'<members timestamp="{_last(votes)}">{told}</members>'


def _last(votes: list[Opinion]) -> str:
    return moment(max(vote.at for vote in votes))


def member(number: int, title: str) -> str:
    """An organisation."""
    return f'<member id="{number}">{escape(printable(title))}</member>'


def document(root: str, inner: str) -> str:
    """A whole answer."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{SPACE}">{inner}</{root}>'


def read_time(text: str, default: datetime) -> datetime:
    """A time in a question; of one without a zone, UTC.

    Raises:
        ValueError: it is none.
    """
    if not text:
        return default
    if len(text) > 40:
        raise ValueError(text[:40])
    found = datetime.fromisoformat(text.replace(" ", "+"))
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None
