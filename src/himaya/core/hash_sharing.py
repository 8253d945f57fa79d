"""The hash sharing protocol, version 2: its words, and what a page of entries says.

NCMEC made it (documentation of its hash sharing API; ``threatexchange``'s client). It is spoken on both sides: to read
NCMEC's lists, and to serve our own to clients of NCMEC's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from himaya.core.exchange import MAX_KEY, MAX_SIGNALS, Entry, Gone, Opinion, SourceTrouble, Vote
from himaya.core.markup import BadMarkup, child, named, pieces, text
from himaya.core.ports import Refusal
from himaya.core.statements import LONGEST
from himaya.core.words import N_, Said, printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
"""The namespace of what is sent; of what comes, the names alone are looked at."""
TYPES: Mapping[str, str] = MappingProxyType(
    {
        "md5": "MD5",
        "sha1": "SHA1",
        "pdna": "PDNA",
        "pdq": "PDQ",
        "netclean": "NETCLEAN",
        "videntifier": "VIDENTIFIER",
        "tmk-pdqf": "TMK_PDQF",
        "ssvh-pdna": "SSVH_PDNA",
        "ssvh-safer-hash": "SSVH_SAFER_HASH",
    }
)
"""Fingerprints, as elements of an entry name them (and as we pass them on) → as paths do."""
SCHEME, CLASSES = "ncmec-industry", ("A1", "A2", "B1", "B2")
ENTRIES, VOTES = 10_000, 500
"""Entries of a page, votes of an entry that are taken."""
_OPINIONS: Mapping[str, Opinion] = {"affirmativeFeedback": "confirm", "negativeFeedback": "dispute"}
ODD = N_("Report it to whoever runs the source.")


@dataclass(frozen=True, slots=True)
class Linked:
    """An entry, and what of its fingerprints is to be had elsewhere: name and link."""

    entry: Entry
    links: tuple[tuple[str, str], ...]
    line: int


class Told:
    """What a page tells. Once all was read, ``link`` is that to the next page, ``number`` that of its entries and
    ``latest`` the time of the last of their changes.
    """

    def __init__(self, content: bytes) -> None:
        self._content, self.link, self.number = content, "", 0
        self.latest: datetime | None = None

    def changes(self) -> Iterator[Entry | Gone | Refusal | Linked]:
        """Of the page, in its order."""
        try:
            for around, element in pieces(self._content, root="queryResult", depth=2):
                if around == "paging" and named(element) == "next":
                    self.link = text(element)
                elif around in ("images", "videos"):
                    self.number += 1
                    if self.number > ENTRIES:
                        raise SourceTrouble(why=Said("it gives more than {n} entries at a time", n=ENTRIES), mend=ODD)
                    at = _at(text(child(element, "timestamp")))
                    self.latest = max(filter(None, (self.latest, at)), default=None)
                    yield _change(element, self.number, at)
        except BadMarkup as error:
            raise untold(error) from None


def _change(element: Element, line: int, at: datetime | None) -> Entry | Gone | Refusal | Linked:
    member, key = child(element, "member"), text(child(element, "id"))
    organisation, number = _organisation(member), member.get("id", "") if member is not None else ""
    key = f"{number}:{key}"
    if not organisation or not key.partition(":")[2] or len(key) > MAX_KEY or not key.isprintable():
        return Refusal(line, N_("it does not say whose it is, or what it is called"), printable(key)[:80])
    kind = named(element)
    if kind in ("deletedImage", "deletedVideo"):
        return Gone(key, N_("deleted at the source"), at)
    if kind not in ("image", "video"):
        return Refusal(line, Said("an entry of the kind {kind} is not known", kind=printable(kind)), key[:80])
    fingerprints = child(element, "fingerprints")
    given = list(fingerprints) if fingerprints is not None else []
    if len(given) > MAX_SIGNALS:
        return Refusal(line, Said("it has more than {n} fingerprints", n=MAX_SIGNALS), key[:80])
    if not given:
        return Gone(key, N_("without a fingerprint at the source"), at)
    code = text(child(element, "classification")).upper()
    entry = Entry(
        key=key,
        signals=tuple((_kind(one), text(one)) for one in given if text(one) or not one.get("href")),
        scheme=SCHEME if code in CLASSES else "",
        code=code if code in CLASSES else "",
        organisation=organisation,
        at=at,
        note=f"classification {printable(code)[:60]}" if code and code not in CLASSES else "",
        votes=_votes(child(element, "feedback")),
    )
    links = tuple((_kind(one), one.get("href", "")) for one in given if not text(one) and one.get("href"))
    return Linked(entry, links, line) if links else entry


def _kind(fingerprint: Element) -> str:
    return named(fingerprint).lower().replace("_", "-")[:40]


def _organisation(member: Element | None) -> str:
    """A member as an organisation: its name for people, and its number, since names are neither unique nor for ever."""
    number = member.get("id", "") if member is not None else ""
    if not re.fullmatch(r"[a-z0-9-]{1,18}", number):
        return ""
    name = re.sub(r"[^a-z0-9]+", "-", text(member).lower()).strip("-")[:40].rstrip("-")
    return f"{name or 'member'}.{number}"


def _at(said: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(said)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _votes(feedback: Element | None) -> tuple[Vote, ...]:
    """One vote a member: who disputes one fingerprint of an entry does not confirm the entry by another."""
    votes: dict[str, Vote] = {}
    for opinion, kind, why, members in _opinions(feedback):
        at = _at(members.get("timestamp", ""))
        for organisation in filter(None, map(_organisation, members)):
            before, reason = votes.get(organisation), f"{why} ({kind})" if why else kind
            if before and before.opinion == opinion:
                reason = f"{before.reason}; {reason}"
            elif before and opinion == "confirm":
                continue
            votes[organisation] = Vote(organisation, opinion, reason[:LONGEST], at)
    return tuple(votes.values())[:VOTES]


def _opinions(feedback: Element | None) -> Iterator[tuple[Opinion, str, str, Element]]:
    """Opinion, fingerprint, reason and those who say so. A reason stands before its members, or around them."""
    for one in feedback if feedback is not None else ():
        opinion = _OPINIONS.get(named(one))
        if opinion is None:
            continue
        kind, reasons = printable(one.get("type", ""))[:40], list[str]()
        for inner in one.iter():
            if named(inner) == "reason":
                reasons.append(printable(inner.get("name", ""))[:120])
            elif named(inner) == "members":
                yield opinion, kind, ", ".join(filter(None, reasons)), inner
                reasons.clear()


def untold(error: BadMarkup) -> SourceTrouble:
    """What is not XML, as trouble with the source."""
    return SourceTrouble(why=Said("its answer is not XML as it should be: {why}", why=error.why), mend=ODD)
