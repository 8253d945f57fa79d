"""A report on its way: grounds to fill a draft from, and steps taken as an engine takes them, with answers lost."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.documents import FULL, HOSTILE, MINIMAL
from tests.filing_servers import OtherSide

from himaya.core.filing import Attempt, BeginAgain, Draft, DraftFile, FilingChannel, FoundOut, Grounds
from himaya.core.particulars import Account, Connection, Particulars, UploadedFile, Venue
from himaya.core.ports import MaybeSent, NotSent

AT = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
SIGNER = partial(Ed25519PrivateKey.from_private_bytes, bytes(range(32)))
BYTES = {"exhibit-1": b"bytes that stand for nothing " * 40, "exhibit-2": b"\0\1\2" * 500}
FILES = tuple(
    DraftFile(key, sha256(BYTES[key]).hexdigest(), len(BYTES[key]), kind, {})
    for key, kind in zip(BYTES, ("image/jpeg", "video/mp4"), strict=True)
)
PARTICULARS = Particulars(
    happened_at=AT,
    accounts=(
        Account(role="reported", id="u-77219", service="Example", screen_names=("greenlamp",), country="NL",
                emails=("lamp@example.net",), connections=(Connection(address="192.0.2.7", at=AT, what="upload"),)),
    ),
    venues=(Venue(kind="web", url="https://host.example.net/a/1", name="host"),),
    files=tuple(
        UploadedFile(sha256=one.sha256, name="lamp.jpg", uploaded_at=AT, url=f"https://host.example.net/a/{n}")
        for n, one in enumerate(FILES)
    ),
    note="An administrative note.",
)  # fmt: skip
EMPTY, FULLEST = Grounds(MINIMAL), Grounds(replace(FULL, kind="report"), PARTICULARS, FILES)
EVERY_GROUND = (EMPTY, FULLEST, Grounds(replace(HOSTILE, kind="report"), PARTICULARS, FILES, earlier=("4711",)))


class Kept:
    """Files as an engine gives them; ``opened`` remembers which were read."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open(self, key: str) -> BinaryIO:
        self.opened.append(key)
        return io.BytesIO(BYTES[key])


def attempt(draft: Draft, side: OtherSide, channel: FilingChannel, done: dict[str, Any], kept: Kept) -> Attempt:
    return Attempt(draft, dict(done), channel.Config(**side.config()), kept, AT, SIGNER)


def walk(channel: FilingChannel, draft: Draft, side: OtherSide, kept: Kept | None = None) -> dict[str, Any] | FoundOut:
    """File a draft as an engine does: the answers of its steps, or what a person is asked."""
    done: dict[str, Any] = {}
    kept = kept or Kept()
    for _ in range(300):
        step = next((one for one in channel.steps(draft) if one not in done), None)
        if step is None:
            return done
        now = attempt(draft, side, channel, done, kept)
        try:
            done[step] = channel.take(step, now)
            json.dumps(done[step])
        except NotSent as error:
            if error.permanent:
                raise
        except BeginAgain:
            done = {}
        except MaybeSent:
            found = channel.find_out(step, now)
            if found.what == "unknown":
                return found
            if found.what == "begin-again":
                done = {}
            elif found.what == "taken":
                done[step] = found.answer
    raise AssertionError("it does not come to an end")
