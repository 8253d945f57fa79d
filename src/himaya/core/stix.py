"""Entries of a list as STIX 2.1 indicators, and back (OASIS STIX 2.1, with a property extension for list and class).

A pattern says that one of several digests equals; within which distance a perceptual one counts it cannot say, so that
the extension does.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stix2patterns.exceptions import ParseException
from stix2patterns.v21.pattern import Pattern

from himaya.core import clock, kinds, lines, statements
from himaya.core.exchange import MAX_SIGNALS, Entry, Gone, Vote
from himaya.core.ports import Refusal
from himaya.core.words import N_, Said

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
"""The time of what has none of its own."""
_KEYS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}
READ = frozenset(
    {"type", "id", "revoked", "pattern", "pattern_type", "indicator_types", "valid_from", "valid_until", "modified",
     "labels", "extensions"}
)  # fmt: skip
"""What is read of an object."""
DISPUTED = "disputed"
"""The label of what somebody disputes."""
BENIGN = "benign"
"""The type of an indicator of what is known to be harmless."""
AHEAD = timedelta(days=1)
"""So much may a time lie ahead: somebody's clock is wrong."""
_LOOKED_INTO = 5000
"""Characters of a pattern that is looked into, to say what is wrong with it; a longer one may be made to take long."""
_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ID = re.compile(r"indicator--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_TEXT = r"'((?:[^'\\]|\\['\\])*)'"
_COMPARISON = re.compile(rf"file:hashes\.(?:{_TEXT}|([A-Za-z_][A-Za-z0-9_-]*))\s*={{1,2}}\s*{_TEXT}")
_OR, _OPEN, _CLOSE = re.compile(r"\s*\bOR\b\s*"), re.compile(r"\s*\[\s*"), re.compile(r"\s*\]\s*")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the extension says of an entry; empty where it does not. ``distance`` in bits, of what is perceptual."""

    list: str = ""
    source: str = ""
    scheme: str = ""
    code: str = ""
    organisation: str = ""
    jurisdiction: str = ""
    basis: str = ""
    reference: str = ""
    note: str = ""
    distance: int | None = None


def identity(name: str = "Himaya") -> dict[str, Any]:
    """The organisation of that name, which makes objects."""
    told = {"name": name, "identity_class": "organization" if name != "Himaya" else "system"}
    return _object("identity", name, BEGINNING, BEGINNING) | told


def extension() -> dict[str, Any]:
    """What our extension is: a bundle with indicators of ours has it in it."""
    return _object("extension-definition", "entry", BEGINNING, BEGINNING) | {
        "created_by_ref": identity()["id"],
        "name": "himaya-entry",
        "description": "List, class, source and distance of an indicator that names the fingerprint of known material.",
        "schema": (
            "list, source, scheme, code, organisation, jurisdiction, basis, reference, note: texts; distance: a number "
            "of bits within which a perceptual fingerprint counts as the same. All may be left out."
        ),
        "version": "1.0.0",
        "extension_types": ["property-extension"],
    }


def identifier(kind: str, key: str) -> str:
    """The id of an object, made from what it names, so that the same thing has the same id everywhere.

    It has the form of a random UUID (version 4): validators take no other for these objects.
    """
    digest = hashlib.sha256(f"himaya {kind}:{key}".encode()).digest()
    return f"{kind}--{uuid.UUID(bytes=digest[:16], version=4)}"


EXTENSION = identifier("extension-definition", "entry")


def indicator(
    signals: Iterable[tuple[str, str]],
    terms: Terms,
    *,
    key: str,
    by: str = "Himaya",
    created: datetime = BEGINNING,
    modified: datetime = BEGINNING,
    until: datetime | None = None,
    revoked: bool = False,
) -> dict[str, Any]:
    """The indicator of one entry.

    Args:
        signals: signal name and value, at least one.
        terms: what the extension says.
        key: from which the id is made: the same key gives the same id.
        by: the name of the identity that makes it.
        created: when it was said first, aware.
        modified: when it was said last, aware.
        until: from when on it does not count; later than ``created``.
        revoked: whether it is withdrawn.
    """
    said = {name: getattr(terms, name) for name in Terms.__slots__ if getattr(terms, name) not in ("", None)}
    told = _object("indicator", key, created, modified) | {
        "created_by_ref": identity(by)["id"],
        "name": "Known material",
        "description": "One of these fingerprints is that of known material; list and class stand in the extension.",
        "indicator_types": ["unknown"],
        "pattern": pattern(signals),
        "pattern_type": "stix",
        "pattern_version": "2.1",
        "valid_from": _time(created),
        "extensions": {EXTENSION: {"extension_type": "property-extension", **said}},
    }
    if until is not None:
        told["valid_until"] = _time(until)
    return told | ({"revoked": True} if revoked else {})


def pattern(signals: Iterable[tuple[str, str]]) -> str:
    """The pattern that says that one of the fingerprints equals."""
    return f"[{' OR '.join(f'file:hashes.{_key(name)} = {_quoted(value)}' for name, value in signals)}]"


def hashes(text: str) -> kinds.Hashes:
    """The fingerprints that a pattern names, once each, in its order.

    Raises:
        ValueError: it is no pattern, or says anything else than that one of several digests of a file equals; in words.
    """
    found: dict[tuple[str, str], None] = {}
    at, deep = 0, False
    while True:
        if not deep:
            at = _after(_OPEN, text, at)
        told = _COMPARISON.match(text, at)
        if told is None:
            raise ValueError(_why_not(text))
        name = (told[1] or told[2]).removeprefix("x_").removeprefix("X_")
        found[kinds.named(name), re.sub(r"\\(.)", r"\1", told[3])] = None
        at = told.end()
        if closing := _CLOSE.match(text, at):
            at, deep = closing.end(), False
            if at == len(text):
                return tuple(found)
        else:
            deep = True
        at = _after(_OR, text, at)


def read(thing: object) -> Entry | Gone | Refusal | None:
    """What a STIX object says about an entry; None where it is no indicator. ``Refusal.line`` is 0.

    The key is the object's id. What is benign is no material: whatever was said of it before is gone. Of a description
    nothing is kept: it may speak of a person.
    """
    if not isinstance(thing, Mapping) or thing.get("type") != "indicator":
        return None
    key = thing.get("id")
    if not isinstance(key, str) or not _ID.fullmatch(key):
        return lines.refusal(0, N_("it has no id of an indicator"), str(key)[:80])
    if thing.get("revoked") is True:
        return Gone(key, "revoked", read_time(thing.get("modified")))
    if is_benign(thing):
        return Gone(key, N_("it is said to be benign"), read_time(thing.get("modified")))
    begins = read_time(thing.get("valid_from"))
    if begins and begins > clock.now() + AHEAD:
        return lines.refusal(0, Said("it counts only from {day} on", day=begins.date().isoformat()), key)
    if thing.get("pattern_type", "stix") != "stix":
        return lines.refusal(0, N_("its pattern is in another language than STIX"), key)
    text = thing.get("pattern")
    if not isinstance(text, str) or len(text) > lines.MAX_LINE:
        return lines.refusal(0, N_("it has no pattern, or one that is too long"), key)
    try:
        found = hashes(text)
    except ValueError as error:
        return lines.refusal(0, error.args[0], text)
    if len(found) > MAX_SIGNALS:
        return lines.refusal(0, Said("it names more than {n} fingerprints", n=MAX_SIGNALS), key)
    told, at = terms(thing), read_time(thing.get("modified"))
    return Entry(
        key,
        found,
        scheme=told.scheme,
        code=told.code,
        organisation=told.organisation if statements.ORGANISATION.fullmatch(told.organisation) else "",
        jurisdiction=told.jurisdiction if statements.JURISDICTION.fullmatch(told.jurisdiction) else "",
        basis=told.basis if told.basis in statements.BASES else "",
        at=at,
        until=read_time(thing.get("valid_until")),
        note=told.note,
        votes=(Vote("", "dispute", at=at),) if DISPUTED in _texts(thing.get("labels")) else (),
    )


def terms(thing: Mapping[str, Any]) -> Terms:
    """What our extension says on an object; nothing where it is not there. Our objects without a reference have none,
    those of others are referred to by their id.
    """
    extensions = thing.get("extensions")
    said = extensions.get(EXTENSION) if isinstance(extensions, Mapping) else None
    if not isinstance(said, Mapping):
        return Terms(reference=str(thing.get("id", ""))[:120])
    texts = {name: said[name] for name in Terms.__slots__ if isinstance(said.get(name), str) and name != "distance"}
    if not (texts.get("scheme") and texts.get("code")):
        texts.pop("scheme", None)
        texts.pop("code", None)
    distance = said.get("distance")
    return Terms(**texts, distance=distance if type(distance) is int else None)


def is_benign(thing: Mapping[str, Any]) -> bool:
    """Whether an indicator is one of what is known to be harmless, and not revoked."""
    return thing.get("revoked") is not True and BENIGN in _texts(thing.get("indicator_types"))


def _texts(told: object) -> frozenset[str]:
    return frozenset(one for one in told if isinstance(one, str)) if isinstance(told, list) else frozenset()


def read_time(text: object) -> datetime | None:
    """A time of STIX; None where it is none."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) and len(text) < 40 else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _object(kind: str, key: str, created: datetime, modified: datetime) -> dict[str, Any]:
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": identifier(kind, key),
        "created": _time(created),
        "modified": _time(modified),
    }


def _time(at: datetime) -> str:
    """With milliseconds, as STIX wants it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key(signal: str) -> str:
    name = _KEYS.get(signal, f"x_{signal}")
    return name if _BARE_KEY.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _after(what: re.Pattern[str], text: str, at: int) -> int:
    found = what.match(text, at)
    if found is None:
        raise ValueError(_why_not(text))
    return found.end()


def _why_not(text: str) -> str:
    """Why a pattern is not read. The library is slow (a thousand patterns a second), so it is asked here alone."""
    if len(text) > _LOOKED_INTO:
        return N_("its pattern cannot be read")
    try:
        Pattern(text)
    except ParseException as error:
        return Said("its pattern cannot be read: {why}", why=str(error).splitlines()[0][:200])
    except (RecursionError, ValueError):
        return N_("its pattern cannot be read")
    return N_("its pattern says more than that one of several digests of a file equals")
