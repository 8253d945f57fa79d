"""An import into a list, from its first batch to its publication."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, deque
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Self

from django.db import IntegrityError, connection, transaction
from django.db.models import Count

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.core.exchange import Gone
from himaya.core.ports import ItemRow
from himaya.core.statements import RETRACT, VOUCH
from himaya.ledger import storing
from himaya.ledger.outbox import Now
from himaya.ledger.services import lock_head
from himaya.lists import marks, organisations
from himaya.lists.admission import ACTIVE, MOST, WITHDRAWN, Standing, standing
from himaya.lists.arrivals import amending, marking, sweeping, words
from himaya.lists.arrivals.benign import Benign
from himaya.lists.arrivals.hands import Hand, Key, Terms, Voice, columns, uncollected
from himaya.lists.arrivals.revisions import Kind, count, month, next_number, tell
from himaya.lists.arrivals.words import BENIGN, Said, Spoken
from himaya.lists.models import Body, HashList, Item, Organisation, Revision, Statement

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence


LEASE = 60.0
"""Seconds after its last batch for which an import counts as running."""
PATIENCE = 30.0
"""Seconds to wait for another import into the same list."""


class ImportUnderWay(HimayaError):
    """Another import into {name} is under way."""

    remedy = "Wait until it is done. One that was killed gives way after a minute at most, where a worker runs."
    status = 409


class ImportLost(HimayaError):
    """The import into {name} stood still for more than a minute and was taken for dead; nothing was imported."""

    remedy = "Import the file again."
    status = 409


class Arrival:
    """An import into a list. Use as a context: what is not published within it is swept up.

    Args:
        hash_list: where to.
        by: the actor.
        voice: in whose name; this node's own where None.
        sweeps: remove first what a killed import left; not where that would happen in the caller's transaction.

    Attributes:
        added, changed, unchanged, kept_withdrawn: rows taken so far, by what became of them.
        retracted, voted: vouches taken back, votes that changed.
        negative: how many of the added ones are known to be benign; counted by :meth:`weigh`.
    """

    def __init__(self, hash_list: HashList, *, by: str, voice: Voice | None = None, sweeps: bool = True) -> None:
        self._sweeps, self._voice = sweeps, voice or Voice(organisations.own())
        self._list, self._by, self._now = hash_list, by, clock.now()
        self._rule, self._ours = words.rule(hash_list), organisations.own().name
        self._revision, self._shown, self.benign = 0, time.monotonic(), Benign(hash_list)
        self._new = Counter[Kind]()
        self._members: dict[tuple[str, str], Organisation] = {}
        self._amended = self._said = self._marked = False
        self._heard: bool | None = None
        self.added = self.changed = self.unchanged = self.kept_withdrawn = self.negative = 0
        self.retracted = self.voted = 0

    def __enter__(self) -> Self:
        """Begin.

        Raises:
            ImportUnderWay: another import into this list has not ended. Outside a transaction this waits a while.
        """
        until = time.monotonic() + (0 if connection.in_atomic_block else PATIENCE)
        while not self._began():
            if time.monotonic() >= until:
                raise ImportUnderWay(name=self._list.name)
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        if not connection.needs_rollback and sweeping.give_up(Revision.objects.filter(pk=self._revision)):
            while sweeping.sweep_some(self._revision):
                pass

    def _began(self) -> bool:
        before = Revision.objects.filter(list=self._list, number=None).first()
        if before and self._sweeps and sweeping.left(before):
            while sweeping.sweep_some(before.pk):
                pass
        holder = f"{sweeping.HOST}:{os.getpid()}"
        with suppress(IntegrityError), transaction.atomic():
            mine = Revision.objects.create(list=self._list, alive_until=Now() + LEASE, holder=holder)
            self._revision = mine.pk
        return bool(self._revision)

    # --- rows ---

    @uncollected()
    def take(self, rows: Sequence[ItemRow]) -> None:
        """Write a batch, in a transaction of its own.

        Raises:
            ImportLost: another process took this import for dead.
        """
        hands = self._hands(rows)
        sound = self._sound(hands, rows)
        for row in rows:
            key = (row.signal, row.value, row.negative)
            hand = hands.get(key)
            if hand is None:
                hands[key] = self._new_hand(row)
                self.added += 1
                continue
            before = hand.stands.state
            if not self._vouched(hand, row, sound):
                if before == WITHDRAWN:
                    self.kept_withdrawn += 1
                else:
                    self.unchanged += 1
                continue
            if before == WITHDRAWN and hand.stands.state == WITHDRAWN:
                self.kept_withdrawn += 1
            else:
                self.changed += 1
        self._write(hands)
        if said := marking.gathered(hands, rows, self._organisation):
            self._marked = marking.write(said, revision=self._revision, show_life=self._show_life) or self._marked
        faults.point("lists.import_batch")

    def _sound(self, hands: Mapping[Key, Hand], rows: Sequence[ItemRow]) -> set[tuple[int, int, str]]:
        """Item, organisation and key of what a source, which one person alone set, said before when two had set it."""
        if not self._voice.borrowed or self._voice.subscription is None:
            return set()
        there = [(hands.get((row.signal, row.value, row.negative)), row) for row in rows]
        some = {hand.pk for hand, row in there if hand and hand.said.is_sound(self._organisation(row), row.reference)}
        return words.brought(self._voice.subscription, list(some), revision=self._revision) if some else set()

    def _vouched(self, hand: Hand, row: ItemRow, sound: Container[tuple[int, int, str]]) -> bool:
        """Let the row's organisation vouch, in place of what it said in a ``sound`` way; False where that is nothing
        new.
        """
        spoken, terms = self._spoken(row)
        who = spoken.organisation
        if not row.tells_class and self._voice.subscription is None:
            spoken, terms = _keeping_class(spoken, terms, hand)
        if (hand.pk, who.pk, spoken.key) in sound and hand.said.is_sound(who, spoken.key):
            hand.said.say(Spoken(who, RETRACT, spoken.key, reason=words.ALONE), self._now)
        leads = hand.stands.organisation == spoken.organisation.pk
        if not hand.said.say(spoken, row.at or self._now) and not (leads and hand.terms.source != terms.source):
            return False
        hand.changed = True
        self._work_out(hand)
        if hand.stands.state != WITHDRAWN or not hand.pk:  # what is withdrawn stays as it was
            hand.terms = terms
        return True

    def _spoken(self, row: ItemRow) -> tuple[Spoken, Terms]:
        organisation = self._organisation(row)
        basis = row.basis or self._voice.basis
        key = row.reference if self._voice.subscription else ""  # a file has no memory of what it named once
        named = row.source or self._list.source or (organisation.title if self._voice.subscription else "")
        return (
            Spoken(organisation, VOUCH, key, row.scheme, row.code, basis, row.until, row.note, self._voice.borrowed),
            Terms(row.scheme, row.code, named, row.reference, row.note),
        )

    def _new_hand(self, row: ItemRow) -> Hand:
        """An item of which nobody has said anything yet: nearly all of a large import are."""
        spoken, terms = self._spoken(row)
        said = Said([spoken], [(spoken, row.at or self._now)])
        hand = Hand(said, terms, NOWHERE, 0, False, 0, True, row.negative, row.body)
        self._work_out(hand)
        return hand

    def _work_out(self, hand: Hand) -> None:
        words, rule = hand.said.words, BENIGN if hand.negative else self._rule
        if len(words) == 1 and rule.alone and words[0].act == VOUCH and not words[0].until:
            hand.stands = _by_one(words[0].organisation.pk)
        else:
            hand.stands = standing((one.word() for one in words), rule, now=self._now)

    def _organisation(self, row: ItemRow) -> Organisation:
        if not (row.organisation and self._voice.members):
            return self._voice.organisation
        return self._member(row.organisation, row.jurisdiction)

    def _member(self, name: str, jurisdiction: str = "") -> Organisation:
        """A member of the source by its name. Without one, or in this node's own, it is the source that speaks."""
        if name in ("", self._ours):
            return self._voice.organisation
        if (name, jurisdiction) not in self._members:
            with transaction.atomic():
                found = organisations.named(name, by=self._by, jurisdiction=jurisdiction, speaks=True)
                self._members[name, jurisdiction] = found
        return self._members[name, jurisdiction]

    def _hands(self, rows: Sequence[ItemRow]) -> dict[Key, Hand]:
        """What the list holds of these rows, as this import left it in earlier batches."""
        items = {(one.signal, one.value, one.negative): one for one in self._items(rows)}
        return self._in_hand(items)

    def _in_hand(self, items: Mapping[Any, Item]) -> dict[Any, Hand]:
        if not items:
            return {}
        amended = amending.of(self._revision, [one.pk for one in items.values()]) if self._amended else {}
        said = words.read((one.pk for one in items.values()), revision=self._revision)
        hands = {}
        for key, one in items.items():
            now = amended.get(one.pk, one)
            terms = Terms(*(getattr(now, name) for name in Terms._fields))
            stands = Standing(now.state, now.agreement, now.organisation_id, now.until)
            ours = one.revision == self._revision
            hands[key] = Hand(said[one.pk], terms, stands, one.pk, ours, one.revision, negative=one.negative)
        return hands

    def _items(self, rows: Sequence[ItemRow]) -> Iterable[Item]:
        values: dict[tuple[str, bool], list[str]] = {}
        for row in rows:
            values.setdefault((row.signal, row.negative), []).append(row.value)
        there: list[int] = []
        with connection.cursor() as cursor:
            for (signal, negative), wanted in values.items():
                some = wanted if connection.vendor == "postgresql" else json.dumps(wanted)
                cursor.execute(_THERE[connection.vendor], [self._list.pk, signal, negative, some])
                there += [pk for (pk,) in cursor.fetchall()]
        return words.items_by_id(there).values()

    # --- what a source does not say any more ---

    @cached_property
    def goes_on(self) -> bool:
        """Whether the source said anything in an earlier round; in its first it takes back nothing."""
        source = self._voice.subscription
        return source is not None and Statement.objects.filter(subscription=source).exists()

    def keep_only(self, told: Mapping[str, Iterable[tuple[str, str]]], *gone: Gone) -> None:
        """Take back what was vouched for under a source's keys and is not told any more.

        Args:
            told: key → signal and value (canonical) of all that it names now; nothing where it is gone.
            gone: of these, why and when, where the source tells.
        """
        assert self._voice.subscription is not None, "only a source takes back by its keys"
        why = {one.key: one for one in gone}
        standing_now = words.of_keys(self._voice.subscription, list(told), revision=self._revision)
        items = words.items_by_id({pk for some in standing_now.values() for pk in some})
        going = {
            pk: items[pk]
            for key, some in standing_now.items()
            for pk in some
            if (items[pk].signal, items[pk].value) not in set(told[key])
        }
        hands = self._in_hand(going)
        for key, some in standing_now.items():
            for pk, vouching in some.items():
                if pk in hands and (going[pk].signal, going[pk].value) not in set(told[key]):
                    for organisation in vouching:
                        self._retract(hands[pk], organisation, why.get(key) or Gone(key, words.UNNAMED))
        if hands:
            self._write(hands)

    def _retract(self, hand: Hand, organisation: Organisation, gone: Gone) -> None:
        at = min(gone.at or self._now, self._now)
        if hand.said.say(Spoken(organisation, RETRACT, gone.key, reason=gone.reason), at):
            hand.changed = True
            self.retracted += 1
            self._work_out(hand)
            if one := hand.said.leading(self._now):
                name = one.key or hand.terms.reference
                hand.terms = hand.terms._replace(scheme=one.scheme, code=one.code, reference=name, note=one.reason)

    @property
    def brings(self) -> bool:
        """Whether it changes anything."""
        return bool(self.added or self.changed or self.retracted or self.voted or self._said or self._marked)

    # --- writing ---

    def _write(self, hands: Mapping[Any, Hand]) -> None:
        new = {key: hand for key, hand in hands.items() if not hand.pk}
        changed = [hand for hand in hands.values() if hand.pk and hand.changed]
        if new or changed:
            self._put(new, changed)
        elif time.monotonic() - self._shown > LEASE / 10:  # a file that brings nothing new is read for long, too
            self._show_life()

    @transaction.atomic
    def _put(self, new: dict[Key, Hand], changed: list[Hand]) -> None:
        self._show_life()
        self._insert(new)
        for hand in changed:
            if hand.ours:  # unseen as yet: this import brought it
                Item.everything.filter(pk=hand.pk).update(**columns(hand))
        there = [hand for hand in changed if not hand.ours]
        amending.put(self._revision, [(hand.pk, hand.was, columns(hand)) for hand in there])
        self._amended = self._amended or bool(there)
        said = [(hand.pk, *one) for hand in (*new.values(), *changed) for one in hand.said.new]
        words.write(said, by=self._by, subscription=self._voice.subscription, revision=self._revision)
        self._said = self._said or bool(said)

    def _insert(self, new: dict[Key, Hand]) -> None:
        if not new:
            return
        self.benign.look(new)
        adapt = connection.ops.adapt_datetimefield_value
        at, came = adapt(self._now), month(self._now)
        always = (came, self._by, at, at, self._revision, "")
        rows = []
        for pk, (key, hand) in zip(storing.numbers(Item, len(new)), new.items(), strict=True):
            hand.pk, stands = pk, hand.stands
            until = stands.until and adapt(stands.until)
            who = stands.organisation or hand.said.words[-1].organisation.pk
            place = (stands.state, who, min(stands.vouching, MOST), until)
            rows.append((pk, self._list.pk, *key, *hand.terms, *place, *always))
        storing.insert(Item, _COLUMNS, rows)
        bodies = [(hand.pk, hand.body, self._revision) for hand in new.values() if hand.body]
        if bodies:
            storing.insert(Body, ("item_id", "data", "revision"), bodies)

    def _show_life(self) -> None:
        if not sweeping.alive(self._revision).update(alive_until=Now() + LEASE):
            raise ImportLost(name=self._list.name)
        self._shown = time.monotonic()

    # --- the end ---

    def weigh(self) -> None:
        """Count what is new, after the last batch and before the last transaction: nobody needs to wait for it."""
        self._show_life()
        rows = Item.everything.filter(revision=self._revision).values_list(*Kind._fields)
        self._new = Counter({Kind(*kind): n for *kind, n in rows.annotate(n=Count("id")).order_by()})
        self.negative = sum(n for kind, n in self._new.items() if kind.negative)

    def publish(self) -> None:
        """Let everything that was taken and weighed hold, with the caller's transaction.

        Raises:
            ImportLost: another process took this import for dead.
        """
        weights = Counter(self._new)
        self._show_life()  # and holds the row: nobody takes this import for dead while it is published
        if self._amended:
            deque(amending.lock(self._revision), maxlen=0)
            lock_head()
            amending.work_out_again(self._revision, self._rule, now=self._now)
            weights.update(amending.apply(self._revision, at=self._now))
        lock_head()
        if not sweeping.alive(self._revision).update(**next_number()):
            raise ImportLost(name=self._list.name)
        if self._marked:
            marks.supersede(self._revision)
        tell()
        count(self._list, weights, at=self._now)


_COLUMNS = (
    "id", "list_id", "signal", "value", "negative", "scheme", "code", "source", "reference", "note", "state",
    "organisation_id", "agreement", "until", "month", "added_by", "added_at", "changed_at", "revision", "reason",
)  # fmt: skip
_WHERE = "SELECT id FROM lists_item WHERE list_id = %s AND signal = %s AND negative = %s AND value "
_THERE = {
    "postgresql": _WHERE + "= ANY(%s)",
    "sqlite": _WHERE + "IN (SELECT value FROM json_each(%s))",  # noqa: S608 - constants
}
"""Which of some values there are, by the database: each a text that is always the same, and read once."""
NOWHERE = Standing("", 0, 0, None)


def _keeping_class(spoken: Spoken, terms: Terms, hand: Hand) -> tuple[Spoken, Terms]:
    """Who speaks without a word on classes takes none back: they say what they said before, and the item keeps its own.
    An entry of a source that is followed is all that the source says: there a class that is not named is gone.
    """
    before = hand.said.last(spoken.organisation, spoken.key)
    mine = before if before is not None and before.act == VOUCH and before.code else None
    kept = mine or hand.terms
    scheme, code = (mine.scheme, mine.code) if mine else ("", "")
    return spoken._replace(scheme=scheme, code=code), terms._replace(scheme=kept.scheme, code=kept.code)


@lru_cache(maxsize=100)
def _by_one(organisation: int) -> Standing:
    return Standing(ACTIVE, 1, organisation, None)
