"""The terms of a list: another rule holds for every item there is, in one moment; what was said for a time ends."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from tests.lists.test_standing import all_is_well
from tests.program import sha256

from himaya.core import clock as clocks
from himaya.core import faults
from himaya.core.ports import ItemRow
from himaya.ledger.models import Turn
from himaya.ledger.queries import entries
from himaya.lists import expiring, organisations, queries, saying, services, terms
from himaya.lists.arrivals import Arrival, Voice, judging
from himaya.lists.arrivals.words import Spoken
from himaya.lists.models import Amendment, HashList, Item, Revision

VALUES = [sha256(str(n)) for n in range(10)]


@pytest.fixture
def two_voices(hotline: HashList) -> HashList:
    """Ten items: the first five are vouched for by two organisations in two countries, the others by one."""
    for name, place, n in (("north", "NL", 10), ("south", "FR", 5)):
        with transaction.atomic():
            who = organisations.named(name, by="system", jurisdiction=place)
        with Arrival(hotline, by="system", voice=Voice(who)) as come:
            come.take([ItemRow(1, "sha256", value) for value in VALUES[:n]])
            come.weigh()
            with transaction.atomic():
                come.publish()
    return hotline


def states() -> list[str]:
    return list(Item.objects.order_by("pk").values_list("state", flat=True))


def test_another_rule_holds_for_every_item_there_is(two_voices: HashList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "BATCH", 3)
    revision, told = queries.revision(), list[int]()
    services.change_list("hotline", by="person:1", organisations=2, jurisdictions=2, on_progress=told.append)
    assert states() == ["active"] * 5 + ["proposed"] * 5
    assert told == [3, 6, 9, 10]
    assert queries.revision() > revision
    assert set(queries.known_by_value("sha256", VALUES)) == set(VALUES[:5])
    entry = entries(act="list.changed")[0]
    assert entry.data == {"enabled": True, "radius": 24, "organisations": 2, "jurisdictions": 2, "items": 5}
    services.change_list("hotline", by="person:1", organisations=1, jurisdictions=1)
    assert states() == ["active"] * 10
    all_is_well(clocks.now())
    assert not Amendment.objects.exists()


def test_until_it_holds_nobody_sees_the_new_rule_and_what_is_given_up_leaves_no_trace(two_voices: HashList) -> None:
    with terms.changing("hotline", by="person:1", organisations=2):
        assert states() == ["active"] * 10
        assert services.find_list("hotline").organisations == 1
        with pytest.raises(services.ImportUnderWay), transaction.atomic():
            services.add_items(two_voices, rows=[ItemRow(1, "sha256", sha256("more"))], by="system")
    assert states() == ["active"] * 10
    assert not Amendment.objects.exists()
    assert not Revision.objects.filter(number=None).exists()


def test_what_is_said_meanwhile_is_heard(two_voices: HashList) -> None:
    first, last = Item.objects.order_by("pk")[0], Item.objects.order_by("pk")[9]
    with terms.changing("hotline", by="person:1", organisations=2) as change:
        services.mark_item(first.pk, state="withdrawn", by="person:1", reason="Wrong.")
        services.mark_item(last.pk, state="withdrawn", by="person:1", reason="Wrong.")
        services.mark_item(last.pk, state="active", by="person:1", reason="Right.")
        change.publish()
    assert states() == ["withdrawn"] + ["active"] * 4 + ["proposed"] * 5
    all_is_well(clocks.now())


def test_what_falls_under_the_old_rule_while_the_new_one_changes_nothing_of_it_is_judged_by_the_new_one(
    two_voices: HashList,
) -> None:
    services.change_list("hotline", by="person:1", disputes=2)
    item = Item.objects.order_by("pk")[0]
    with terms.changing("hotline", by="person:1", disputes=1) as change:
        with transaction.atomic():
            locked = Item.objects.select_related("list").get(pk=item.pk)
            saying.say(locked, [Spoken(organisations.named("north", by="system"), "dispute")], by="system")
        assert states()[0] == "active"
        change.publish()
    assert states()[0] == "disputed"
    all_is_well(clocks.now())


@pytest.mark.django_db(transaction=True)
def test_an_item_marked_in_the_very_moment_of_the_change_is_judged_by_the_new_rule(
    two_voices: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, marked = Item.objects.order_by("pk")[9], threading.Event()

    def mark() -> None:
        services.mark_item(item.pk, state="withdrawn", by="person:1", reason="Wrong.")
        services.mark_item(item.pk, state="active", by="person:1", reason="Right.")

    def elsewhere() -> None:
        mark()
        connection.close()

    lock = judging.amending.lock

    def in_between(revision: int) -> Any:
        if not marked.is_set():
            marked.set()
            if connection.vendor == "sqlite":  # it has one writer, and that is this one
                mark()
            else:
                thread = threading.Thread(target=elsewhere)
                thread.start()
                thread.join()
        return lock(revision)

    services.change_list("hotline", by="person:1", disputes=2)
    monkeypatch.setattr(judging.amending, "lock", in_between)
    services.change_list("hotline", by="person:1", disputes=3)
    assert marked.is_set()
    all_is_well(clocks.now())


def test_a_change_that_was_taken_for_dead_changes_nothing(two_voices: HashList) -> None:
    with terms.changing("hotline", by="person:1", organisations=2) as change:
        Revision.objects.filter(number=None).update(alive_until=-1)
        with pytest.raises(services.ImportLost):
            change.publish()
    assert states() == ["active"] * 10
    assert services.find_list("hotline").organisations == 1


def test_a_fault_in_the_end_leaves_the_old_rule_and_the_old_places(two_voices: HashList) -> None:
    changing = terms.changing("hotline", by="person:1", organisations=2)
    with changing as change, suppress(faults.InjectedFault), transaction.atomic():
        change.publish()
        raise faults.InjectedFault
    assert states() == ["active"] * 10
    assert services.find_list("hotline").organisations == 1
    assert not Amendment.objects.exists()


def test_what_is_known_to_be_benign_has_a_rule_of_its_own(hotline: HashList) -> None:
    services.add_benign(hotline, values=[("sha256", VALUES[0])], by="person:1", reason="A drawing.")
    services.change_list("hotline", by="person:1", organisations=9)
    assert states() == ["active"]


def test_too_many_items_are_refused_before_anything_is_done_and_the_remedy_is_the_command(
    two_voices: HashList,
) -> None:
    with pytest.raises(services.TooManyToJudge) as caught:
        services.change_list("hotline", by="person:1", organisations=2, most=9)
    assert caught.value.remedy.format(**caught.value.facts).endswith("himaya lists change hotline --organisations 2")
    assert services.change_list("hotline", by="person:1", radius=10, most=9).radius == 10
    assert states() == ["active"] * 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"organisations": 0},
        {"organisations": 10},
        {"jurisdictions": 0},
        {"disputes": 10},
        {"tlp": "purple"},
        {"title": " "},
        {"title": "a\0"},
        {"title": "a" * 121},
        {"radius": 65},
    ],
)
def test_terms_outside_their_limits_are_refused(hotline: HashList, wrong: dict[str, Any]) -> None:
    with pytest.raises(services.BadList):
        services.change_list("hotline", by="person:1", **wrong)
    assert not entries(act="list.changed")


def test_terms_that_are_not_given_stay(hotline: HashList) -> None:
    services.change_list("hotline", by="person:1", title="Another", tlp="green", common=True)
    found = services.find_list("hotline")
    assert (found.title, found.tlp, found.common, found.radius, found.enabled) == ("Another", "green", True, 24, True)


# --- time ------------------------------------------------------------------------------------------------------------


def pass_by() -> int:
    """The worker's rounds until there is nothing left to do; how many there were."""
    Turn.objects.filter(name=expiring.TURN).delete()
    rounds = 0
    while expiring.expire():
        rounds += 1
    return rounds


def test_what_was_said_for_a_time_ends_by_itself(
    hotline: HashList, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiring, "BATCH", 4)
    hour = clocks.now() + timedelta(hours=1)
    rows = [ItemRow(1, "sha256", value, until=hour) for value in VALUES]
    services.add_items(hotline, rows=[*rows[:9], ItemRow(1, "sha256", VALUES[9])], by="system")
    assert pass_by() == 0
    clock.advance(timedelta(hours=1))
    assert pass_by() == 3
    assert states() == ["expired"] * 9 + ["active"]
    assert [entry.data["items"] for entry in entries(act="list.expired")] == [1, 4, 4]
    assert set(queries.known_by_value("sha256", VALUES)) == {VALUES[9]}
    all_is_well(clocks.now())
    assert pass_by() == 0


def test_between_two_looks_a_minute_passes(hotline: HashList, clock: Any) -> None:
    assert expiring.expire() is False
    rows = [ItemRow(1, "sha256", VALUES[0], until=clocks.now() + timedelta(seconds=1))]
    services.add_items(hotline, rows=rows, by="system")
    clock.advance(timedelta(seconds=2))
    assert expiring.expire() is False
    assert states() == ["active"]


def test_an_item_of_which_one_voice_ends_is_what_the_others_say(two_voices: HashList, clock: Any) -> None:
    services.change_list("hotline", by="person:1", organisations=2)
    hour = clocks.now() + timedelta(hours=1)
    row = ItemRow(1, "sha256", VALUES[0], "interpol", "baseline", until=hour)
    north = organisations.named("north", by="system")
    with Arrival(two_voices, by="system", voice=Voice(north)) as come:
        come.take([row])
        come.weigh()
        come.publish()
    assert (Item.objects.get(value=VALUES[0]).code, states()[0]) == ("baseline", "active")
    clock.advance(timedelta(hours=2))
    pass_by()
    item = Item.objects.get(value=VALUES[0])
    assert (item.state, item.agreement, item.code, item.until) == ("proposed", 1, "", None)
    assert item.organisation.name == "south"
    all_is_well(clocks.now())
