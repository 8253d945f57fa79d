"""Writing lists and items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import registry
from himaya.core.errors import HimayaError
from himaya.core.ports import ItemRow
from himaya.core.words import N_, Said
from himaya.ledger.services import record
from himaya.lists import canaries, queries, saying
from himaya.lists.arrivals import ImportLost, ImportUnderWay, Voice
from himaya.lists.importing import ImportResult, RefusedRows, UnknownList, add_items, import_items, staged
from himaya.lists.models import ACTIVE, DISPUTED, TLP, WITHDRAWN, HashList, Item
from himaya.lists.parsing import LIMITS, AmbiguousSignal, kind_of, recognise
from himaya.lists.quarantine import close
from himaya.lists.seconding import NeedsSecond, require_second
from himaya.lists.terms import (
    AT_ONCE,
    MAX_RADIUS,
    PAGES,
    BadList,
    MeetsCanaries,
    TooManyToJudge,
    change_list,
    changing,
    create_list,
    find_list,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from himaya.core.ports import Refusal

__all__ = [
    "AT_ONCE",
    "MAX_RADIUS",
    "PAGES",
    "TLP",
    "AmbiguousSignal",
    "BadList",
    "ImportLost",
    "ImportResult",
    "ImportUnderWay",
    "LeadsAlone",
    "MeetsCanaries",
    "NeedsSecond",
    "RefusedRows",
    "TooManyToJudge",
    "UnknownItem",
    "UnknownList",
    "Voice",
    "add_benign",
    "add_items",
    "change_list",
    "changing",
    "create_list",
    "export_items",
    "find_list",
    "import_items",
    "kind_of",
    "mark_item",
    "mark_items",
    "recognise",
    "staged",
]


class LeadsAlone(HimayaError):
    """Only a lead may say what is known to be benign, or take it back."""

    remedy = "Ask a lead to do it in the console."
    status = 403


class UnknownItem(HimayaError):
    """There is no item {item} on a list here."""

    status = 404


@transaction.atomic
def mark_item(item_id: int, *, state: str, by: str, reason: str, benign: bool = False, second: str = "") -> Item:
    """Set an item's state. A withdrawn item matches no more; a disputed one matches and says so. One that is known to
    be benign suppresses matches only while it is active: doubt speaks for a look at them.

    Args:
        item_id: the item.
        state: active, disputed or withdrawn.
        by: the actor.
        reason: why.
        benign: whether the actor may change what is known to be benign, which a lead alone may.
        second: who approves; a common list needs a second person.

    Raises:
        UnknownItem: there is none.
        NeedsSecond: it is on a common list, and no second person approves.
        LeadsAlone: it is known to be benign, and the actor is no lead.
        BadList: the state is unknown, or the reason empty or with a NUL, which PostgreSQL does not store.
    """
    item = Item.objects.select_for_update(of=("self",), no_key=True).select_related("list").filter(pk=item_id).first()
    if item is None:
        raise UnknownItem(item=item_id)
    if item.negative and not benign:
        raise LeadsAlone
    if state not in (ACTIVE, DISPUTED, WITHDRAWN):
        raise BadList(
            name=item.list.name, why=Said("an item is active, disputed or withdrawn, not {state}", state=repr(state))
        )
    if not reason.strip() or "\0" in reason:
        raise BadList(name=item.list.name, why=N_("a reason is required, without NUL characters"))
    if state != WITHDRAWN and item.state == WITHDRAWN and not item.negative and canaries.meets(item, item.list.radius):
        raise BadList(name=item.list.name, why=canaries.CAUGHT)  # the list was given a wider radius meanwhile
    wanted = {"item": item.pk, "state": state, "reason": reason.strip()[:500]}
    require_second(item.list, by=by, second=second, act="mark", arguments={**wanted, "benign": benign})
    item.reason = reason.strip()[:500]
    saying.mark(item, state=state, by=by)
    if item.state == WITHDRAWN:
        close(item, by=by, reason=item.reason)
    facts = {"list": item.list.name, **({"second": second} if second else {})}
    record(f"item.{state}", by=by, about=f"item:{item.pk}", **facts)
    return item


@transaction.atomic
def mark_items(item_ids: Iterable[int], *, state: str, by: str, reason: str) -> list[Item]:
    """Set the state of several items, of all or of none. They are locked in one order: two who do so wait in turn.

    Raises:
        UnknownItem, BadList: as :func:`mark_item`.
    """
    wanted = sorted(set(item_ids))
    list(Item.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=wanted).order_by("pk"))
    return [mark_item(pk, state=state, by=by, reason=reason) for pk in wanted]


def add_benign(
    hash_list: HashList, *, values: Iterable[tuple[str, str]], by: str, reason: str, second: str = ""
) -> list[Item]:
    """Say that contents are known to be benign: what is as near to them as to an item of the list is no match of it.

    Args:
        hash_list: the list that they are mistaken for.
        values: signal and value, canonical; those that were withdrawn suppress again.
        by: a lead.
        reason: why; it stands as the items' note.
        second: who approves; a common list needs a second person.

    Raises:
        NeedsSecond: the list is a common one, and no second person approves.
        BadList: the reason is empty, longer than 500 characters or has a NUL.
        RefusedRows: a value cannot be read.
    """
    if not reason.strip() or "\0" in reason or len(reason) > LIMITS["note"]:
        raise BadList(name=hash_list.name, why=N_("a reason of at most 500 characters is required, without NUL"))
    refused: list[Refusal] = []
    wanted = dict.fromkeys(values)
    rows = [ItemRow(n, *one, note=reason.strip(), negative=True) for n, one in enumerate(wanted)]
    there = Item.objects.filter(list=hash_list, negative=True, value__in=[value for _, value in wanted])
    list(there.select_for_update(no_key=True).order_by("pk"))  # items before the ledger's head, as everywhere
    result = add_items(hash_list, rows=rows, by=by, benign=True, second=second, on_refusal=refused.append)
    if not result.imported:
        flaws = [{"where": f"values[{one.line}]", "why": one.why} for one in refused]
        raise RefusedRows(flaws, refused=result.refused, rows=result.rows)
    added = [Item.objects.get(list=hash_list, signal=s, value=v, negative=True) for s, v in wanted]
    for item in added:
        if item.state == ACTIVE:
            record("item.benign", by=by, about=f"item:{item.pk}", list=hash_list.name)
        else:
            mark_item(item.pk, state=ACTIVE, by=by, reason=reason, benign=True, second=second)
    return added


@transaction.atomic
def export_items(name: str, *, format_name: str, by: str) -> Iterator[bytes]:
    """Hand out the active items of a list as a file, and record who took it. The file comes in constant memory.

    Raises:
        UnknownList: there is no such list.
        UnknownPlugin: there is no such format.
    """
    found, format_ = find_list(name), registry.format_(format_name)
    record("list.exported", by=by, about=f"list:{name}", format=format_name)
    return format_.render(queries.rows(found))
