"""What custody says without telling it: its chain goes into later bundles, and others read it.

A step names a commitment, as the log commits to what it holds: SHA-256 over a salt and the words. The opening, salt and
words, follows from what the database has; it goes into the bag-info.txt of the one bundle to which it belongs, and is
shown on the pages of this node to who may see them.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from himaya.core.proofs import commitment
from himaya.evidence.models import Access
from himaya.log.events import salt_of
from himaya.log.keys import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

READING = "reading"
"""The fact of a step that commits to why something was read, and for which key."""
READING_OPENING = "Himaya-Reading-Opening"
"""The field of bag-info.txt: ``SALT WORDS``, both in base64; custody says their ``core.proofs.commitment``."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A commitment in hexadecimal digits, and its opening."""

    commitment: str
    opening: str


def closed(kind: str, told: Mapping[str, Any]) -> Closed:
    """What is told, closed; ``kind`` keeps salts of equal words of different things apart."""
    words = json.dumps(dict(told), ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()
    salt = salt_of(keys().salt, kind, words)
    said = b" ".join((b64encode(salt), b64encode(words))).decode("ascii")
    return Closed(commitment(salt, words).hex(), said)


def closed_reading(access: Access) -> Closed:
    """Why something is read by a grant, and for which key, as custody commits to it."""
    told = {"access": access.pk, "purpose": access.purpose, "reason": access.reason, "recipient": access.recipient}
    return closed(READING, told)


def open_readings(every: Iterable[dict[str, Any]]) -> None:
    """Put the words into facts of steps in place of our commitments; those of other nodes stay closed."""
    found = [facts for facts in every if READING in facts and isinstance(facts.get("access"), int)]
    rows = Access.objects.in_bulk({facts["access"] for facts in found if facts["access"] < 2**63})
    for facts in found:
        access = rows.get(facts["access"])
        if access is not None and closed_reading(access).commitment == facts[READING]:
            del facts[READING]
            facts |= {"reason": access.reason, "recipient": access.recipient}
