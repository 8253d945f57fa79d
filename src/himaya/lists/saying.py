"""One thing said about one item, by a person here or by a partner: the words, where the item stands then, the counts.

Imports say a million things at once (``lists.arrivals``); here is the same for a single one.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from himaya.core import clock
from himaya.core.statements import ABSTAIN, CONFIRM, DISPUTE, DOUBT, RESTORE, VOUCH, WITHDRAW
from himaya.lists import organisations
from himaya.lists.admission import ACTIVE, MATCHING, STEWARD, WITHDRAWN, standing
from himaya.lists.arrivals import words
from himaya.lists.arrivals.revisions import count, kind, revise
from himaya.lists.arrivals.words import BENIGN, Spoken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from himaya.lists.arrivals.words import Said
    from himaya.lists.models import Item


def say(item: Item, spoken: Iterable[Spoken], *, by: str, said: Said | None = None, at: datetime | None = None) -> bool:
    """Add words about an item, which is locked, and let it stand where it then does.

    Returns:
        Whether its state is another one.
    """
    now = clock.now()
    said = said or words.read([item.pk])[item.pk]
    new = list(spoken)
    place = standing(
        (one.word() for one in (*said.words, *new)), BENIGN if item.negative else words.rule(item.list), now=now
    )
    before, was = kind(item), item.state
    item.changed_at, item.revision = now, revise().pk
    words.write([(item.pk, one, at or now) for one in new], by=by, subscription=None, revision=item.revision)
    item.state, item.agreement, item.until = place.state, min(place.vouching, 9), place.until
    item.organisation_id = place.organisation or item.organisation_id
    if was == WITHDRAWN and place.state != WITHDRAWN and (one := words.Said([*said.words, *new]).leading(now)):
        item.scheme, item.code, item.note = one.scheme, one.code, one.reason
    item.save()
    after = kind(item)
    if after != before:
        count(item.list, {after: 1, before: -1}, at=now)
    return item.state != was


def mark(item: Item, *, state: str, by: str) -> None:
    """Say what brings an item, which is locked, into a state, as its list's steward; ``item.reason`` is why.

    It may stand elsewhere all the same: an item that too few vouch for is proposed, and others' doubts stay theirs. The
    mark is no vote: our organisation's own one stays what it is, but that a dispute of it ends with the mark.
    """
    said, ours = words.read([item.pk])[item.pk], organisations.own()
    new = []
    if state != ACTIVE:
        new.append(Spoken(ours, WITHDRAW if state == WITHDRAWN else DOUBT, reason=item.reason))
    elif last_act(said, ours.pk, STEWARD) in (WITHDRAW, DOUBT):
        new.append(Spoken(ours, RESTORE, reason=item.reason))
    if state == ACTIVE and last_act(said, ours.pk, (CONFIRM, DISPUTE, ABSTAIN)) == DISPUTE:
        new.append(Spoken(ours, ABSTAIN, reason=item.reason))
    if state in MATCHING and item.state not in MATCHING and not _vouched(said):
        new.append(Spoken(ours, VOUCH, item.reference, item.scheme, item.code, reason=item.reason))
    say(item, new, by=by, said=said)


def last_act(said: Said, organisation: int, acts: tuple[str, ...]) -> str:
    """The last of some acts of an organisation; empty where it did none of them."""
    mine = (one.act for one in reversed(said.words) if one.organisation.pk == organisation and one.act in acts)
    return next(mine, "")


def _vouched(said: Said) -> bool:
    """Whether anybody vouches for it now."""
    alone = (one.word() for one in said.words if one.act not in STEWARD)
    return standing(alone, BENIGN, now=clock.now()).vouching > 0
