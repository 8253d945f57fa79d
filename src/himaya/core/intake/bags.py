"""Bags of others (RFC 8493, and versions 0.93 to 0.97 before it): each manifest is read, nothing is fetched.

What the manifests say of the tag files is proved when the bag is read; what they say of the payload when that is taken.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from himaya.core.intake.offered import DIGESTS, Declared, Told, declared, short, when
from himaya.core.intake.parcels import CHUNK, MAX_FILES, BadPlace, Parcel, Reading, text_of
from himaya.core.words import N_, Said

DECLARATION, PAYLOAD, INFO, FETCH = "bagit.txt", "data/", "bag-info.txt", "fetch.txt"
LABEL = N_("BagIt (RFC 8493)")
MAX_LINE, MISSING = 4096, 1000
"""Bytes of a line of a manifest; files that the manifests of one algorithm name and that did not come."""
_VERSION = re.compile(r"BagIt-Version: (0\.9[3-7]|1\.0)\r?\n?", re.ASCII)
_ENCODING = re.compile(r"Tag-File-Character-Encoding: UTF-8\r?\n?", re.ASCII | re.IGNORECASE)
_LINE = re.compile(r"([0-9A-Fa-f]{32,128})[ \t]+\*?(\S(?:.*\S)?)[ \t]*")
_MANIFEST = re.compile(r"(tag)?manifest-([a-z0-9]+)\.txt")
_FACTS = {
    "Source-Organization": "organisation", "Contact-Name": "contact", "External-Description": "description",
    "Bag-Group-Identifier": "group", "Internal-Sender-Identifier": "sender's number",
}  # fmt: skip
Listed = Mapping[str, list[Declared]]


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag whose tag files are proved. ``payload``: path below the bag → what the manifests say of it."""

    told: Told
    payload: Mapping[str, tuple[Declared, ...]]
    documents: tuple[str, ...]


def place_of(parcel: Parcel) -> str:
    """Where ``bagit.txt`` lies: at the top, or in the one folder that a parcel holds; empty: nowhere."""
    if DECLARATION in parcel.files:
        return DECLARATION
    tops = {name.partition("/")[0] for name in parcel.files}
    name = f"{min(tops)}/{DECLARATION}" if len(tops) == 1 else ""
    return name if name in parcel.files else ""


def read(parcel: Parcel) -> Bag:
    """Read a bag, and prove its tag files.

    Raises:
        BadPlace: it is no bag as it must be, or a tag file is not what its manifest says.
    """
    _declaration(parcel)
    if FETCH in parcel.files:
        raise BadPlace(where=FETCH, why=N_("a bag whose files are to be fetched from elsewhere is not taken"))
    manifests = [(name, found) for name in sorted(parcel.files) if (found := _MANIFEST.fullmatch(name))]
    payload, tags = _listed(parcel, manifests)
    for path, some in tags.items():
        _prove(parcel, path, some)
    named = _agreed(parcel, payload, [name for name, found in manifests if not found[1]])
    documents = (DECLARATION, *(name for name, found in manifests if not found[1]))
    return Bag(_told(parcel, named), named, documents)


def _listed(parcel: Parcel, manifests: list[tuple[str, re.Match[str]]]) -> tuple[Listed, Listed]:
    """What the manifests say of the payload, and of the tag files."""
    payload, tags = defaultdict[str, list[Declared]](list), defaultdict[str, list[Declared]](list)
    lines, missing = Counter[str](), Counter[str]()
    if not any(not found[1] for _, found in manifests):
        raise BadPlace(where=DECLARATION, why=N_("it has no manifest of its files"))
    for name, found in manifests:
        if found[2] not in DIGESTS:
            raise BadPlace(where=name, why=Said("{algorithm} cannot be proved here", algorithm=found[2]))
        for path, one in _manifest(parcel, name, found[2]):
            lines[found[2]] += 1
            missing[found[2]] += path not in parcel.files
            if lines[found[2]] > MAX_FILES:
                raise BadPlace(where=name, why=Said("it has more than {n} lines", n=MAX_FILES))
            if missing[found[2]] > MISSING:
                raise BadPlace(where=name, why=Said("more than {n} files that it names are not there", n=MISSING))
            if path.startswith(PAYLOAD) is bool(found[1]):
                raise BadPlace(where=name, why=Said("{path} has no place in it", path=short(path, 100)))
            (tags if found[1] else payload)[path].append(one)
    return payload, tags


def _agreed(
    parcel: Parcel, payload: Mapping[str, list[Declared]], manifests: list[str]
) -> dict[str, tuple[Declared, ...]]:
    """What the manifests say together. Of version 1.0 each names every file; where one does not, what others say of it
    counts nevertheless: it is more than nothing, and is proved.
    """
    for path, some in payload.items():
        for one in some:
            if any(each.algorithm == one.algorithm and each.digest != one.digest for each in some):
                raise BadPlace(where=path, why=N_("two manifests contradict one another"))
    if not payload and any(name.startswith(PAYLOAD) for name in parcel.files):
        raise BadPlace(where=manifests[0], why=N_("it names none of the files"))
    return {path: tuple(some) for path, some in payload.items()}


def _declaration(parcel: Parcel) -> None:
    try:
        lines = text_of(parcel, DECLARATION, most=4096).decode().splitlines(keepends=True)
    except UnicodeDecodeError:
        raise BadPlace(where=DECLARATION, why=N_("it is not UTF-8")) from None
    if len(lines) != 2 or not _VERSION.fullmatch(lines[0]):
        raise BadPlace(where=DECLARATION, why=N_("it declares no version of BagIt that is known here"))
    if not _ENCODING.fullmatch(lines[1]):
        raise BadPlace(where=DECLARATION, why=N_("its tag files are not UTF-8"))


def _manifest(parcel: Parcel, name: str, algorithm: str) -> Iterator[tuple[str, Declared]]:
    """What a manifest says, line by line."""
    listed: set[str] = set()
    for number, line in enumerate(_lines(parcel, name), 1):
        if not line.strip():
            continue
        row = _LINE.fullmatch(line.rstrip("\r"))
        found = declared(algorithm, row[1], name) if row else ()
        if row is None or not found:
            raise BadPlace(where=Said("{file}, line {n}", file=name, n=number), why=N_("it is not a digest and a path"))
        path = re.sub(r"%(25|0[AaDd])", lambda one: chr(int(one[1], 16)), row[2]).removeprefix("./")
        if {"", ".", ".."} & set(path.split("/")):
            raise BadPlace(where=Said("{file}, line {n}", file=name, n=number), why=N_("its path leads out of the bag"))
        if path in listed:
            raise BadPlace(where=Said("{file}, line {n}", file=name, n=number), why=N_("it names a file again"))
        listed.add(path)
        yield path, found[0]


def _lines(parcel: Parcel, name: str) -> Iterator[str]:
    """The lines of a manifest; it is never held whole."""
    file, left = Reading(parcel, name), b""
    try:
        while part := file.read(CHUNK):
            *whole, left = (left + part).split(b"\n")
            if max(map(len, [*whole, left])) > MAX_LINE:
                raise BadPlace(where=name, why=Said("a line is longer than {n} bytes", n=MAX_LINE))
            yield from (line.decode() for line in whole)
        yield left.decode()
    except UnicodeDecodeError:
        raise BadPlace(where=name, why=N_("it is not UTF-8")) from None
    finally:
        file.close()


def _prove(parcel: Parcel, path: str, some: list[Declared]) -> None:
    if path not in parcel.files:
        raise BadPlace(
            where=short(path, 100), why=Said("{manifest} names it, and it is missing", manifest=some[0].where)
        )
    counting = {one.algorithm: hashlib.new(one.algorithm, usedforsecurity=False) for one in some}
    file = Reading(parcel, path)
    try:
        while part := file.read(CHUNK):
            for each in counting.values():
                each.update(part)
    finally:
        file.close()
    for one in some:
        if counting[one.algorithm].hexdigest() != one.digest:
            raise BadPlace(where=path, why=Said("it was changed: {manifest} says another digest", manifest=one.where))


def _told(parcel: Parcel, payload: Mapping[str, tuple[Declared, ...]]) -> Told:
    if INFO not in parcel.files:
        return Told()
    try:
        text = text_of(parcel, INFO, most=1024**2).decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise BadPlace(where=INFO, why=N_("it is not UTF-8")) from None
    fields: dict[str, str] = {}
    for line in re.sub(r"\n[ \t]+", " ", text).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), short(value))
    _check_sum(parcel, fields.get("Payload-Oxum", ""), payload)
    number = fields.get("External-Identifier", "") or fields.get("Internal-Sender-Identifier", "")
    facts = {said: fields[name] for name, said in _FACTS.items() if fields.get(name)}
    return Told(number, fields.get("Source-Organization", ""), "", when(fields.get("Bagging-Date")), facts)


def _check_sum(parcel: Parcel, told: str, payload: Mapping[str, object]) -> None:
    """The number and the bytes of the payload, which the bag tells as well: one file too many, or too few, shows."""
    there = [size for name, size in parcel.files.items() if name.startswith(PAYLOAD)]
    missing = sum(name not in parcel.files for name in payload)
    if told and not missing and told != f"{sum(there)}.{len(there)}":
        why = Said("Payload-Oxum is {told}, and there are {n} files of {size} bytes", told=told, n=len(there),
                   size=sum(there))  # fmt: skip
        raise BadPlace(where=INFO, why=why)
