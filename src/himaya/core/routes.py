"""Where something goes, as the operator sets it: ``[[reports]]``, ``[[filings]]``, ``[[notices]]``, ``[[alarms]]``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Route(BaseModel):
    """Where documents of a kind go: a channel, and what it needs to know."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")
    channel: str
    options: dict[str, Any] = {}


class FilingRoute(Route):
    """A body that takes reports in a form of its own."""

    auto: bool = False
    """True: what is complete is filed without a person; it is the operator who says so."""
    within_hours: int = Field(0, ge=0, le=10_000)
    """Hours from the verdict within which this node files; 0: as the reference says, where it names a number."""
