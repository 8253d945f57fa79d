"""Cases for tests, opened as screening opens them: by fingerprints alone, no file needed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from himaya.cases.models import Case
from himaya.cases.services import Seen, SeenMatch, open_case

AT = datetime(2026, 1, 10, 9, tzinfo=UTC)


def case_numbered(number: int) -> Case:
    """A case that is there, of this number, and of which nothing more is known."""
    return Case.objects.create(pk=number, subject=f"case {number}", opened_at=AT, seen_at=AT, distance=0)


def digest(number: int) -> str:
    """A value of 256 bits that belongs to the number."""
    return hashlib.sha256(f"picture {number}".encode()).hexdigest()


def match(number: int, **changed: Any) -> SeenMatch:
    """A match of the item of that number; 4 of 31 bits apart, graded as Baseline."""
    facts = {
        "item": number, "list_name": "hotline", "signal": "pdq", "value": digest(number), "distance": 4, "radius": 31,
        "state": "active", "scheme": "interpol", "code": "baseline", "source": "Example hotline",
        "added_by": "system", "added_at": AT,
    }  # fmt: skip
    return SeenMatch(**{**facts, **changed})


def opened(
    number: int = 1, *, place: str = "", item: int = 0, matches: Sequence[SeenMatch] = (), **changed: Any
) -> Any:
    """A case of its own for each number, with one match of the item (``changed``), or with these ``matches``."""
    seen = Seen(
        subject=f"sha256:{digest(number)}",
        fingerprints=[("pdq", digest(item or number), 97), ("sha256", digest(number), None)],
        matches=matches or [match(item or number, **changed)],
        origin="scan",
        occasion="scan-1",
        place=place or f"/srv/uploads/{number}.jpg",
        media_type="image/jpeg",
        size=48_213,
    )
    return open_case(seen, by="system")
