"""A hash sharing server, version 2, as ``threatexchange``'s client knows it: two entries a page, not by time."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.sources import Answer, Asked, Source

SPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
STAMP = "%Y-%m-%dT%H:%M:%SZ"
PREFIX = "/hashsharing"
LARGE = bytes(range(256)) * 40
KINDS = ("MD5", "SHA1", "PDNA", "PDQ", "NETCLEAN", "VIDENTIFIER", "TMK_PDQF", "SSVH_PDNA", "SSVH_SAFER_HASH")
MEMBERS = {42: "Example Member", 43: "Second Member", 44: "Third Member, Ltd.", 45: "Fourth Member"}
REASONS = {"guid-1": "Not Known Material", "guid-2": "Wrong Classification"}


def md5(words: str) -> str:
    return hashlib.md5(words.encode(), usedforsecurity=False).hexdigest()


def sha1(words: str) -> str:
    return hashlib.sha1(words.encode(), usedforsecurity=False).hexdigest()


def pdq(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()


def pdna(words: str) -> str:
    return b64encode((hashlib.sha512(words.encode()).digest() * 3)[:144]).decode()


def moment(said: str) -> datetime:
    """Reads no other form than that of the protocol."""
    return datetime.strptime(said, STAMP).replace(tzinfo=UTC)


def member(number: int) -> str:
    return f'<member id="{number}">{MEMBERS[number]}</member>'


@dataclass
class Record:
    """An entry as the server holds it. ``links`` are the kinds that are linked to."""

    owner: int
    name: str
    at: str
    values: dict[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    code: str = ""
    feedback: str = ""
    media: str = "image"
    deleted: bool = False

    def xml(self) -> str:
        head = f"{member(self.owner)}<timestamp>{self.at}</timestamp><id>{self.name}</id>"
        if self.deleted:
            tag = f"deleted{self.media.capitalize()}"
            return f"<{tag}>{member(self.owner)}<id>{self.name}</id><timestamp>{self.at}</timestamp></{tag}>"
        code = f"<classification>{self.code}</classification>" if self.code else ""
        prints = "".join(f"<{kind}>{value}</{kind}>" for kind, value in self.values.items())
        place = f"/v2/entries/{self.owner}/{self.name}/fingerprints"
        links = "".join(f'<{kind} rel="self" href="{place}/{kind.upper().replace("-", "_")}"/>' for kind in self.links)
        return f"<{self.media}>{head}{code}<fingerprints>{prints}{links}</fingerprints>{self.feedback}</{self.media}>"


FEEDBACK = (
    '<feedback lastUpdateTimestamp="2024-03-06T00:00:00Z">'
    '<affirmativeFeedback type="Pdq" lastUpdateTimestamp="2024-03-06T00:00:00Z">'
    f'<members timestamp="2024-03-06T00:00:00Z">{member(43)}{member(44)}</members></affirmativeFeedback>'
    '<negativeFeedback type="Md5" lastUpdateTimestamp="2024-03-07T00:00:00Z"><reasons>'
    '<reason guid="guid-1" name="Not Known Material" type="Md5"/>'
    f'<members timestamp="2024-03-07T00:00:00Z">{member(44)}</members>'
    '<reason guid="guid-2" name="Wrong Classification" type="Md5"/>'
    f'<members timestamp="2024-03-07T01:00:00Z">{member(45)}</members>'
    "</reasons></negativeFeedback></feedback>"
)


def first() -> list[Record]:
    every = {"md5": md5("three"), "sha1": sha1("three"), "pdna": pdna("three"), "pdq": pdq("three")}
    every |= {"netclean": "netclean-three", "videntifier": "videntifier-three"}
    return [
        Record(42, "img-1", "2024-03-05T00:00:00Z", {"md5": md5("one"), "sha1": sha1("one"), "pdq": pdq("one")},
               code="A2", feedback=FEEDBACK),
        Record(43, "img-1", "2024-01-01T00:00:00Z", {"pdq": pdq("other")}),
        Record(42, "vid-1", "2024-02-01T12:00:00Z", {"md5": md5("film")}, ("tmk-pdqf",), "B2", media="video"),
        Record(42, "img-2", "2023-12-31T23:59:59Z", {"md5": md5("two"), "pdq": pdq("two")}, code="B1"),
        Record(44, "img-3", "2024-01-02T00:00:00Z", every, ("tmk-pdqf", "ssvh-pdna", "ssvh-safer-hash"), "Unconfirmed"),
        Record(43, "img-9", "2024-01-03T00:00:00Z", deleted=True),
    ]  # fmt: skip


def second() -> list[Record]:
    """A moment ago an entry lost a fingerprint, one was deleted, one is new. Each stays in its row."""
    lately = (datetime.now(UTC) - timedelta(seconds=30)).strftime(STAMP)
    rows = {(one.owner, one.name): one for one in first()}
    rows[42, "img-2"] = Record(42, "img-2", lately, {"md5": md5("two")}, code="B1")
    rows[43, "img-1"] = Record(43, "img-1", lately, deleted=True)
    rows[45, "img-7"] = Record(45, "img-7", lately, {"pdq": pdq("seven")})
    return list(rows.values())


class Recorded(Source):
    first = frozenset({"42:img-1", "43:img-1", "42:vid-1", "42:img-2", "44:img-3"})
    second = frozenset({"42:img-1", "42:vid-1", "42:img-2", "44:img-3", "45:img-7"})
    withdrawn = "43:img-1"
    size = 2

    def config(self, url: str) -> dict[str, Any]:
        return {"environment": "other", "address": url + PREFIX, "user": "himaya", "password": "a word of no one"}

    def records(self) -> list[Record]:
        return first() if self.round == 1 else second()

    def answer(self, asked: Asked) -> Answer:
        if not asked.path.startswith(PREFIX + "/v2/"):
            return Answer(status=404)
        if asked.headers.get("authorization") != "Basic " + b64encode(b"himaya:a word of no one").decode():
            return Answer(status=401)
        path = asked.path.removeprefix(PREFIX + "/v2/")
        if asked.method == "PUT":
            return self.taken(path, asked)
        if path == "status":
            return self.xml(f"<status><ipAddress>127.0.0.1</ipAddress><username>himaya</username>{member(45)}</status>")
        if path == "members":
            return self.xml(f"<members>{''.join(map(member, MEMBERS))}</members>")
        if path == "entries":
            return self.page(asked.query)
        if found := re.fullmatch(r"feedback/([A-Z0-9_]+)/reasons", path):
            told = "".join(f'<reason guid="{guid}" name="{name}" type="{found[1]}"/>' for guid, name in REASONS.items())
            return self.xml(f"<feedback><availableFeedbackReasons>{told}</availableFeedbackReasons></feedback>")
        if re.fullmatch(r"entries/\d+/[a-z0-9-]+/fingerprints/[A-Z0-9_]+", path):
            return Answer(LARGE, headers={"Content-Type": "application/octet-stream"})
        return Answer(status=404)

    def taken(self, path: str, asked: Asked) -> Answer:
        known = any(path == f"entries/{one.owner}/{one.name}/{kind}/feedback"
                    for one in self.records() for kind in KINDS)  # fmt: skip
        right = asked.headers.get("content-type") == "application/xml; charset=utf-8"
        return self.xml("<submissionResult/>") if known and right else Answer(status=404 if right else 415)

    def page(self, query: dict[str, str]) -> Answer:
        begin, end = (moment(query[name]) for name in ("from", "to"))
        found = {row: one for row, one in enumerate(self.records(), 1) if begin <= moment(one.at) <= end}
        rows = [row for row in found if row >= int(query.get("start", "1"))]
        told = "".join(self.kind([found[row] for row in rows[: self.size]], media) for media in ("image", "video"))
        if left := rows[self.size :]:
            on = {**query, "start": left[0], "size": self.size, "max": max(found)}
            told += f"<paging><next>/v2/entries?{urlencode(on).replace('&', '&amp;')}</next></paging>"
        return self.xml(f"<queryResult>{told}</queryResult>")

    def kind(self, some: list[Record], media: str) -> str:
        of = [one for one in some if one.media == media]
        if not of:
            return f'<{media}s count="0"/>'
        latest = max(one.at for one in of)
        return f'<{media}s count="{len(of)}" maxTimestamp="{latest}">{"".join(one.xml() for one in of)}</{media}s>'

    def xml(self, told: str) -> Answer:
        spaced = re.sub(r"^<(\w+)", rf'<\1 xmlns="{SPACE}"', told)
        head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        return Answer(head + spaced, headers={"Content-Type": "application/xml"})
