"""Lists themselves: made, found, and their terms changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from django.db import transaction

from himaya.core import clock, registry
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.ledger.services import record
from himaya.lists import canaries
from himaya.lists.admission import WITHDRAWN, Rule
from himaya.lists.arrivals import Judging, revise
from himaya.lists.arrivals.words import rule
from himaya.lists.importing import UnknownList, alarm
from himaya.lists.labels import check_label
from himaya.lists.models import TLP, HashList, Item
from himaya.lists.seconding import require_second

if TYPE_CHECKING:
    from django.db.models import QuerySet

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
PAGES = frozenset({"new", "quarantine", "partners", "proposals", "subscriptions"})
"""Names that no list takes: the console has pages there."""
MAX_RADIUS = 64
"""The greatest radius of any list. Beyond about a quarter of the bits, unrelated pictures begin to match."""
MOST = 9
"""The most organisations, jurisdictions or disputes that a rule may ask for."""
RULE = ("organisations", "jurisdictions", "disputes")
JUDGED = (*RULE, "common")
"""Terms by which items are judged: :class:`lists.admission.Rule`."""
TOLD = frozenset({"title", "tlp", "radius", *RULE})
"""What of its terms others are told."""
AT_ONCE = 50_000
"""Items that are judged anew while somebody waits for an answer."""


class BadList(HimayaError):
    """The list {name!r} cannot be made so: {why}."""

    status = 422


class MeetsCanaries(HimayaError):
    """With a radius of {radius}, {n} items of the list {name} would match pictures that were drawn to be benign."""

    remedy = "Leave the radius as it is, or withdraw them first and ask whoever gave them: items {items}."
    status = 409


class TooManyToJudge(HimayaError):
    """The list {name} has more than {n} items, each of which is judged anew: no answer waits for that."""

    remedy = "Change it on the machine of the node: himaya lists change {name} {options}"
    status = 409


class Wanted(TypedDict, total=False):
    """Terms that are to be others; None, or not there: as they are."""

    title: str | None
    enabled: bool | None
    radius: int | None
    organisations: int | None
    jurisdictions: int | None
    disputes: int | None
    tlp: str | None
    common: bool | None


def find_list(name: str) -> HashList:
    """The list of that name.

    Raises:
        UnknownList: there is none.
    """
    found = HashList.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(HashList.objects.order_by("name").values_list("name", flat=True)[:20])
        raise UnknownList(name=name, known=known or "none yet")
    return found


@transaction.atomic
def create_list(name: str, *, by: str, title: str = "", source: str = "", radius: int = 31) -> HashList:
    """Make an empty list.

    Args:
        name: small letters, digits and dashes; it never changes.
        by: the actor.
        title: for people; the name where empty.
        source: who stands behind items that name nobody.
        radius: greatest distance, in bits, at which perceptual signals of this list match: 0 to 64.

    Raises:
        BadList: the name is taken or malformed, or the radius outside its limits.
    """
    if not NAME.fullmatch(name):
        raise BadList(
            name=name, why=N_("use 1 to 60 small letters, digits or dashes, beginning with a letter or digit")
        )
    if name in PAGES:
        raise BadList(name=name, why=N_("a page of the console has this name"))
    _check_radius(name, radius)
    if len(title) > 120 or len(source) > 120 or "\0" in title + source:
        raise BadList(name=name, why=N_("title and source take at most 120 characters, none of them NUL"))
    terms = {"title": title or name, "source": source, "radius": radius}
    made, fresh = HashList.objects.get_or_create(
        name=name, defaults={**terms, "created_at": clock.now(), "created_by": by}
    )
    if not fresh:
        raise BadList(name=name, why=N_("there is a list of that name already"))
    record("list.created", by=by, about=f"list:{name}", radius=radius)
    return made


@dataclass(slots=True)
class Change:
    """New terms of a list that hold for nobody yet, and, under a new rule, its items judged by it."""

    _list: HashList
    _by: str
    _second: str
    _wanted: dict[str, Any]
    _judging: Judging | None = None

    @transaction.atomic
    def publish(self) -> HashList:
        """Let the terms hold, and the items stand where they then do, in one moment.

        Raises:
            NeedsSecond: the list has become a common one meanwhile.
            ImportLost: this stood still and was taken for dead.
        """
        found = HashList.objects.select_for_update(no_key=True).get(pk=self._list.pk)
        check_label(found, self._wanted.get("tlp"))
        _require(found, self._wanted, by=self._by, second=self._second)
        was = {name: getattr(found, name) for name in self._wanted}
        if self._judging:
            self._judging.publish()
        change = revise()
        for name, value in self._wanted.items():
            setattr(found, name, value)
        found.switched_on = change.pk if found.enabled and not was.get("enabled", True) else found.switched_on
        found.widened = change.pk if found.radius > was.get("radius", found.radius) else found.widened
        told = any(value != was[name] for name, value in self._wanted.items() if name in TOLD)
        found.terms_at = change.at if told else found.terms_at
        found.save(update_fields=[*self._wanted, "switched_on", "widened", "terms_at"])
        changed = {name: value for name, value in self._wanted.items() if value != was[name] and name != "title"}
        facts = {"enabled": found.enabled, "radius": found.radius, **changed}
        facts |= {"items": self._judging.moved} if self._judging else {}
        facts |= {"second": self._second} if self._second else {}
        record("list.changed", by=self._by, about=f"list:{found.name}", **facts)
        return found


@contextmanager
def changing(
    name: str,
    *,
    by: str,
    second: str = "",
    most: int | None = None,
    on_progress: Callable[[int], object] = lambda _: None,
    **wanted: Unpack[Wanted],
) -> Iterator[Change]:
    """Prepare new terms of a list: under another rule, every item is judged anew, beside the list and in constant
    memory. What is not published within the context vanishes.

    Args:
        name: of the list.
        by: the actor.
        second: who approves; a common list needs a second person.
        most: refuse, before anything is done, where more items than so many would have to be judged.
        on_progress: called with how many were judged, as it goes on.
        wanted: title (1 to 120 characters), enabled, radius (0 to 64 bits), organisations, jurisdictions, disputes
            (1 to 9 each; see ``lists.admission``), tlp (one of ``models.TLP``), common.

    Raises:
        UnknownList, BadList: no such list; a value outside its limits.
        WiderThanSource: a source gives what it gives under a stricter label.
        NeedsSecond: the list is a common one, and no second person approves.
        TooManyToJudge: see ``most``.
        MeetsCanaries: with a wider radius, items would match canaries; an alarm is on record.
        ImportUnderWay: an import into this list has not ended.
    """
    found = find_list(name)
    terms: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    _check(name, terms)
    check_label(found, terms.get("tlp"))
    _require(found, terms, by=by, second=second)
    if terms.get("radius", 0) > found.radius:
        _widen(found, terms["radius"], by=by, most=most)
    held = rule(found)
    new = Rule(*(terms.get(key, getattr(found, key)) for key in JUDGED))
    if new == held:  # not set then, not even to what it is: somebody may be about to change it
        yield Change(found, by, second, {key: value for key, value in terms.items() if key not in JUDGED})
        return
    _count(Item.objects.filter(list=found, negative=False), most, {key: terms[key] for key in JUDGED if key in terms})
    with Judging(found, by=by, rule=new) as judging:
        judging.judge(on_progress)
        judging.weigh()
        yield Change(found, by, second, terms, judging)


def change_list(
    name: str,
    *,
    by: str,
    second: str = "",
    most: int | None = None,
    on_progress: Callable[[int], object] = lambda _: None,
    **wanted: Unpack[Wanted],
) -> HashList:
    """Change the terms of a list; see :func:`changing`. It holds for the next screening; what was kept of earlier ones
    is compared with what the list matches by that.
    """
    with changing(name, by=by, second=second, most=most, on_progress=on_progress, **wanted) as change:
        return change.publish()


def is_long(hash_list: HashList) -> bool:
    """Whether it has more items than are judged anew while somebody waits for an answer."""
    return Item.objects.filter(list=hash_list, negative=False)[: AT_ONCE + 1].count() > AT_ONCE


def _count(items: QuerySet[Item], most: int | None, wanted: Mapping[str, Any]) -> None:
    if most is not None and (one := items.first()) and items[: most + 1].count() > most:
        wanted = {key: value for key, value in wanted.items() if key != "common"} | _switch(wanted)
        options = " ".join(f"--{key} {value}".strip() for key, value in wanted.items())
        raise TooManyToJudge(name=one.list.name, n=most, options=options)


def _switch(wanted: Mapping[str, Any]) -> dict[str, str]:
    """Whether it is common, as the command line has it."""
    return {"common" if wanted["common"] else "own": ""} if "common" in wanted else {}


def _widen(found: HashList, radius: int, *, by: str, most: int | None) -> None:
    """See that no item that is there would match a canary: one that comes later is looked at when it comes."""
    near = [name for name, signal in registry.signals().items() if not signal.exact]
    items = Item.objects.filter(list=found, negative=False, signal__in=near).exclude(state=WITHDRAWN)
    _count(items.select_related("list"), most, {"radius": radius})
    caught = [one.pk for one in items.only("signal", "value").iterator() if canaries.meets(one, radius)]
    if caught:
        alarm(found.name, len(caught), by=by)
        some = ", ".join(map(str, caught[:20]))
        raise MeetsCanaries(name=found.name, radius=radius, n=len(caught), items=some)


def _require(found: HashList, terms: dict[str, Any], *, by: str, second: str) -> None:
    require_second(found, by=by, second=second, act="change", arguments={"wanted": terms})


def _check_radius(name: str, radius: int) -> None:
    if not 0 <= radius <= MAX_RADIUS:
        raise BadList(name=name, why=Said("the radius must be 0 to {n} bits", n=MAX_RADIUS))


def _check(name: str, terms: dict[str, Any]) -> None:
    if "radius" in terms:
        _check_radius(name, terms["radius"])
    if "title" in terms and not (0 < len(terms["title"].strip()) <= 120 and "\0" not in terms["title"]):
        raise BadList(name=name, why=N_("a title has 1 to 120 characters, none of them NUL"))
    for key in RULE:
        if not 1 <= terms.get(key, 1) <= MOST:
            raise BadList(name=name, why=Said("{what} must be 1 to {n}", what=key, n=MOST))
    if terms.get("tlp", TLP[0]) not in TLP:
        raise BadList(
            name=name, why=Said("the label of the Traffic Light Protocol is one of {known}", known=", ".join(TLP))
        )
