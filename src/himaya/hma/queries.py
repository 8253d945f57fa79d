"""Reading banks and their contents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from himaya.core.errors import HimayaError
from himaya.hma import names
from himaya.hma.models import OFF, ON, Bank, Content, Part
from himaya.lists import queries as lists

if TYPE_CHECKING:
    from collections.abc import Iterable

    from himaya.lists.models import HashList, Item

WITHDRAWN = "withdrawn"


class UnknownBank(HimayaError):
    """bank {name!r} not found."""

    status = 404


class UnknownContent(HimayaError):
    """content {number} not found in bank {bank!r}."""

    status = 404


def bank_names(hash_lists: Iterable[HashList]) -> dict[int, str]:
    """List id → what it is called as a bank; deleted ones are not among them."""
    own = {one.pk: one for one in hash_lists}
    wanted = Q(list__in=list(own)) | Q(name__in=[names.bank_name(one.name) for one in own.values()])
    rows = Bank.objects.filter(wanted).values_list("list", "name")
    named, taken = dict(rows), {name for _, name in rows}
    found = {}
    for pk, one in own.items():
        natural = names.bank_name(one.name)
        if named.get(pk):
            found[pk] = named[pk]
        elif pk not in named or one.enabled:
            found[pk] = names.by_number(pk) if natural in taken else natural
    return found


def banks() -> list[tuple[str, HashList]]:
    """Every bank, by name."""
    every = list(lists.lists())
    called = bank_names(every)
    return sorted((called[one.pk], one) for one in every if one.pk in called)


def find_bank(name: str) -> HashList:
    """The list that is called so.

    Raises:
        UnknownBank: none is.
    """
    if not names.BANK.fullmatch(name):
        raise UnknownBank(name=name[:80])
    row = Bank.objects.filter(name=name).select_related("list").first()
    if row:
        return row.list
    numbered = names.BY_NUMBER.fullmatch(name)
    wanted = Q(pk=numbered[1]) if numbered else Q(name=names.list_name(name))
    found = lists.lists().filter(wanted).first()
    if found is None or bank_names([found]).get(found.pk) != name:
        raise UnknownBank(name=name[:80])
    return found


def banks_of(list_names: Iterable[str]) -> dict[str, str]:
    """List → bank, for lists that match now."""
    every = list(lists.lists().filter(name__in=set(list_names)))
    called = bank_names(every)
    return {one.name: called.get(one.pk) or names.bank_name(one.name) for one in every}


def lists_of(bank_list: str) -> list[str]:
    """The names of the lists of banks, given with commas; HMA passes over those that there are not."""
    found = set()
    for name in {one.strip() for one in bank_list.split(",")[:100]}:
        try:
            found.add(find_bank(name).name)
        except UnknownBank:
            continue
    return sorted(found)


# --- contents --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Banked:
    """A content of a bank. ``disabled_until`` as HMA has it: 0 off, 1 on, else the moment at which it is on again."""

    number: int
    items: tuple[Item, ...]
    disabled_until: int
    note: str
    metadata: dict[str, Any]

    @property
    def signals(self) -> dict[str, str]:
        """Signal → value."""
        return {item.signal: item.value for item in self.items}


def content(bank: str, number: int) -> Banked:
    """One content of a bank.

    Raises:
        UnknownBank, UnknownContent: there is no such bank; it has no such content, or had it removed.
    """
    return content_of(find_bank(bank), number, bank)


def content_of(hash_list: HashList, number: int, bank: str) -> Banked:
    """The same, of a list that was found already."""
    row = Content.objects.filter(number=number, list=hash_list, removed=False).first()
    if row:
        items = tuple(part.item for part in Part.objects.filter(content=row).select_related("item").order_by("item"))
        return Banked(number, items, _disabled_until(row, items), row.note, row.metadata)
    item = lists.item(number) if number < 2**63 else None
    if item is None or item.list_id != hash_list.pk or Part.objects.filter(item=item).exists():
        raise UnknownContent(number=number, bank=bank[:80])
    return Banked(number, (item,), OFF if item.state == WITHDRAWN else ON, item.note[:255], {})


def _disabled_until(row: Content, items: tuple[Item, ...]) -> int:
    """What is so: a person may have withdrawn the items, or restored them, since the client spoke."""
    if row.disabled_until == ON:
        return ON if any(item.state != WITHDRAWN for item in items) else OFF
    shared = held_by_others(row.number, [item.pk for item in items])
    matching = any(item.state != WITHDRAWN and item.pk not in shared for item in items)
    return ON if matching else row.disabled_until


def held_by_others(number: int, items: Iterable[int]) -> set[int]:
    """Those of the items that are in another content, too, which is on."""
    others = Part.objects.exclude(content=number).filter(content__disabled_until=ON, content__removed=False)
    return set(others.filter(item__in=list(items)).values_list("item", flat=True))


def numbers(items: Iterable[int]) -> dict[int, list[int]]:
    """Item → the numbers of the contents that it is in and that are on. No match is lost: one that a person restored
    is answered under whatever number it has.
    """
    wanted = set(items)
    parts: dict[int, list[tuple[int, int, bool]]] = defaultdict(list)
    rows = Part.objects.filter(item__in=wanted).order_by("content")
    for item, number, until, removed in rows.values_list(
        "item", "content", "content__disabled_until", "content__removed"
    ):
        parts[item].append((number, until, removed))
    return {item: _answered(parts[item]) if item in parts else [item] for item in wanted}


def _answered(parts: list[tuple[int, int, bool]]) -> list[int]:
    on = [number for number, until, removed in parts if until == ON and not removed]
    there = [number for number, _, removed in parts if not removed]
    return on or there or [number for number, *_ in parts]
