"""What was said about items, read for working out where they stand, and written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from django.db import connection
from django.db.models import Q

from himaya.core.statements import ABSTAIN, CONFIRM, DISPUTE, RETRACT, UNSTATED, VOUCH
from himaya.core.words import N_
from himaya.ledger import storing
from himaya.lists.admission import Rule, Word
from himaya.lists.models import HashList, Item, Organisation, Revision, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

T = TypeVar("T")
STEP = 500
"""Rows of a statement of SQL: SQLite takes 32,766 parameters, and shorter statements are parsed once."""
UNNAMED = N_("not named any more")
"""Why a source's word is taken back where it gives no reason of its own."""
ALONE = N_("one person alone changed its source")
"""Why what a source said with the approval of two people is taken back when it says it again."""
BENIGN = Rule()
"""For what is known to be benign one word is enough on any list."""


class Spoken(NamedTuple):
    """What an organisation says about an item, with all that makes it another thing if it differs."""

    organisation: Organisation
    act: str
    key: str = ""
    scheme: str = ""
    code: str = ""
    basis: str = UNSTATED
    until: datetime | None = None
    reason: str = ""
    borrowed: bool = False

    def word(self) -> Word:
        """As the admission rule hears it."""
        one = self.organisation
        return Word(one.pk, one.jurisdiction, self.act, self.until, self.key, one.own, self.borrowed)


@dataclass(slots=True)
class Said:
    """All that was said about an item, in order, and what of it is not written yet."""

    words: list[Spoken] = field(default_factory=list)
    new: list[tuple[Spoken, datetime]] = field(default_factory=list)

    def last(self, organisation: Organisation, key: str) -> Spoken | None:
        """The last word of an organisation on whether it vouches, under one of its keys."""
        mine = (w for w in reversed(self.words) if w.act in (VOUCH, RETRACT) and w.key == key)
        return next((w for w in mine if w.organisation.pk == organisation.pk), None)

    def is_sound(self, organisation: Organisation, key: str) -> bool:
        """Whether an organisation vouches under one of its keys by a word that is not borrowed."""
        mine = [w for w in self.words if w.key == key and w.organisation.pk == organisation.pk]
        sound = [w.act == VOUCH for w in mine if w.act == RETRACT or (w.act == VOUCH and not w.borrowed)]
        return sound[-1:] == [True]

    def leading(self, now: datetime) -> Spoken | None:
        """The last word of those who still vouch: its class, key and reason are the item's."""
        said = (one for one in reversed(self.words) if one.act == VOUCH and (not one.until or one.until > now))
        return next((one for one in said if self.last(one.organisation, one.key) == one), None)

    def say(self, one: Spoken, at: datetime) -> bool:
        """Add a word; False where it is what the organisation said last anyway."""
        if self.last(one.organisation, one.key) == one:
            return False
        self.words.append(one)
        self.new.append((one, at))
        return True


def rule(hash_list: HashList) -> Rule:
    """When items of the list count."""
    return Rule(hash_list.organisations, hash_list.jurisdictions, hash_list.disputes, hash_list.common)


def read(items: Iterable[int], *, revision: int = 0) -> dict[int, Said]:
    """Item → what was said about it: what counts, and what came under ``revision``."""
    found: dict[int, Said] = defaultdict(Said)
    arriving = Revision.objects.filter(number=None).exclude(pk=revision).values("pk")
    rows = Statement.everything.filter(~Q(revision__in=arriving)).order_by("pk")
    for part in steps(list(items)):
        for one in rows.filter(item__in=part).select_related("organisation"):
            found[one.item_id].words.append(
                Spoken(
                    one.organisation, one.act, one.key, one.scheme, one.code, one.basis, one.until, one.reason,
                    one.borrowed,
                )
            )  # fmt: skip
    return found


_COLUMNS = (
    "item_id", "organisation_id", "act", "scheme", "code", "basis", "at", "until", "key", "reason", "by",
    "subscription_id", "revision", "borrowed",
)  # fmt: skip


def write(said: Iterable[tuple[int, Spoken, datetime]], *, by: str, subscription: int | None, revision: int) -> None:
    """Write words, each with the id of its item and when it was said."""
    adapt, last, moment = connection.ops.adapt_datetimefield_value, None, None
    rows = []
    for item, one, at in said:
        if at is not last:  # mostly it is one and the same
            last, moment = at, adapt(at)
        until = one.until and adapt(one.until)
        rows.append(
            (item, one.organisation.pk, one.act, one.scheme, one.code, one.basis, moment, until, one.key, one.reason,
             by, subscription, revision, one.borrowed)
        )  # fmt: skip
    if rows:
        storing.insert(Statement, _COLUMNS, rows)


def of_keys(subscription: int, keys: list[str], *, revision: int) -> dict[str, dict[int, list[Organisation]]]:
    """Key → item → who vouch for it under that key, of what a subscription brought and still stands."""
    arriving = Revision.objects.filter(number=None).exclude(pk=revision).values("pk")
    rows = Statement.everything.filter(~Q(revision__in=arriving), subscription=subscription).order_by("pk")
    last: dict[tuple[str, int, int], Statement] = {}
    for part in steps(keys):
        for one in rows.filter(key__in=part, act__in=(VOUCH, RETRACT)).select_related("organisation"):
            last[one.key, one.item_id, one.organisation_id] = one
    found: dict[str, dict[int, list[Organisation]]] = defaultdict(lambda: defaultdict(list))
    for (key, item, _), one in last.items():
        if one.act == VOUCH:
            found[key][item].append(one.organisation)
    return found


def brought(subscription: int, items: list[int], *, revision: int) -> set[tuple[int, int, str]]:
    """Item, organisation and key of each vouch for these items that a subscription brought and that is not borrowed."""
    arriving = Revision.objects.filter(number=None).exclude(pk=revision).values("pk")
    rows = Statement.everything.filter(~Q(revision__in=arriving), subscription=subscription, act=VOUCH, borrowed=False)
    found: set[tuple[int, int, str]] = set()
    for part in steps(items):
        found.update(rows.filter(item__in=part).values_list("item_id", "organisation_id", "key"))
    return found


VOTES = (CONFIRM, DISPUTE, ABSTAIN)


def has_votes(subscription: int) -> bool:
    """Whether a subscription ever told of a vote with an entry: such a one has no key."""
    return Statement.everything.filter(subscription=subscription, act__in=VOTES, key="").exists()


def votes(subscription: int, items: list[int], *, revision: int) -> dict[int, dict[Organisation, str]]:
    """Item → who votes how on it, of what a subscription told with entries and still stands."""
    arriving = Revision.objects.filter(number=None).exclude(pk=revision).values("pk")
    rows = Statement.everything.filter(~Q(revision__in=arriving), subscription=subscription).order_by("pk")
    found: dict[int, dict[Organisation, str]] = defaultdict(dict)
    for part in steps(items):
        for one in rows.filter(item__in=part, act__in=VOTES, key="").select_related("organisation"):
            if one.act == ABSTAIN:
                found[one.item_id].pop(one.organisation, None)
            else:
                found[one.item_id][one.organisation] = one.act
    return found


def steps(things: list[T]) -> Iterator[list[T]]:
    """In parts of :data:`STEP`."""
    return (things[start : start + STEP] for start in range(0, len(things), STEP))


def items_by_id(ids: Iterable[int]) -> dict[int, Item]:
    """Items, those that arrive too, by id."""
    found: dict[int, Item] = {}
    for part in steps(list(ids)):
        found.update(Item.everything.in_bulk(part))
    return found
