"""What was said about items stands in the log, once, in the order in which it counts."""

from __future__ import annotations

import json

import pytest
from tests.leaves import leaves_of
from tests.program import sha256

from himaya.core import faults
from himaya.core.ports import ItemRow
from himaya.core.statements import Statement as Said
from himaya.lists import committing, services
from himaya.lists.arrivals import Arrival
from himaya.lists.models import HashList, Item, Statement
from himaya.log import queries as log
from himaya.log.services import publish_checkpoint

pytestmark = pytest.mark.django_db


def rows(*names: str) -> list[ItemRow]:
    return [ItemRow(n, "sha256", sha256(name)) for n, name in enumerate(names, start=1)]


def commit() -> None:
    while committing.commit():
        pass


def logged() -> list[int]:
    """The numbers of the statements in the log, in its order."""
    return [leaf.unique for leaf in leaves_of(committing.KIND)]


def test_every_statement_is_a_leaf_once_and_in_the_order_in_which_they_count(hotline: HashList) -> None:
    services.add_items(hotline, rows=rows("a", "b"), by="system")
    with Arrival(hotline, by="system") as come:  # begins before the mark, and counts after it
        come.take(rows("c"))
        services.mark_item(Item.objects.order_by("pk")[0].pk, state="withdrawn", by="person:1", reason="A logo.")
        come.weigh()
        come.publish()
    commit()
    commit()
    a, b, c, mark = Statement.objects.order_by("pk").values_list("pk", flat=True)
    assert logged() == [a, b, mark, c]


def test_what_does_not_count_yet_is_not_logged(hotline: HashList) -> None:
    with Arrival(hotline, by="system") as come:
        come.take(rows("a"))
        commit()
        assert logged() == []


def test_who_is_entitled_is_shown_the_statement_with_its_list(hotline: HashList) -> None:
    services.add_items(hotline, rows=rows("a"), by="system")
    commit()
    publish_checkpoint()
    [leaf] = leaves_of(committing.KIND)
    [shown] = log.reveal([leaf])
    told = json.loads(shown.event)
    assert told.pop("list") == "hotline"
    said = Said.from_plain(told)
    assert (said.act, said.signal, said.value) == ("vouch", "sha256", sha256("a"))
    assert sha256("a").encode() not in bytes(leaf.hash)


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_a_large_change_is_logged_in_parts(hotline: HashList, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "BATCH", at_once)
    services.add_items(hotline, rows=rows(*"abcdefg"), by="system")
    services.add_items(hotline, rows=rows(*"xyz"), by="system")
    commit()
    assert logged() == list(Statement.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_what_was_cut_off_is_logged_once(hotline: HashList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "BATCH", 2)
    services.add_items(hotline, rows=rows(*"abcde"), by="system")
    faults.arm("lists.committed:raise@2")
    with pytest.raises(faults.InjectedFault):
        commit()
    faults.arm("")
    commit()
    assert logged() == list(Statement.objects.order_by("pk").values_list("pk", flat=True))


def test_the_same_statements_give_the_same_leaves_whatever_numbers_they_have(hotline: HashList) -> None:
    """An import that was killed and repeated has other numbers."""
    services.add_items(hotline, rows=rows("a"), by="system")
    commit()
    [leaf] = leaves_of(committing.KIND)
    [row] = Statement.objects.values_list(*committing._COLUMNS)
    assert committing.canonical((row[0] + 77, *row[1:]), "x", "NL") == committing.canonical(row, "x", "NL")
    assert log.reveal([leaf])[0].why == ""
