"""Names that lead back to what they name: UUIDs in which a number stands; the rest proves that they are ours."""

from __future__ import annotations

import hashlib
import uuid

from himaya.lists import organisations


def uuid_of(kind: str, number: int) -> uuid.UUID:
    """The UUID of the thing of that kind and number, below 2**48: the same at every time, and another on every node.

    It has the form of a random one (version 4): validators take no other for some objects.
    """
    digest = hashlib.sha256(f"himaya {organisations.own().name}:{kind}:{number}".encode()).digest()
    return uuid.UUID(bytes=digest[:10] + number.to_bytes(6, "big"), version=4)


def number_of(kind: str, text: str) -> int | None:
    """The number of a thing of that kind, by its UUID; None where it is none of ours."""
    try:
        given = uuid.UUID(text)
    except ValueError:
        return None
    number = int.from_bytes(given.bytes[10:], "big")
    return number if uuid_of(kind, number) == given else None
