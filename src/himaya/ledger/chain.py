"""The hash chain: how one entry's digest follows from its content and from the entry before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

GENESIS = "0" * 64
"""What the first entry names as its predecessor."""


def canonical(data: dict[str, Any]) -> str:
    """JSON with sorted keys and no spaces: the same data gives the same text on every machine.

    Raises:
        ValueError: the data holds a float that JSON cannot express.
        TypeError: the data holds something that is not JSON.
    """
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as the chain sees it. ``data`` is canonical JSON text; ``at`` is aware."""

    seq: int
    at: datetime
    actor: str
    act: str
    about: str
    data: str
    previous: str
    digest: str = ""

    def expected_digest(self) -> str:
        """SHA-256 over every field but the digest, as 64 hex digits."""
        return hashlib.sha256(self.line()).hexdigest()

    def line(self) -> bytes:
        """What the digest is of: every other field, as one line of JSON."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        fields = [self.seq, at, self.actor, self.act, self.about, self.data, self.previous]
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Proof:
    """What a walk along the chain found. ``broken_at`` is the sequence number of the first entry that is wrong."""

    entries: int
    head: str
    broken_at: int | None = None
    why: str = ""

    @property
    def whole(self) -> bool:
        """True where every entry follows from the one before it."""
        return self.broken_at is None


def walk(links: Iterable[Link]) -> Proof:
    """Check entries in order of sequence number; constant memory."""
    previous, count = GENESIS, 0
    for count, link in enumerate(links, start=1):
        if link.seq != count:
            return Proof(count - 1, previous, count, f"entry {count} is missing; the next one found is {link.seq}")
        if link.previous != previous:
            return Proof(count - 1, previous, count, "it does not follow from the entry before it")
        if link.digest != link.expected_digest():
            return Proof(count - 1, previous, count, "its content was changed after it was written")
        previous = link.digest
    return Proof(count, previous)
