"""What lists tell others of their changes: in order, once each, by number and by time; and who says so."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from himaya.core.ports import ItemRow
from himaya.core.statements import ABSTAIN, CONFIRM, DISPUTE, RETRACT, VOUCH
from himaya.lists import changes, organisations
from himaya.lists import services as lists
from himaya.lists.arrivals.revisions import revise
from himaya.lists.arrivals.words import Spoken
from himaya.lists.models import HashList, Item
from himaya.lists.saying import say


def value(n: int) -> str:
    return f"{n:064x}"


def fill(to: HashList, *numbers: int, signal: str = "sha256") -> None:
    assert lists.add_items(to, rows=[ItemRow(0, signal, value(n)) for n in numbers], by="system").imported


def item(n: int) -> Item:
    return Item.objects.get(value=value(n), signal="sha256")


def read(*of: HashList, behind: changes.Place = changes.START, limit: int = 1000, **more: Any) -> list[changes.Told]:
    ids = [one.pk for one in of]
    return changes.changes(ids, behind=behind, upto=changes.last()[0], limit=limit, **more)


def test_a_later_number_has_a_later_time_although_the_clock_goes_back(db: None, clock: Any) -> None:
    times = []
    for step in (0, 0, -3600, 0, 3600, 7200):
        clock.advance(timedelta(seconds=step))
        with transaction.atomic():
            times.append((revise().number, changes.last()[1]))
    assert times == sorted(times)
    assert len({at for _, at in times}) == len(times)
    for number, at in times:
        assert at is not None
        assert changes.number_at(at) == number
        assert changes.number_at(at - timedelta(microseconds=1)) < number
        assert changes.is_at(at)
    assert not changes.is_at(datetime(2000, 1, 1, tzinfo=UTC))


@given(limit=st.integers(1, 7), batches=st.lists(st.lists(st.integers(0, 20), max_size=6), max_size=6))
@settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_pages_of_any_size_tell_each_item_once_at_its_last_change(
    hotline: HashList, limit: int, batches: list[list[int]]
) -> None:
    with transaction.atomic():
        for batch in batches:
            for n in batch:
                fill(hotline, n, n + 100)
                with transaction.atomic():
                    Item.objects.filter(value=value(n)).update(revision=revise().pk)
        whole, found, behind = read(hotline), list[changes.Told](), changes.START
        while some := read(hotline, behind=behind, limit=limit):
            found += some
            behind = some[-1].place
        assert found == whole
        assert sorted(one.value for one in whole) == sorted(Item.objects.values_list("value", flat=True))
        assert [one.number for one in whole] == sorted(one.number for one in whole)
        transaction.set_rollback(True)


def test_a_reader_behind_a_change_gets_what_came_after_it_alone(hotline: HashList) -> None:
    fill(hotline, 1, 2)
    number = changes.last()[0]
    fill(hotline, 3)
    assert [one.value for one in read(hotline, behind=changes.behind(number))] == [value(3)]
    assert read(hotline, behind=changes.behind(changes.last()[0])) == []


def test_those_that_stand_alone_or_one_by_one(hotline: HashList) -> None:
    fill(hotline, 1, 2)
    fill(hotline, int(hashlib.sha256(b"a").hexdigest(), 16), signal="pdq")
    lists.mark_item(item(1).pk, state="withdrawn", by="system", reason="wrong")
    assert {one.signal: one.value for one in read(hotline, standing=True)}["sha256"] == value(2)
    assert len(read(hotline, standing=True)) == 2
    assert {one.value for one in read(hotline, signals=["sha256"])} == {value(1), value(2)}
    other = lists.create_list("other", by="system")
    both = [item(1).pk, item(2).pk, 10**9]
    assert [one.value for one in changes.told(both, lists=[hotline.pk])] == [value(2), value(1)]
    assert changes.told(both, lists=[other.pk]) == changes.told([], lists=[hotline.pk]) == []


def test_the_last_change_of_one_list_is_not_that_of_another(hotline: HashList) -> None:
    assert changes.last_of(hotline) == (0, None)
    fill(hotline, 1)
    mine = changes.last_of(hotline)
    assert mine == changes.last()
    other = lists.create_list("other", by="system")
    fill(other, 2)
    assert changes.last_of(hotline) == mine
    lists.mark_item(item(2).pk, state="disputed", by="system", reason="doubt")
    assert changes.last_of(hotline) == mine
    lists.mark_item(item(1).pk, state="disputed", by="system", reason="doubt")
    assert changes.last_of(hotline) == changes.last() != mine


def test_parts_tell_how_many_there_are_and_when_one_changed(hotline: HashList, clock: Any) -> None:
    fill(hotline, *range(7))
    first = item(0).pk
    size = 3
    found = list(changes.parts(hotline, size=size, signals=["sha256"]))
    assert {one.number: one.items for one in found} == {
        n: sum((first + k) // size == n for k in range(7)) for n in {(first + k) // size for k in range(7)}
    }
    clock.advance(timedelta(days=400))
    lists.mark_item(item(0).pk, state="withdrawn", by="system", reason="wrong")
    (part,) = changes.parts(hotline, size=size, signals=["sha256"], only=first // size)
    assert part.at == changes.last()[1]
    assert list(changes.parts(hotline, size=size, signals=["pdq"])) == []


@pytest.mark.django_db
def test_what_organisations_say_now_is_their_last_word(hotline: HashList, clock: Any) -> None:
    fill(hotline, 1)
    one, two, three = (organisations.named(name, by="system", title=name.title()) for name in ("one", "two", "three"))
    until = clock.now() + timedelta(days=1)
    spoken = [
        Spoken(one, VOUCH, key="a", scheme="uk-sap", code="A"), Spoken(one, VOUCH, key="b"),
        Spoken(one, RETRACT, key="b", reason="no longer"), Spoken(two, VOUCH, key="x", until=until),
        Spoken(two, DISPUTE, reason="doubt"), Spoken(two, CONFIRM), Spoken(three, DISPUTE, reason="doubt"),
        Spoken(three, ABSTAIN),
    ]  # fmt: skip
    say(item(1), spoken, by="system")
    ours = organisations.own().pk

    def told() -> tuple[set[int], set[int], dict[int, str]]:
        heard = changes.heard([item(1).pk])[item(1).pk]
        votes = {vote.organisation: vote.act for vote in heard.votes}
        return {v.organisation for v in heard.vouching}, {v.organisation for v in heard.former}, votes

    assert told() == ({ours, one.pk, two.pk}, set(), {two.pk: CONFIRM})
    clock.advance(timedelta(days=2))
    assert told() == ({ours, one.pk}, {two.pk}, {two.pk: CONFIRM})
    say(item(1), [Spoken(one, RETRACT, key="a", reason="no longer")], by="system")
    assert told() == ({ours}, {one.pk, two.pk}, {two.pk: CONFIRM})
    assert changes.speakers([hotline.pk]) == {ours: organisations.own().title}
