"""What screening tells of a content that was met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from himaya.core.overlap import Overlap


@dataclass(frozen=True, slots=True)
class SeenMatch:
    """A match as screening found it; copied into the case, so that later changes of the list do not rewrite it.

    ``variant`` says how the content was turned, empty where it was not (:class:`himaya.core.ports.Fingerprint`).
    """

    item: int
    list_name: str
    signal: str
    value: str
    distance: int
    radius: int
    state: str
    scheme: str
    code: str
    source: str
    added_by: str
    added_at: datetime
    variant: str = ""
    overlap: Overlap | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Content that was met and matched. ``fingerprints`` holds (signal, value, quality)."""

    subject: str
    fingerprints: Sequence[tuple[str, str, int | None]]
    matches: Sequence[SeenMatch]
    origin: str
    occasion: str
    place: str
    media_type: str = ""
    size: int | None = None
    at: datetime | None = None
    """When it was met; now where None."""
    by: str = ""
    """Who showed it; whoever opens the case where empty."""
