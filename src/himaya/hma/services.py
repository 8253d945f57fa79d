"""Writing banks and their contents: every act ends in those of lists, under the same rules and on the same record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.ports import ItemRow
from himaya.core.words import N_, Said
from himaya.hma import names, queries
from himaya.hma.models import OFF, ON, Bank, Content, Part
from himaya.hma.queries import WITHDRAWN, Banked
from himaya.ledger.services import SYSTEM, lock_head, record
from himaya.lists import queries as lists
from himaya.lists import services as list_services

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.db.models import QuerySet

    from himaya.lists.models import HashList, Item

OF_SEVERAL = 10**12
"""Contents of several items are numbered from here: below stand the numbers of items."""
FARTHEST = 5 * 365 * 86_400
"""Seconds for which a content may rest at most; as HMA has it."""
REMOVED, RESTED = "removed through HMA's API", "disabled through HMA's API"
ADDED, ENABLED = "added again through HMA's API", "enabled through HMA's API"


class BadBank(HimayaError):
    """The bank {name!r} cannot be made so: {why}."""

    status = 400


class BankExists(HimayaError):
    """Bank already exists: {name!r}."""

    status = 403


class BadChange(HimayaError):
    """The content cannot be changed so: {why}."""

    status = 400


class StaysWithdrawn(HimayaError):
    """The item {item} was withdrawn on this node and stays so: {reason}."""

    remedy = "A person of this node can restore it under Lists, where that is right."
    status = 409


# --- banks -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def create_bank(name: str, *, by: str, enabled: bool = True) -> HashList:
    """Make an empty bank: a list with the nearest name that is free.

    Raises:
        BadBank, BankExists: the name is none of HMA's, or taken.
    """
    _check_name(name)
    made = None
    for proposed in names.proposals(name):
        if proposed not in list_services.PAGES and not lists.lists().filter(name=proposed).exists():
            made = list_services.create_list(proposed, by=by, title=name[:120])
            break
    assert made is not None
    _name(made, name)
    if not enabled:
        made = list_services.change_list(made.name, by=by, enabled=False)
    record("bank.named", by=by, about=f"list:{made.name}", name=name)
    return made


@transaction.atomic
def change_bank(name: str, *, by: str, new_name: str | None = None, enabled: bool | None = None) -> HashList:
    """Rename a bank, whose list keeps its name, or switch it on or off.

    Raises:
        UnknownBank, BadBank, BankExists: there is none; the new name is none of HMA's, or taken.
    """
    found = queries.find_bank(name)
    if new_name is not None and new_name != name:
        _check_name(new_name)
        _name(found, new_name)
    if enabled is not None and enabled != found.enabled:
        found = list_services.change_list(found.name, by=by, enabled=enabled)
    if new_name is not None and new_name != name:
        record("bank.named", by=by, about=f"list:{found.name}", name=new_name)
    return found


@transaction.atomic
def remove_bank(name: str, *, by: str) -> bool:
    """Switch a bank's list off and free its name: nothing is deleted here. False where there is no such bank."""
    try:
        found = queries.find_bank(name)
    except queries.UnknownBank:
        return False
    _name(found, "")
    list_services.change_list(found.name, by=by, enabled=False)
    record("bank.removed", by=by, about=f"list:{found.name}", name=name)
    return True


def _check_name(name: str) -> None:
    if not names.BANK.fullmatch(name) or names.BY_NUMBER.fullmatch(name):
        why = N_("use 1 to 255 of A-Z, 0-9 and _, not beginning with a digit; _LIST_ and a number is kept for lists")
        raise BadBank(name=name[:80], why=why)
    try:
        queries.find_bank(name)
    except queries.UnknownBank:
        return
    raise BankExists(name=name)


def _name(hash_list: HashList, name: str) -> Bank:
    """Call a list so. Two that ask for one name at once: one of them gets it."""
    try:
        with transaction.atomic():
            return Bank.objects.update_or_create(list=hash_list, defaults={"name": name})[0]
    except IntegrityError:
        raise BankExists(name=name) from None


def _locked(name: str) -> HashList:
    """The list of a bank, whose contents nobody else changes through this door until the transaction ends."""
    found = queries.find_bank(name)
    Bank.objects.get_or_create(list=found, defaults={"name": name})
    Bank.objects.select_for_update(no_key=True).get(list=found)
    return found


# --- contents --------------------------------------------------------------------------------------------------------


@transaction.atomic
def add_content(
    bank: str, *, signals: Mapping[str, str], by: str, note: str = "", metadata: Mapping[str, Any] | None = None
) -> int:
    """Put a content into a bank: the items that its list lacks are added, what others say of the rest is left alone.

    Args:
        bank: its name.
        signals: our name of a signal → canonical value; one at least.
        by: the actor.
        note: at most 255 characters.
        metadata: HMA's ``content_id``, ``content_uri``, ``json``.

    Returns:
        Its number. The same content with the same note and metadata has the same number again.

    Raises:
        UnknownBank: there is none.
        StaysWithdrawn: one of the items was withdrawn here by somebody else than this door.
    """
    hash_list, facts = _locked(bank), dict(metadata or {})
    have = _items(hash_list, signals)
    if (same := _same(have.values(), signals, note, facts)) is not None:
        return same
    resting = [item for item in have.values() if item.state == WITHDRAWN]
    _refuse_foreign(resting)
    list_services.mark_items((item.pk for item in resting), state="active", by=by, reason=ADDED)
    reference = str(facts.get("content_id", ""))[:120]
    new = [ItemRow(0, s, v, reference=reference, note=note) for s, v in signals.items() if s not in have]
    if new:
        added = list_services.add_items(hash_list, rows=new, by=by)
        assert added.imported, "values are canonical and texts are short"
    lock_head()  # numbers are given out one after the other
    items = sorted(_items(hash_list, signals).values(), key=lambda item: item.pk)
    for item in have.values():
        _own_content(hash_list, item)
    number = items[0].pk if len(items) == len(new) == 1 else _next_number()
    made = Content.objects.create(number=number, list=hash_list, note=note, metadata=facts)
    Part.objects.bulk_create([Part(content=made, item=item) for item in items])
    record("content.added", by=by, about=f"list:{hash_list.name}", content=number, items=len(items))
    return number


@transaction.atomic
def change_content(
    bank: str, *, number: int, by: str, disabled_until: int | None = None, note: str | None = None
) -> Banked:
    """Switch a content off, for a time or for good, or on again; or set its note.

    Args:
        bank: its name.
        number: the content's.
        by: the actor.
        disabled_until: 0 off, 1 on, else the moment (Unix) at which it is on again, in at most five years.
        note: at most 255 characters.

    Raises:
        UnknownBank, UnknownContent: there is none.
        BadChange: the moment lies too far ahead, or is negative.
        StaysWithdrawn: an item that is to be on was withdrawn by somebody else.
    """
    if disabled_until is not None and not 0 <= disabled_until <= _now() + FARTHEST:
        raise BadChange(why=Said("disable_until_ts must be 0, 1 or a moment in at most {n} years", n=5))
    hash_list = _locked(bank)
    row = _row(hash_list, queries.content_of(hash_list, number, bank))
    if disabled_until is not None:
        on = disabled_until == ON or (disabled_until != OFF and disabled_until <= _now())
        row.disabled_until = ON if on else disabled_until
        if on:
            _wake(row, by=by)
        else:
            _rest(row, by=by, reason=RESTED)
    row.note = row.note if note is None else note
    row.save(update_fields=["disabled_until", "note"])
    record("content.changed", by=by, about=f"list:{hash_list.name}", content=number, disabled=row.disabled_until)
    return queries.content_of(hash_list, number, bank)


@transaction.atomic
def remove_content(bank: str, *, number: int, by: str) -> int:
    """Withdraw the items of a content that are in no other: nothing is deleted here. How many contents went: 0 or 1.

    Raises:
        UnknownBank: there is none.
    """
    hash_list = _locked(bank)
    try:
        row = _row(hash_list, queries.content_of(hash_list, number, bank))
    except queries.UnknownContent:
        return 0
    row.removed = True
    _rest(row, by=by, reason=REMOVED)
    row.save(update_fields=["removed"])
    record("content.removed", by=by, about=f"list:{hash_list.name}", content=number)
    return 1


def end_rests() -> bool:
    """Switch on again what was to rest until a moment that has come; called in every round of the worker."""
    found = list(_due().order_by("disabled_until").values_list("number", flat=True)[:20])
    for number in found:
        with transaction.atomic():
            _end_rest(number)
    return bool(found)


def _due() -> QuerySet[Content]:
    return Content.objects.filter(disabled_until__gt=ON, disabled_until__lte=int(_now()), removed=False)


def _now() -> float:
    return clock.now().timestamp()


def _end_rest(number: int) -> None:
    hash_list = Content.objects.select_related("list").get(number=number).list
    Bank.objects.select_for_update(no_key=True).get(list=hash_list)
    row = _due().filter(number=number).first()
    if row is None:  # somebody else was faster, or decided otherwise
        return
    row.disabled_until = ON
    row.save(update_fields=["disabled_until"])
    _wake(row, by=SYSTEM, all_of_them=False)
    record("content.changed", by=SYSTEM, about=f"list:{hash_list.name}", content=number, disabled=ON)


# --- items of a content ----------------------------------------------------------------------------------------------


def _items(hash_list: HashList, signals: Mapping[str, str]) -> dict[str, Item]:
    """Signal → the list's item with this value, in whatever state."""
    rows = {name: lists.items(hash_list, value=value).filter(signal=name) for name, value in signals.items()}
    return {name: item for name, found in rows.items() if (item := found.first()) is not None}


def _same(items: Iterable[Item], signals: Mapping[str, str], note: str, facts: Mapping[str, Any]) -> int | None:
    """The content that is this one already, and on."""
    wanted = {item.pk for item in items if item.state != WITHDRAWN}
    if len(wanted) != len(signals):
        return None
    for number in queries.numbers(wanted)[min(wanted)]:
        row = Content.objects.filter(number=number).first()
        if row is None:
            if len(wanted) == 1 and not note and not facts:
                return number
        elif set(Part.objects.filter(content=row).values_list("item", flat=True)) == wanted and (
            (row.disabled_until, row.removed, row.note, row.metadata) == (ON, False, note, facts)
        ):
            return number
    return None


def _refuse_foreign(items: Iterable[Item]) -> None:
    """Let pass only what this door withdrew last.

    Raises:
        StaysWithdrawn: a person, or another program, did.
    """
    for item in items:
        if not _ours(item):
            raise StaysWithdrawn(item=item.pk, reason=item.reason or "-")


def _ours(item: Item) -> bool:
    return Part.objects.filter(item=item, revision=item.revision).exists()


def _own_content(hash_list: HashList, item: Item) -> None:
    """An item that was a content by itself stays one, under its number, when another one takes it in."""
    if not Part.objects.filter(item=item).exists():
        _row(hash_list, Banked(item.pk, (item,), ON, item.note[:255], {}))


def _row(hash_list: HashList, known: Banked) -> Content:
    """The row of a content; an item that was one without gets it now."""
    row, made = Content.objects.get_or_create(number=known.number, defaults={"list": hash_list, "note": known.note})
    if made:
        Part.objects.bulk_create([Part(content=row, item=item) for item in known.items])
    return row


def _next_number() -> int:
    last = Content.objects.filter(number__gte=OF_SEVERAL).aggregate(last=Max("number"))["last"]
    return (last or OF_SEVERAL) + 1


def _rest(row: Content, *, by: str, reason: str) -> None:
    parts = {part.item_id: part for part in Part.objects.filter(content=row).select_related("item")}
    shared = queries.held_by_others(row.number, parts)
    going = [pk for pk, part in parts.items() if pk not in shared and part.item.state != WITHDRAWN]
    for item in list_services.mark_items(going, state=WITHDRAWN, by=by, reason=reason):
        Part.objects.filter(content=row, item=item).update(revision=item.revision)


def _wake(row: Content, *, by: str, all_of_them: bool = True) -> None:
    """Restore what this door withdrew; ``all_of_them``: where something else is withdrawn, nothing."""
    items = [part.item for part in Part.objects.filter(content=row).select_related("item")]
    resting = [item for item in items if item.state == WITHDRAWN]
    if all_of_them:
        _refuse_foreign(resting)
    coming = [item.pk for item in resting if _ours(item)]
    list_services.mark_items(coming, state="active", by=by, reason=ENABLED)
