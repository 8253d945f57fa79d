"""Attributes of MISP's core format that name fingerprints, as entries of a list, and back.

MISP has a type for each digest, and none for a perceptual fingerprint: these are attributes of the type ``hex`` (or
``text``, where the value is no hexadecimal number) whose comment names the signal.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, TypeGuard

from himaya.core import kinds, objects
from himaya.core.exchange import Entry, Gone, Vote
from himaya.core.objects import EACH, Found
from himaya.core.ports import BadListFile, Refusal
from himaya.core.words import N_

DIGESTS = frozenset(
    {"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "ssdeep",
     "tlsh"}
)  # fmt: skip
"""Types of attributes that are digests of all bytes of a file; each also as ``filename|…``."""
TYPES = (*sorted(DIGESTS), *sorted(f"filename|{name}" for name in DIGESTS), "hex", "text")
"""Types that may name a fingerprint."""
DISPUTED = "himaya:disputed"
"""The tag of what somebody disputes."""
NAMESPACE = uuid.UUID("0f2b3f0a-7a55-5a3c-8a3d-5d0e2f9a1c44")
BEGINNING = 1_577_836_800
"""The time of what has none of its own: 2020."""

READ = frozenset({"uuid", "type", "value", "comment", "deleted", "timestamp", "Tag"})
"""What is read of an attribute."""
_EVENTS = (("Event",), ("response", EACH, "Event"), (EACH, "Event"))
_WANTED: objects.Wanted = {
    **{(*event, "Attribute", EACH): READ for event in _EVENTS},
    **{(*event, "Object", EACH): frozenset({"Attribute", "deleted"}) for event in _EVENTS},
    **{(*event, "Tag", EACH): frozenset({"name"}) for event in _EVENTS},
    **{(*event, "uuid"): None for event in _EVENTS},
    ("response", "Attribute", EACH): READ,
}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-fA-F]+")
_COMMENT = re.compile(r"(?P<signal>signal:)?(?P<name>[A-Za-z][A-Za-z0-9_-]{1,29})")
_CLASS = re.compile(r'himaya:(?P<scheme>[a-z0-9-]{1,40})="(?P<code>[^"]{1,40})"')
_FOREIGN_CLASS = re.compile(r"copine-scale:level-\d{1,2}")
"""Tags of a taxonomy that has no scheme here: they stand in the note."""


def attributes(stream: BinaryIO, *, format: str) -> Iterator[tuple[int, Mapping[str, Any]] | Refusal]:  # noqa: A002
    """The attributes of one event, of a list of them, or of a search's answer, with the lines on which they begin;
    those of objects too, and each tag of an event as one without a type. The content of files (``data``) is not kept.

    Raises:
        BadListFile: the document is none of these.
    """
    told = False
    for found in objects.read(stream, _WANTED, format=format, unread=frozenset({"data"})):
        told = True
        if isinstance(found, Refusal):
            yield found
        else:
            for thing in _of(found):
                yield found.line, {"Tag": [thing]} if found.path[-2:] == ("Tag", EACH) else thing
    if not told:
        raise BadListFile(format=format, why=N_("it has no event and no attributes"))


def tags(stream: BinaryIO, *, format: str) -> tuple[object, ...]:  # noqa: A002
    """The tags of the event in a document."""
    wanted: objects.Wanted = {("Event", "Tag", EACH): frozenset({"name"})}
    return tuple(found.value for found in objects.read(stream, wanted, format=format) if isinstance(found, Found))


def entry(thing: Mapping[str, Any], *, of_event: Iterable[object] = ()) -> Entry | Gone | Refusal | None:
    """What an attribute says; None where it names no fingerprint. The key is its UUID. ``Refusal.line`` is 0.

    The name of a file and the comment are left behind: they may name a person.

    Args:
        thing: the attribute.
        of_event: the event's tags, which count where the attribute has no class of its own.
    """
    told = fingerprint(thing)
    if told is None:
        return None
    key = thing.get("uuid")
    if not is_uuid(key):
        return Refusal(0, N_("the attribute has no UUID"), told[1][:80] if told[1].isprintable() else "")
    at = datetime.fromtimestamp(seconds(thing), UTC) if seconds(thing) else None
    if is_deleted(thing):
        return Gone(key, "deleted", at)
    own = thing.get("Tag")
    tags = [*(own if isinstance(own, list) else ()), *of_event]
    (scheme, code), note = classed(tags)
    votes = (Vote("", "dispute", at=at),) if is_disputed(tags) else ()
    return Entry(key, (told,), scheme=scheme, code=code, at=at, note=note, votes=votes)


def fingerprint(thing: Mapping[str, Any]) -> tuple[str, str] | None:
    """Signal and value of an attribute; None where it names none."""
    kind, value, comment = thing.get("type"), thing.get("value"), thing.get("comment")
    if not isinstance(kind, str) or not isinstance(value, str) or not value.strip():
        return None
    if (bare := kind.removeprefix("filename|")) in DIGESTS:
        return kinds.named(bare), value.rpartition("|")[2].strip() if bare != kind else value.strip()
    said = _COMMENT.fullmatch(comment.strip()) if isinstance(comment, str) else None
    if said and ((kind == "hex" and _HEX.fullmatch(value)) or (kind == "text" and said["signal"])):
        return kinds.named(said["name"]), value
    return None


def is_deleted(thing: Mapping[str, Any]) -> bool:
    """Whether it is marked so, in any of the ways in which it is written."""
    return thing.get("deleted") in (True, 1, "1", "true")


def is_disputed(tags: Iterable[object]) -> bool:
    """Whether tags say so."""
    return any(isinstance(tag, Mapping) and tag.get("name") == DISPUTED for tag in tags)


def is_uuid(text: object) -> TypeGuard[str]:
    """Whether it is a UUID, as MISP writes them."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def seconds(thing: Mapping[str, Any]) -> int:
    """When it was changed last, in seconds since 1970, which some write as a number and some as a string; 0: unsaid."""
    at = thing.get("timestamp")
    told = str(at) if isinstance(at, int | str) and not isinstance(at, bool) else ""
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= 10 else 0


def classed(of: Iterable[object]) -> tuple[tuple[str, str], str]:
    """The class that tags tell (``himaya:scheme="code"``), the first one, and a note of those without a scheme here."""
    names = [tag["name"] for tag in of if isinstance(tag, Mapping) and isinstance(tag.get("name"), str)]
    found = (_CLASS.fullmatch(name) for name in names)
    first = next(((one["scheme"], one["code"]) for one in found if one), ("", ""))
    foreign = sorted({name for name in names if _FOREIGN_CLASS.fullmatch(name)})
    return first, f"MISP tag {', '.join(foreign)}"[:200] if foreign else ""


def attribute(signal: str, value: str, *, scheme: str = "", code: str = "") -> dict[str, Any]:
    """The attribute that names a fingerprint. Its UUID is made from it: the same one everywhere.

    What is perceptual is not meant for intrusion detection (``to_ids``), which looks for equal values.
    """
    kind = signal if signal in DIGESTS else "hex" if _HEX.fullmatch(value) else "text"
    told: dict[str, Any] = {
        "uuid": str(uuid.uuid5(NAMESPACE, f"{signal}:{value}")),
        "type": kind,
        "category": "Payload delivery",
        "value": value,
        "to_ids": signal in DIGESTS,
        "distribution": "5",
        "comment": {"hex": signal, "text": f"signal:{signal}"}.get(kind, ""),
        "timestamp": str(BEGINNING),
        "deleted": False,
    }
    if scheme and code:
        told["Tag"] = [{"name": f'himaya:{scheme}="{code}"'}]
    return told


def _of(found: Found) -> Iterator[Mapping[str, Any]]:
    value = found.value
    if not isinstance(value, Mapping):
        return
    if found.path[-2] != "Object":
        yield value
        return
    within = value.get("Attribute")
    for thing in within if isinstance(within, list) else ():
        if isinstance(thing, Mapping):
            yield {**thing, "deleted": True} if is_deleted(value) else thing
