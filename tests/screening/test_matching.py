"""Matching: what is known, how near, on which terms; and an index that follows the lists wherever they change."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from django.db import connection, transaction
from tests.screening.on_lists import MD5, PDQ, away, set_back

from himaya.core import registry
from himaya.core.ports import ItemRow
from himaya.lists.models import HashList, Item
from himaya.lists.services import add_items, change_list, create_list, mark_item
from himaya.screening import live, matching

pytestmark = pytest.mark.django_db


def known(*values: str, to: str = "hotline", signal: str = "pdq", radius: int = 31) -> list[Item]:
    """Items on a list, which is made where it is missing."""
    listed = HashList.objects.filter(name=to).first() or create_list(to, by="system", radius=radius)
    add_items(listed, rows=[ItemRow(0, signal, value) for value in values], by="system")
    found = {item.value: item for item in Item.objects.filter(list=listed, signal=signal)}
    return [found[value] for value in values]


def find(*fingerprints: str, signal: str = "pdq", **more: Any) -> list[tuple[str, int]]:
    """The matches of one thing: list and distance."""
    wanted = [[(signal, value, "") for value in fingerprints]]
    return [(hit.item.list_name, hit.distance) for hit in matching.find(wanted, **{"limit": 100, **more})[0].matches]


def test_a_value_matches_as_far_as_its_list_says_and_no_further() -> None:
    known(PDQ)
    assert find(PDQ) == [("hotline", 0)]
    assert find(away(31)) == [("hotline", 31)]
    assert find(away(32)) == []


def test_each_list_has_its_own_radius() -> None:
    known(PDQ, to="narrow", radius=8)
    known(PDQ, to="wide", radius=40)
    assert find(away(8)) == [("narrow", 8), ("wide", 8)]
    assert find(away(9)) == [("wide", 9)]
    assert find(away(41)) == []


def test_an_exact_value_matches_itself_alone() -> None:
    known(MD5, signal="md5", radius=64)
    assert find(MD5, signal="md5") == [("hotline", 0)]
    assert find("ab" * 15 + "aa", signal="md5") == []


def test_where_there_is_no_list_nothing_matches() -> None:
    assert find(PDQ) == []
    create_list("empty", by="system")
    assert find(PDQ) == []


def test_the_nearest_come_first_and_the_limit_keeps_them() -> None:
    known(away(9), away(3), away(6))
    assert [distance for _, distance in find(PDQ)] == [3, 6, 9]
    assert [distance for _, distance in find(PDQ, limit=2)] == [3, 6]


def test_equal_in_every_byte_comes_before_equal_in_looks_and_that_before_near() -> None:
    known(away(4), PDQ)
    known(MD5, signal="md5")
    [(hits, _)] = matching.find([[("pdq", PDQ, ""), ("md5", MD5, "")]], limit=9)
    assert [(hit.item.signal, hit.distance) for hit in hits] == [("md5", 0), ("pdq", 0), ("pdq", 4)]


def test_an_item_counts_once_by_the_variant_that_is_nearest() -> None:
    known(PDQ)
    [([hit], _)] = matching.find([[("pdq", away(9), ""), ("pdq", away(2), "as-stored")]], limit=9)
    assert (hit.distance, hit.variant) == (2, "as-stored")


def test_of_many_things_each_has_every_item_once_by_its_nearest_variant_also_where_they_share_values() -> None:
    chance, distance = random.Random(7), registry.signal("pdq").distance
    items = known(*(away(n) for n in range(0, 40, 3)), radius=20) + known(*map(away, (2, 30)), to="narrow", radius=4)
    values = [away(n) for n in range(0, 60, 4)] + ["c3" * 32]
    things = [
        [("pdq", chance.choice(values), f"turn {n}") for n in range(chance.randrange(6))] + [("md5", MD5, "")]
        for _ in range(60)
    ]
    for thing, found in zip(things, matching.find(things, limit=9), strict=True):
        best = []
        for item in items:
            near = [(distance(value, item.value), n) for n, (signal, value, _) in enumerate(thing) if signal == "pdq"]
            if near and min(near)[0] <= item.list.radius:
                best.append((min(near)[0], item.pk, thing[min(near)[1]][2]))
        assert [(hit.distance, hit.item.id, hit.variant) for hit in found.matches] == sorted(best)[:9]


def test_many_things_are_answered_in_their_order() -> None:
    known(PDQ)
    answers = matching.find([[("pdq", away(n), "")] for n in (40, 1, 50, 2)], limit=9)
    assert [[hit.distance for hit in hits] for hits, _ in answers] == [[], [1], [], [2]]
    assert matching.find([], limit=9) == []
    assert matching.find([[]], limit=9) == [([], [])]


def test_only_the_lists_that_were_named_are_looked_in() -> None:
    known(PDQ, to="one")
    known(PDQ, to="two")
    assert find(PDQ, only=["two"]) == [("two", 0)]


# --- lists change ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("signal", "value"), [("pdq", PDQ), ("md5", MD5)])
def test_every_change_of_a_list_holds_for_the_next_question(signal: str, value: str) -> None:
    other = value[:-1] + "1"
    known(other, signal=signal)
    [item] = known(value, signal=signal)

    def states() -> list[str]:
        [(hits, _)] = matching.find([[(signal, value, "")]], limit=9)
        return [hit.item.state for hit in hits if hit.item.id == item.pk]

    assert states() == ["active"]
    mark_item(item.pk, state="disputed", by="system", reason="A second look.")
    assert states() == ["disputed"], "it still matches, and says so"
    mark_item(item.pk, state="withdrawn", by="system", reason="Not what it seemed.")
    assert states() == []
    known(value, signal=signal)
    assert states() == [], "who imports it again does not bring it back"
    mark_item(item.pk, state="active", by="system", reason="It was, after all.")
    assert states() == ["active"]
    change_list("hotline", by="system", enabled=False)
    assert states() == []
    change_list("hotline", by="system", enabled=True)
    assert states() == ["active"]


def test_a_new_radius_holds_for_the_next_question() -> None:
    known(PDQ, radius=4)
    assert find(away(5)) == []
    change_list("hotline", by="system", radius=5)
    assert find(away(5)) == [("hotline", 5)]
    change_list("hotline", by="system", radius=4)
    assert find(away(5)) == []


def test_an_item_that_was_added_in_a_transaction_that_failed_never_matches() -> None:
    known(away(60))
    find(PDQ)
    with transaction.atomic():
        known(PDQ)
        transaction.set_rollback(True)
    assert find(PDQ) == []
    known(PDQ)
    assert find(PDQ) == [("hotline", 0)]


@pytest.mark.django_db(transaction=True)
def test_the_index_follows_what_another_thread_changes() -> None:
    [item] = known(away(3))
    assert find(PDQ) == [("hotline", 3)]

    def elsewhere(act: Any) -> None:
        def run() -> None:
            act()
            connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(30)

    elsewhere(lambda: known(away(1)))
    assert find(PDQ) == [("hotline", 1), ("hotline", 3)]
    elsewhere(lambda: mark_item(item.pk, state="withdrawn", by="system", reason="Not what it seemed."))
    assert find(PDQ) == [("hotline", 1)]


@pytest.mark.django_db(transaction=True)
def test_many_threads_that_ask_while_the_list_grows_miss_nothing_that_was_there() -> None:
    known(PDQ)
    wrong: list[Any] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            if ("hotline", 0) not in (answer := find(PDQ)):
                wrong.append(answer)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for bits in range(1, 25):
        known(away(bits))
    done.set()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert len(find(PDQ)) == 25


def test_an_older_database_that_is_restored_is_read_anew() -> None:
    [item] = known(PDQ)
    known(away(2))
    assert len(find(PDQ)) == 2
    from himaya.lists.models import Revision, Statement

    with set_back():
        Statement.objects.filter(item__value=away(2)).delete()
        Item.objects.filter(value=away(2)).delete()
    Revision.objects.filter(pk__gt=item.revision).delete()
    assert find(PDQ) == [("hotline", 0)]


def test_the_index_agrees_with_the_signals_own_distance() -> None:
    values = [away(n) for n in (0, 7, 30, 31)]
    known(*values)
    pdq = registry.signal("pdq")
    for value in values:
        assert [distance for _, distance in find(value)] == sorted(pdq.distance(value, other) for other in values)


def test_whether_anything_matches_is_asked_for_one_item_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much lies near: a thousand questions that each meet thousands would fill the memory."""
    known(*[away(bits) for bits in range(1, 25)])
    index, found = live.view().near["pdq"], list[int]()
    real = type(index).near

    def near(*args: Any, **terms: Any) -> Any:
        answer = real(*args, **terms)
        found.append(len(answer.rows))
        return answer

    monkeypatch.setattr(type(index), "near", near)
    assert not matching.is_unknown({"pdq": [PDQ, away(1)]})
    assert found == [2]
