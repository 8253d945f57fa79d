"""Whether the law or order of a rule is one that the reference knows, and whether that holds.

A misread citation would keep, or end, what no law says: so what the reference does not know is taken only where whoever
sets the rule says that they know it, as of an order of a court.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.evidence.ruling import RuleTerms
from himaya.reference.queries import time_limit, time_limits

if TYPE_CHECKING:
    from himaya.core.reference import TimeLimit

LEAST = 6
"""Characters of a citation that are compared: fewer begin too many laws."""


class UnlistedInstrument(HimayaError):
    """{instrument} is not taken as it stands: {why}."""

    remedy = (
        "Choose it from the reference (himaya reference list limits, or the list on the page), or say expressly that "
        "it is right: --unlisted, or the box on the page."
    )
    status = 422


class NoKeepingLimit(HimayaError):
    """{key} says neither how long something is kept nor when it is deleted: no rule of keeping begins with it."""

    remedy = "himaya reference list limits shows which do: those whose duty is to keep data, or to delete it."
    status = 422


def keeping_limits() -> list[TimeLimit]:
    """Rows of the reference that say how long something is kept, or when it is deleted."""
    return [*time_limits(duty="preserve"), *time_limits(duty="discard")]


def keeping_limit(key: str) -> TimeLimit:
    """One of them.

    Raises:
        UnknownRow, NoKeepingLimit: there is none of that key; it is about something else.
    """
    found = time_limit(key)
    if found.duty not in ("preserve", "discard"):
        raise NoKeepingLimit(key=key)
    return found


def known(instrument: str, jurisdiction: str) -> list[TimeLimit]:
    """Rows of the reference, not set aside, of this law and country: one of the two citations begins with the other."""
    wanted = _plain(instrument)
    if len(wanted) < LEAST:
        return []
    rows = time_limits(jurisdiction=jurisdiction)
    return [one for one in rows if (text := _plain(one.instrument)).startswith(wanted) or wanted.startswith(text)]


def require_known(terms: RuleTerms) -> None:
    """The reference has the law that the rule rests on, and says of one row of it at least that it is in force.

    Raises:
        UnlistedInstrument: it has none, or none that holds.
    """
    found = known(terms.instrument, terms.jurisdiction)
    if not found:
        why = Said("the reference has none of that name for {place}", place=terms.jurisdiction)
        raise UnlistedInstrument(instrument=repr(terms.instrument), why=why)
    today = terms.valid_from or clock.now().date()
    if not any(one.standing == "in-force" and one.holds_on(today) for one in found):
        raise UnlistedInstrument(
            instrument=repr(terms.instrument), why=N_("the reference does not know that it is in force")
        )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
