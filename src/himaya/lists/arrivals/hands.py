"""An item in hand while rows arrive, and who brings them."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from himaya.core.statements import UNSTATED
from himaya.lists.admission import Standing
from himaya.lists.arrivals.words import Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from himaya.lists.models import Organisation


class Voice(NamedTuple):
    """In whose name an import speaks. ``members``: rows may name an organisation of their own, and are believed.
    ``borrowed``: it is another's name, and one person alone brings the rows.
    """

    organisation: Organisation
    basis: str = UNSTATED
    subscription: int | None = None
    members: bool = False
    borrowed: bool = False


class Ballot(NamedTuple):
    """How a member of a source votes on an item: ``confirm`` or ``dispute``."""

    organisation: str
    opinion: str
    reason: str = ""
    at: datetime | None = None


class Terms(NamedTuple):
    """What an item says beside its value; where it is vouched for again, it says so anew."""

    scheme: str
    code: str
    source: str
    reference: str
    note: str


@contextmanager
def uncollected() -> Iterator[None]:
    """For a batch, which makes many objects and no cycles: Python looks for garbage only once they are gone.

    Else they count as lasting, and all that the process holds is looked through again and again: a sixth of an import.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


Key = tuple[str, str, bool]
"""Signal, value and whether it is negative: what an item is known by within its list."""


@dataclass(slots=True)
class Hand:
    """An item in hand: ``pk`` is 0 where it is new; ``ours`` where this import brought it in an earlier batch."""

    said: Said
    terms: Terms
    stands: Standing
    pk: int = 0
    ours: bool = False
    was: int = 0
    changed: bool = False
    negative: bool = False
    body: bytes = b""


def columns(hand: Hand) -> dict[str, Any]:
    """What of an item follows from what was said."""
    stands = hand.stands
    who = stands.organisation or hand.said.words[-1].organisation.pk
    place = {"state": stands.state, "agreement": min(stands.vouching, 9), "organisation_id": who, "until": stands.until}
    return {**hand.terms._asdict(), **place}
