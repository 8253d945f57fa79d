"""An import of what a source says: its members vouch for items, and vote on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.core.ports import ItemRow
from himaya.core.statements import ABSTAIN, CONFIRM, DISPUTE
from himaya.lists.arrivals import words
from himaya.lists.arrivals.arrival import NOWHERE, Arrival
from himaya.lists.arrivals.hands import Hand, Terms
from himaya.lists.arrivals.words import VOTES, Said, Spoken
from himaya.lists.models import Statement
from himaya.lists.parsing import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from himaya.core.exchange import Voted
    from himaya.lists.arrivals.hands import Ballot
    from himaya.lists.models import Organisation

BATCH = 1000
ACTS = {"confirm": CONFIRM, "dispute": DISPUTE, None: ABSTAIN}


class FromSource(Arrival):
    """An :class:`Arrival` in the voice of a subscription."""

    def hear(self, told: Mapping[tuple[str, str], Sequence[Ballot]]) -> None:
        """Note how members of a source vote on items; who is not named any more has taken the vote back.

        Args:
            told: signal and value (canonical) → all votes that stand now.
        """
        source = self._voice.subscription
        assert source is not None, "only a source tells of its members' votes"
        if self._heard is None:
            self._heard = words.has_votes(source)
        if not (self._heard or any(told.values())):
            return
        self._heard = True
        rows = [ItemRow(0, signal, value) for signal, value in told]
        items = {(one.signal, one.value): one for one in self._items(rows)}
        before = words.votes(source, [one.pk for one in items.values()], revision=self._revision)
        hands = self._in_hand(items)
        for key, hand in hands.items():
            now = {self._member(one.organisation): one for one in told[key]}
            for organisation in before[hand.pk].keys() - now.keys():
                self._vote(hand, Spoken(organisation, ABSTAIN), self._now)
            for organisation, one in now.items():
                act = CONFIRM if one.opinion == "confirm" else DISPUTE
                if before[hand.pk].get(organisation) != act:
                    self._vote(hand, Spoken(organisation, act, reason=one.reason), one.at or self._now)
        self._write(hands)

    def _vote(self, hand: Hand, spoken: Spoken, at: datetime) -> None:
        hand.said.words.append(spoken)
        hand.said.new.append((spoken, at))
        hand.changed = True
        self.voted += 1
        self._work_out(hand)

    # --- votes that are told apart ---

    def standing(self, told: Sequence[Voted]) -> frozenset[Voted]:
        """Those votes whose fingerprint is on the list."""
        there = {(one.signal, one.value) for one in self._items([ItemRow(0, one.signal, one.value) for one in told])}
        return frozenset(one for one in told if (one.signal, one.value) in there)

    def hear_apart(self, told: Sequence[Voted]) -> None:
        """Note votes. What is on no list yet is proposed by that, and counts once somebody vouches for it: votes may
        come before the words that they are about.
        """
        rows = [ItemRow(0, one.signal, one.value) for one in told]
        hands = self._in_hand({(one.signal, one.value, False): one for one in self._items(rows) if not one.negative})
        for one in told:
            speaks = self._speaks(one)
            key = (one.signal, one.value, False)
            if speaks is None or (key not in hands and one.opinion is None):
                continue
            if key not in hands:
                source = self._list.source or speaks.title
                hands[key] = Hand(Said(), Terms("", "", source, "", ""), NOWHERE, changed=True)
            spoken = Spoken(speaks, ACTS[one.opinion], one.key, reason=one.reason[: LIMITS["note"]])
            if self._is_news(hands[key].said, spoken):
                self._vote(hands[key], spoken, one.at or self._now)
        self._write(hands)

    def _speaks(self, one: Voted) -> Organisation | None:
        """Who votes; None where it would be this node itself: what it thinks is said here, and nowhere else."""
        if one.organisation == self._ours:
            return None
        return self._member(one.organisation, one.jurisdiction) if self._voice.members else self._voice.organisation

    def _is_news(self, said: Said, spoken: Spoken) -> bool:
        mine = (w for w in reversed(said.words) if w.act in VOTES and w.key == spoken.key)
        last = next((w for w in mine if w.organisation.pk == spoken.organisation.pk), None)
        if last is None:
            return spoken.act != ABSTAIN
        return (last.act, last.reason) != (spoken.act, spoken.reason) and (last.act, spoken.act) != (ABSTAIN, ABSTAIN)

    def standing_votes(self) -> Iterator[list[str]]:
        """The keys of all votes that the source told apart, some at a time."""
        last = ""
        rows = Statement.objects.filter(subscription=self._voice.subscription, act__in=VOTES).order_by("key").distinct()
        while keys := list(rows.filter(key__gt=last).values_list("key", flat=True)[:BATCH]):
            last = keys[-1]
            yield keys

    def take_votes_back(self, keys: Sequence[str]) -> None:
        """The source does not tell the votes of these keys any more."""
        rows = Statement.objects.filter(subscription=self._voice.subscription, act__in=VOTES)
        cast: dict[tuple[int, str, int], Statement] = {}
        for part in words.steps(list(keys)):
            for one in rows.filter(key__in=part).select_related("organisation").order_by("pk"):
                cast[one.item_id, one.key, one.organisation_id] = one
        standing = [one for one in cast.values() if one.act != ABSTAIN]
        hands = self._in_hand(words.items_by_id({one.item_id for one in standing}))
        for one in standing:
            self._vote(hands[one.item_id], Spoken(one.organisation, ABSTAIN, one.key), self._now)
        if hands:
            self._write(hands)
