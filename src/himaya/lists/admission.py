"""From what organisations said about an item to its state: the admission rule, and nothing else. No database.

The last word of an organisation on a matter holds: on whether it vouches (for each of its own keys for the item, since
it may list one thing twice), on its vote, and, of the list's steward, on its mark: withdrawn, disputed, or none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from himaya.core.statements import ABSTAIN, CONFIRM, DISPUTE, DOUBT, RESTORE, RETRACT, VOUCH, WITHDRAW

PROPOSED, ACTIVE, DISPUTED, WITHDRAWN, EXPIRED = "proposed", "active", "disputed", "withdrawn", "expired"
STATES = (PROPOSED, ACTIVE, DISPUTED, WITHDRAWN, EXPIRED)
MATCHING = (ACTIVE, DISPUTED)
"""States in which an item can match."""
STEWARD = (WITHDRAW, DOUBT, RESTORE)
"""Acts by which the steward of a list marks an item."""
MOST = 9
"""An agreement of more organisations is counted as this."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When an item of a list counts.

    Attributes:
        organisations: so many have to vouch for it.
        jurisdictions: in so many different ones. An organisation that names none counts for none; 1 asks for none.
        disputes: so many votes against it make it disputed, unless as many or more organisations confirm it. A mark
            of the list's steward is enough by itself.
        common: the list is several organisations': the vote of the steward's own organisation is one among them.
            Elsewhere it is enough by itself.
    """

    organisations: int = 1
    jurisdictions: int = 1
    disputes: int = 1
    common: bool = False

    @property
    def alone(self) -> bool:
        """Whether one organisation is enough."""
        return self.organisations <= 1 and self.jurisdictions <= 1


class Word(NamedTuple):
    """What one organisation said. ``own``: it is the steward of the list; ``key`` its own name for the item;
    ``borrowed``: one person alone brought it in the organisation's name.
    """

    organisation: int
    jurisdiction: str
    act: str
    until: datetime | None = None
    key: str = ""
    own: bool = False
    borrowed: bool = False


class Standing(NamedTuple):
    """Where an item stands.

    Attributes:
        state: one of :data:`STATES`.
        vouching: how many organisations vouch for it. What is borrowed counts as one, and only where nothing else is
            there.
        organisation: the first of them that still does; 0 if none.
        until: when this has to be looked at again, because somebody's word ceases to count; None: never.
    """

    state: str
    vouching: int
    organisation: int
    until: datetime | None


def standing(words: Iterable[Word], rule: Rule, *, now: datetime) -> Standing:
    """The standing of an item, from all that was said about it, in the order in which it was said."""
    vouches: dict[tuple[int, str, bool], Word] = {}
    votes: dict[int, Word] = {}
    mark = ""
    for word in words:
        if word.act in (VOUCH, RETRACT):
            gone = word.act == RETRACT  # whoever brought it, and in whatever way: both are taken back
            vouches[word.organisation, word.key, word.borrowed and not gone] = word
            if gone:
                vouches.pop((word.organisation, word.key, True), None)
        elif word.act in (CONFIRM, DISPUTE, ABSTAIN):
            votes[word.organisation] = word
        elif word.own and word.act in STEWARD:
            mark = word.act
    said = [one for one in vouches.values() if one.act == VOUCH]
    lasting = [one for one in said if not one.until or one.until > now]
    by = {one.organisation: one.jurisdiction for one in lasting if not one.borrowed}
    by = by or {one.organisation: "" for one in lasting[:1]}
    state = _state(by, [one for one in votes.values() if not one.until or one.until > now], rule)
    if mark == DOUBT and state == ACTIVE:
        state = DISPUTED
    if votes and not (mark == WITHDRAW or vouches):
        state = PROPOSED  # nobody has vouched for it as yet: votes may come before the words that they are about
    elif mark == WITHDRAW or not said:
        state = WITHDRAWN
    elif not lasting:
        state = EXPIRED
    ends = [one.until for one in (*lasting, *votes.values()) if one.until and one.until > now]
    return Standing(state, len(by), next(iter(by), 0), min(ends, default=None))


def _state(vouching: dict[int, str], votes: list[Word], rule: Rule) -> str:
    places = {place for place in vouching.values() if place}
    if len(vouching) < rule.organisations or (len(places) < rule.jurisdictions and rule.jurisdictions > 1):
        return PROPOSED
    against = [one for one in votes if one.act == DISPUTE]
    agreeing = sum(one.act == CONFIRM for one in votes)
    if any(one.own for one in against) and not rule.common:
        return DISPUTED
    return DISPUTED if len(against) >= rule.disputes and len(against) > agreeing else ACTIVE
