"""What a demand says, and whether it can."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from himaya.core import clock
from himaya.core.countries import PLACES
from himaya.core.words import N_, printable
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.lists import CHANNELS, KINDS, PRESERVATION
from himaya.evidence.demands.selecting import scope_text
from himaya.reference.queries import time_limit


@dataclass(frozen=True, slots=True)
class Terms:
    """What a demand says.

    Attributes:
        kind: one of ``lists.KINDS``.
        authority: who demands, 1 to 200 characters.
        country: of the authority, a code of ``core.countries.PLACES``.
        channel: by which way it came, one of ``lists.CHANNELS``.
        instrument: law or order on which it rests, 1 to 200 characters.
        received_at: when it came here; not later than now.
        person, address: who signed it, and where that person is reached.
        limit: the time limit of the reference that counts; empty: none.
        reference: theirs.
        asked: what it asks in its own words.
        scope: the same as :mod:`.scoping` reads it; empty: said later.
        answer_by, preserve_until: dates that the demand itself sets.
        follows: the number of the demand to preserve that this one follows.
        gag, gag_until: the person concerned may not be told, and until when; without a time: until it is lifted.
        limit_applies: somebody looked whether the law of ``limit`` applies, where the reference does not know that.
    """

    kind: str
    authority: str
    country: str
    channel: str
    instrument: str
    received_at: datetime
    person: str = ""
    address: str = ""
    limit: str = ""
    reference: str = ""
    asked: str = ""
    scope: str = ""
    answer_by: datetime | None = None
    preserve_until: datetime | None = None
    follows: int | None = None
    gag: bool = False
    gag_until: datetime | None = None
    limit_applies: bool = False


def said_by(terms: Terms) -> dict[str, Any]:
    """What a demand says as its row keeps it; its kind never changes, and is left out."""
    return {
        "authority": _line(terms.authority), "country": terms.country, "person": _line(terms.person),
        "address": _line(terms.address), "channel": terms.channel, "instrument": _line(terms.instrument),
        "limit": terms.limit, "reference_theirs": _line(terms.reference), "received_at": terms.received_at,
        "asked": terms.asked.strip(), "scope": scope_text(terms.scope) if terms.scope.strip() else "",
        "answer_by": terms.answer_by, "preserve_until": terms.preserve_until, "follows_id": terms.follows,
        "gag": terms.gag, "gag_until": terms.gag_until,
    }  # fmt: skip


def _line(text: str) -> str:
    """A line as it is kept."""
    return printable(text.strip())


def check_terms(terms: Terms, *, known: datetime | None = None) -> None:
    """Whether a demand can say this. ``known``: a time of secrecy that is on record already, and may have passed.

    Raises:
        BadDemand, UnknownRow: it cannot; says why.
    """
    now, preserving = clock.now(), terms.kind == PRESERVATION
    flaws = {
        N_("its kind is none of the list"): terms.kind not in KINDS,
        N_("its channel is none of the list"): terms.channel not in CHANNELS,
        N_("the country of the authority is none"): terms.country not in PLACES,
        N_("the authority is not named, or with more than 200 characters"): not _fits(terms.authority, 1, 200),
        N_("the law or order is not named, or with more than 200 characters"): not _fits(terms.instrument, 1, 200),
        N_("person, address, reference or words are too long"): not (
            _fits(terms.person, 0, 200) and _fits(terms.address, 0, 300) and _fits(terms.reference, 0, 120)
            and _fits(terms.asked, 0, 2000)
        ),
        N_("it was received later than now"): terms.received_at > now,
        N_("an answer is due before it was received"): bool(terms.answer_by and terms.answer_by <= terms.received_at),
        N_("it preserves until before it was received"): bool(
            terms.preserve_until and terms.preserve_until <= terms.received_at
        ),
        N_("it says until when it is secret, and not that it is: tick that it may not be told, or leave out the time"):
            bool(terms.gag_until and not terms.gag),
        N_("the time until which it is secret has passed"): bool(
            terms.gag_until and terms.gag_until <= now and terms.gag_until != known
        ),
    }  # fmt: skip
    for why, is_so in flaws.items():
        if is_so:
            raise BadDemand(why=why)
    _check_limit(terms)
    if preserving and terms.preserve_until is None and not _preserves(terms.limit):
        raise BadDemand(why=N_("it does not say until when to preserve: choose the time limit that counts, or a date"))


def _check_limit(terms: Terms) -> None:
    if not terms.limit:
        return
    found = time_limit(terms.limit)
    if found.duty not in ("answer", "preserve"):
        raise BadDemand(why=N_("the time limit is not one to preserve or to answer"))
    if found.trigger in clocks.BY_ITSELF:
        raise BadDemand(why=N_("the time limit does not run from a demand"))
    if found.standing not in (clocks.IN_FORCE, clocks.UNKNOWN) or not found.holds_on(terms.received_at.date()):
        raise BadDemand(why=N_("the law of the time limit was not in force when it was received"))
    if found.standing != clocks.IN_FORCE and not terms.limit_applies:
        raise BadDemand(why=N_("nobody has confirmed that the law of the time limit is in force: look, and say so"))


def _preserves(limit: str) -> bool:
    return bool(limit) and time_limit(limit).duty == "preserve" and time_limit(limit).period is not None


def _fits(text: str, least: int, most: int) -> bool:
    return least <= len(printable(text.strip())) <= most
