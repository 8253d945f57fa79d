"""What is logged: an event, the salt that hides it, and who can show it again.

A leaf commits to an event and shows nothing of it: a public list of fingerprints would tell offenders which of their
files are known. The salt follows from the node's secret and the event, so that it need not be kept, an
import that is killed and repeated gives the same leaves, and one salt that was shown says nothing about another.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from himaya.core.merkle import leaf_hash
from himaya.core.proofs import commitment

Shows = Callable[[Collection[int]], Mapping[int, bytes]]
"""Numbers of events of a kind → their canonical bytes, those left out that are not there any more."""
_shown: dict[str, Shows] = {}
_before: list[Callable[[], object]] = []


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is logged.

    Attributes:
        kind: what it is, 1 to 20 small letters: ``statement``.
        about: its object, as in the ledger: ``item:12``.
        unique: its number among events of its kind, under which it is found again; it is logged once.
        canonical: its bytes, UTF-8; the same whenever it is asked for again.
    """

    kind: str
    about: str
    unique: int
    canonical: bytes


def provides(kind: str, shows: Shows) -> None:
    """Let ``shows`` give the events of a kind again. Called when a room is loaded."""
    _shown[kind] = shows


def shown(kind: str, numbers: Collection[int]) -> Mapping[int, bytes]:
    """The canonical bytes of events, by number; empty where nobody gives this kind."""
    return _shown[kind](numbers) if kind in _shown else {}


def before_signing(anchor: Callable[[], object]) -> None:
    """Let ``anchor`` log what has gathered since, in transactions of its own, before each checkpoint."""
    if anchor not in _before:
        _before.append(anchor)


def anchor_all() -> None:
    """Let everybody log what has gathered."""
    for anchor in _before:
        anchor()


def salt_of(secret: bytes, kind: str, canonical: bytes) -> bytes:
    """The salt of an event, 32 bytes."""
    return hmac.digest(secret, b"%b\0%b" % (kind.encode(), canonical), "sha256")


def leaf_of(secret: bytes, kind: str, canonical: bytes) -> bytes:
    """The hash of the leaf that commits to an event."""
    return leaf_hash(commitment(salt_of(secret, kind, canonical), canonical))
