"""Reasons against an entry: a closed list, each with a number that never changes."""

from __future__ import annotations

import uuid

_SPACE = uuid.UUID("8b0f4a52-5c1e-4d55-9a0e-2f1f5b3c7d10")
NOT_KNOWN, WRONG_CLASS, NOT_THIS, OTHER = (
    "Not Known Material",
    "Wrong Classification",
    "Fingerprint Matches Other Content",
    "Other",
)
NAMES = (NOT_KNOWN, WRONG_CLASS, NOT_THIS, OTHER)


def guid(name: str, signal: str) -> str:
    """The number of a reason for a kind of fingerprint: the same on every node."""
    return str(uuid.uuid5(_SPACE, f"{signal}:{name}"))


def known(signal: str) -> dict[str, str]:
    """Number → name."""
    return {guid(name, signal): name for name in NAMES}


def reasons_in(text: str, signal: str) -> list[tuple[str, str]]:
    """Number and name of those that a vote gives; the last of the list where it says something else, for what people
    write is not handed on.
    """
    said = [name for name in NAMES if name.lower() in text.lower() and name != OTHER]
    return [(guid(name, signal), name) for name in said or [OTHER]]
