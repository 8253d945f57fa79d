"""Writes documents out for people: one neutral wording for every channel.

Facts, fingerprints and decisions; never content. What strangers wrote (paths, addresses, reasons) is shown with
unprintable characters as escapes, so that it cannot forge a line or a mail header.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from himaya.core import registry
from himaya.core.documents import Document, MatchFact
from himaya.core.ports import Message
from himaya.core.words import printable

_TITLES = {"report": "Report", "notice": "Notice"}
_INTRODUCTIONS = {
    "report": (
        "This node found content whose fingerprint stands on a list of known child sexual abuse material.\n"
        "A reviewer confirmed it. No content is attached; this message holds facts and fingerprints only."
    ),
    "notice": (
        "At the places named below, content was found whose fingerprint stands on a list of known child sexual\n"
        "abuse material. A reviewer confirmed it. Please remove the content or disable access to it, keep what the\n"
        "law of your country asks you to keep, do not pass it on, and quote the key above in your answer.\n"
        "No content is attached; this message holds facts and fingerprints only.\n"
        "To the best of our knowledge they are accurate and complete."
    ),
}
_HARMFUL = (
    "At the places named below, content was found whose fingerprint stands on a list. A reviewer looked into it and\n"
    "holds it to be harmful to a child, although the law that applies to this node does not forbid it: this is no\n"
    "report of a crime. Please look at it by your own terms of service, and quote the key above in your answer.\n"
    "No content is attached; this message holds facts and fingerprints only."
)
"""What a host is told of it instead."""


def message(document: Document) -> Message:
    """The document as text and as JSON; the same document gives the same message."""
    return Message(
        key=document.key,
        subject=f"{_TITLES[document.kind]} on case {printable(document.case)}",
        text="\n".join(_lines(document)) + "\n",
        data=json.dumps(document.as_json(), indent=2, sort_keys=True) + "\n",
    )


def _lines(document: Document) -> Iterator[str]:
    yield f"{_TITLES[document.kind]} on case {printable(document.case)}"
    yield f"Key:  {printable(document.key)}"
    yield f"Node: {printable(document.node)}"
    yield f"Date: {_time(document.made_at)}"
    if document.contact:
        yield f"Contact: {printable(document.contact)}"
    yield ""
    yield _HARMFUL if document.harmful else _INTRODUCTIONS[document.kind]
    yield from _section("Decision", _verdict(document))
    yield from _section("Where it was seen", _sightings(document))
    if document.matches or document.kind == "report":
        yield from _section("Why it is known", _matches(document))
    yield from _section("Fingerprints", _fingerprints(document))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield from ("", title, "-" * len(title))
    first = next(lines, None)
    yield "none" if first is None else first
    yield from lines


def _verdict(document: Document) -> Iterator[str]:
    verdict = document.verdict
    yield f"Class:  {printable(verdict.label)} ({printable(verdict.scheme)}: {printable(verdict.code)})"
    if verdict.reason:
        yield f"Reason: {printable(verdict.reason)}"
    yield f"Date:   {_time(verdict.decided_at)}"


def _sightings(document: Document) -> Iterator[str]:
    for seen in document.sightings:
        where = (
            printable(seen.where) or "at a place that this node has no address of; the fingerprints tell the content"
        )
        yield f"{_time(seen.at)}  {where}" + (f"  ({printable(seen.origin)})" if seen.origin else "")


def _matches(document: Document) -> Iterator[str]:
    for match in document.matches:
        yield f"{printable(match.signal)} {printable(match.value)}: {_near(match)}"
        graded = f"{printable(match.scheme)}: {printable(match.code)}" if match.code else "not graded"
        yield f"    list {printable(match.list_name)}; {graded}; source {printable(match.source) or 'not named'}"


def _near(match: MatchFact) -> str:
    """A distance is told of those signals alone that know one."""
    if registry.is_exact(match.signal):
        return "the same file, byte for byte"
    return "equal" if match.distance == 0 else f"{match.distance} bits apart, {match.radius} allowed"


def _fingerprints(document: Document) -> Iterator[str]:
    for print_ in document.fingerprints:
        quality = "" if print_.quality is None else f" (quality {print_.quality} of 100)"
        yield f"{printable(print_.signal)} {printable(print_.value)}{quality}"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
