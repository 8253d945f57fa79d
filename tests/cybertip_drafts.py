"""A report to the CyberTipline for tests: its case, its files, its options, and somebody who drives its steps."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from tests.cybertipline import PASSWORD, USER

from himaya.core import clock, registry
from himaya.core.documents import Document, FingerprintFact, MatchFact, SightingFact, VerdictFact
from himaya.core.filing import Attempt, BeginAgain, Draft, DraftFile, Grounds, Values
from himaya.core.particulars import Particulars
from himaya.core.ports import MaybeSent, NotSent

CHANNEL = registry.filings()["ncmec"]
MADE = datetime(2026, 1, 5, 12, tzinfo=UTC)
CONTENT = {"exhibit-1": b"a picture that was drawn", "exhibit-2": b"another one"}


def config(url: str = "", **changes: Any) -> Any:
    """Options of a route to the test server, or to NCMEC's test environment."""
    place = {"environment": "other", "address": url, "private": True} if url else {}
    given = {"user": USER, "password": PASSWORD, "email": "duty@firm.example", "platform": "Example", **place}
    return CHANNEL.Config(**{**given, **changes})


def kept(key: str, **changes: Any) -> DraftFile:
    content = CONTENT[key]
    given = {"key": key, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "values": {}}
    return DraftFile(**{"media_type": "image/png", **given, **changes})


def document(**changes: Any) -> Document:
    content = CONTENT["exhibit-1"]
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    digests = (("sha256", hashlib.sha256(content).hexdigest()), ("md5", md5), ("pdq", "0f" * 32))
    given = {
        "kind": "report", "key": "filing-case-17", "case": "case-17", "node": "node.example", "made_at": MADE,
        "verdict": VerdictFact("ncmec-industry", "B2", "B2", "", MADE - timedelta(hours=1)),
        "fingerprints": tuple(FingerprintFact(*one) for one in digests),
        "matches": (MatchFact("A list", "pdq", "0f" * 32, 4, 31, "ncmec-industry", "B2", "ncmec"),),
        "sightings": (SightingFact(MADE - timedelta(hours=2), "https://firm.example/p/1", ""),),
    }  # fmt: skip
    return Document(**{**given, **changes})


def particulars(**changes: Any) -> Particulars:
    at = (MADE - timedelta(days=1)).isoformat()
    sha256 = hashlib.sha256(CONTENT["exhibit-1"]).hexdigest()
    given = {
        "happened_at": at,
        "accounts": [
            {"role": "reported", "id": "u-1", "service": "Chat", "screen_names": ["one", "two"],
             "display_names": ["One"], "emails": ["one@mail.example"], "phones": ["5550100"], "country": "DE",
             "connections": [{"address": "192.0.2.7", "at": at, "what": "login", "proxy": False, "port": 4711}],
             "devices": [{"kind": "IDFA", "value": "0000"}], "profile_url": "https://firm.example/u-1"},
            {"role": "victim", "id": "u-2", "age": 14},
            {"role": "recipient", "id": "u-3"},
        ],
        "venues": [{"kind": "chat", "name": "Chat", "note": "Room of a school"}, {"kind": "web", "url": "https://a.example/x"}],
        "files": [
            {"sha256": sha256, "name": "one.png", "uploaded_at": at, "url": "https://firm.example/f/1", "viewed": True,
             "exif_viewed": True, "public": False, "marks": ["self-generated", "old"], "note": "n",
             "connection": {"address": "2001:db8::7", "what": "upload"}},
        ],
        "earlier": ["4564001", "A-7"], "urgent": "A child is named in it.", "note": "Reported by a user.",
    }  # fmt: skip
    return Particulars.model_validate({**given, **changes})


def grounds(**changes: Any) -> Grounds:
    given = {
        "document": document(), "particulars": particulars(), "files": (kept("exhibit-1"), kept("exhibit-2")),
        "earlier": ("4564002",),
    }  # fmt: skip
    return Grounds(**{**given, **changes})


class Kept:
    """The bytes of the files."""

    def __init__(self, content: dict[str, bytes] = CONTENT) -> None:
        self.content = content

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self.content[key])


@dataclass
class Driver:
    """Takes the steps, as an engine does: each answer is stored before the next step; a lost one is found out."""

    draft: Draft
    options: Any
    files: Any = field(default_factory=Kept)
    done: dict[str, Values] = field(default_factory=dict)
    begun: int = 0
    asked: str = ""
    doubtful: str = ""
    """A step that may have been taken."""

    @property
    def attempt(self) -> Attempt:
        return Attempt(self.draft, dict(self.done), self.options, self.files, clock.now())

    def run(self, *, rounds: int = 60) -> str:
        """Until it is filed (``filed``), or a person has to look (``unknown``)."""
        for _ in range(rounds):
            left = [step for step in CHANNEL.steps(self.draft) if step not in self.done]
            if not left:
                return "filed"
            try:
                if self.doubtful:
                    found = CHANNEL.find_out(self.doubtful, self.attempt)
                    if found.what == "unknown":
                        self.asked = found.ask
                        return "unknown"
                    if found.what == "taken":
                        self.done[self.doubtful] = found.answer
                    if found.what == "begin-again":
                        self.again()
                    self.doubtful = ""
                else:
                    self.done[left[0]] = CHANNEL.take(left[0], self.attempt)
            except MaybeSent:
                self.doubtful = self.doubtful or left[0]
            except BeginAgain:
                self.again()
            except NotSent as error:
                if error.permanent:
                    raise
        raise AssertionError("it comes to no end")

    def again(self) -> None:
        self.done, self.begun = {}, self.begun + 1
