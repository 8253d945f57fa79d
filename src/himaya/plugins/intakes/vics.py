"""VICS, the data model of Project VIC, 1.3 and 2.0 (JSON), with the media files that lie beside it.

The model is given out under agreement; this follows what public readers and writers agree on. What cannot be named here
is not lost: the file itself is kept beside what it tells of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from himaya.core import objects, vics
from himaya.core.intake.offered import (
    MAX_LABELS,
    SAID_BY,
    Declared,
    Intake,
    Label,
    Offered,
    Told,
    declared,
    label,
    short,
    when,
)
from himaya.core.intake.parcels import BadPlace, Parcel, head_of
from himaya.core.objects import EACH, Found
from himaya.core.ports import BadListFile, Refusal
from himaya.core.words import N_, Said

MAX_DOCUMENTS, MAX_DEEP = 20, 4
_MARK = re.compile(rb'"@?odata\.(?:metadata|context)"\s*:\s*"[^"]*/ProjectVic/DataModels/')
_REGION = re.compile(rb"/DataModels/2\.0\.xml/(\w{1,20})/")
_OF_CASE = frozenset(
    {"CaseID", "CaseNumber", "ContactOrganization", "SeizureDate", "SourceApplicationName", "SourceApplicationVersion"}
)
_LABELS = {"Series": "series"} | {field: kind for kind, field in vics.FLAGS.items()}
_OF_MEDIA = frozenset(
    {"MediaID", "MD5", "SHA1", "MediaSize", "MimeType", "RelativeFilePath", "Category", "Tags", "AlternativeHashes",
     "MediaFiles", "PrecategorizationSource", "DateUpdated", *_LABELS}
)  # fmt: skip
_FACTS = {
    "FileName": "file name", "FilePath": "file path", "SourceID": "source", "Created": "created", "Written": "written",
    "Accessed": "accessed", "PhysicalLocation": "physical location",
}  # fmt: skip
_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_BESIDE = N_("no file comes with it")


class Vics(Intake):
    """Each Media with its MD5, SHA1 and other digests, size, where it was found, and what investigators say of it."""

    name: ClassVar[str] = "vics"
    label: ClassVar[str] = N_("VICS 1.3 and 2.0 (Project VIC, CAID)")

    def documents(self, parcel: Parcel) -> tuple[str, ...]:
        """JSON files that name the data model at their beginning."""
        found = (
            name
            for name in sorted(parcel.files)
            if name.lower().endswith(".json") and name.count("/") < MAX_DEEP and _MARK.search(head_of(parcel, name))
        )
        return tuple(name for _, name in zip(range(MAX_DOCUMENTS), found, strict=False))

    def told(self, parcel: Parcel, documents: tuple[str, ...]) -> Told:
        """Number and organisation of the first case."""
        for name in documents:
            for found in _read(parcel, name, {("value", EACH): _OF_CASE}):
                case = found.value
                if isinstance(case, dict) and {"CaseID", "CaseNumber"} & case.keys():
                    number = short(case.get("CaseNumber")) or short(case.get("CaseID"))
                    program = (
                        f"{short(case.get('SourceApplicationName'))} {short(case.get('SourceApplicationVersion'))}"
                    )
                    facts = {"program": program.strip()} if program.strip() else {}
                    at = when(_moment(case.get("SeizureDate")))
                    return Told(number, short(case.get("ContactOrganization")), "", at, facts)
        return Told()

    def offered(self, parcel: Parcel, documents: tuple[str, ...]) -> Iterator[Offered]:
        """Each Media; of one without a file, what is said of it."""
        there = {name.lower(): name for name in parcel.files}
        for document in documents:
            match = _REGION.search(head_of(parcel, document))
            region = match[1].decode() if match else "1.3"
            folder = document.rpartition("/")[0]
            wanted: objects.Wanted = {("value", EACH): _OF_MEDIA, ("value", EACH, "Media", EACH): _OF_MEDIA}
            for found in _read(parcel, document, wanted):
                media = found.value
                if isinstance(media, dict) and {"MD5", "SHA1", "RelativeFilePath"} & media.keys():
                    yield _offered(media, document, region, there, folder)


def _read(parcel: Parcel, name: str, wanted: objects.Wanted) -> Iterator[Found]:
    try:
        with parcel.open(name) as file:
            for found in objects.read(file, wanted, format="vics", unread=frozenset({"Miniature"})):
                if isinstance(found, Refusal):
                    raise BadPlace(where=Said("{file}, line {n}", file=name, n=found.line), why=found.why)
                yield found
    except BadListFile as error:
        raise BadPlace(where=name, why=error.facts["why"]) from None


def _offered(media: Mapping[str, Any], document: str, region: str, there: Mapping[str, str], folder: str) -> Offered:
    number = short(media.get("MediaID"), 40)
    where = f"{document}, Media {number or '?'}"
    first = next((one for one in _objects(media.get("MediaFiles"))), {})
    name, trouble = _place(media, there, folder)
    size = str(media.get("MediaSize") or "")
    facts = {said: text for key, said in _FACTS.items() if (text := short(_moment(first.get(key))))}
    if by := short(media.get("PrecategorizationSource")):
        facts[SAID_BY] = by
    return Offered(
        name=name, called=short(media.get("RelativeFilePath")) or short(first.get("FileName")) or f"Media {number}",
        declared=_digests(media, where), size=int(size) if size.isdigit() and len(size) < 16 and int(size) else None,
        media_type=_media_type(media.get("MimeType")), facts=facts | ({"media": number} if number else {}),
        at=when(_moment(media.get("DateUpdated"))), labels=_labels(media, region), trouble=trouble,
    )  # fmt: skip


def _place(media: Mapping[str, Any], there: Mapping[str, str], folder: str) -> tuple[str, str]:
    """Where the file lies, in whatever spelling of slashes and letters; and why there is none."""
    path = media.get("RelativeFilePath")
    text = path if isinstance(path, str) else ""
    parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts:
        return "", _BESIDE
    if ".." in parts or ":" in parts[0]:
        return "", N_("its path leads out of the parcel")
    below = "/".join([*([folder] if folder else []), *parts])
    found = there.get(below.lower())
    return (found, "") if found else ("", N_("it is not there"))


def _digests(media: Mapping[str, Any], where: str) -> tuple[Declared, ...]:
    found = [*declared("md5", media.get("MD5"), where), *declared("sha1", media.get("SHA1"), where)]
    for one in _objects(media.get("AlternativeHashes")):
        found += declared(short(one.get("HashName"), 20), one.get("HashValue"), where)
    return tuple(dict.fromkeys(found))


def _labels(media: Mapping[str, Any], region: str) -> tuple[Label, ...]:
    found: list[Label] = []
    category = short(media.get("Category"), 20)
    if category and not isinstance(media.get("Category"), bool):
        found += label("category", f"{region}:{category}")
    tags = media.get("Tags")
    for tag in re.split(r"[,;|]", tags) if isinstance(tags, str) else tags if isinstance(tags, list) else ():
        found += label("tag", tag)
    for key, kind in _LABELS.items():
        found += label(kind, media.get(key))
    return tuple(dict.fromkeys(found))[:MAX_LABELS]


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    return (one for one in (value if isinstance(value, list) else ()) if isinstance(one, dict))


def _media_type(value: object) -> str:
    text = short(value, 60).lower()
    return text if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", text) else ""


def _moment(value: object) -> object:
    """``/Date(ms)/`` as ISO 8601; anything else as it is."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(int(match[1]) / 1000, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


PLUGIN = Vics()
