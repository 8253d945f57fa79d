"""A subscription: a source is followed round by round, all of a round counts or nothing, and what fails is said."""

from __future__ import annotations

import importlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from tests.sources import Answer, Source

from himaya.core import faults, registry
from himaya.core.exchange import Exchange, SourceTrouble
from himaya.core.outward import Client
from himaya.core.ports import ItemRow
from himaya.ledger.queries import entries
from himaya.lists import organisations, queries, services, subscribing
from himaya.lists.admission import MATCHING
from himaya.lists.arrivals import Voice
from himaya.lists.models import HashList, Item, Organisation, Portion, Statement, Subscription
from himaya.lists.subscribing import rounds

pytestmark = pytest.mark.django_db(transaction=True)
EXCHANGES = [one for one in registry.exchanges().values() if one.pulls]


def recorded(name: str) -> Any:
    return importlib.import_module(f"tests.plugins.recorded.{name.replace('-', '_')}").Recorded()


@pytest.fixture(params=[one.name for one in EXCHANGES])
def source(request: pytest.FixtureRequest) -> Iterator[Any]:
    found = recorded(request.param)
    found.name = request.param
    with found.serving():
        yield found


@pytest.fixture
def stopncii() -> Iterator[Any]:
    found = recorded("stopncii")
    found.name = "stopncii"
    with found.serving():
        yield found


def follow(source: Any, to: HashList, **more: Any) -> Subscription:
    options = source.config(source.url)
    made = subscribing.subscribe(
        f"from-{source.name}", to=to, exchange=source.name, options=options, by="person:1", private=True, **more
    )
    return subscribing.find(made.name)


def again(one: Subscription) -> Subscription:
    return subscribing.find(one.name)


def run(one: Subscription) -> Any:
    """A round, without pauses between attempts."""
    return subscribing.run(again(one), wait=lambda _: None)


def named(source: Any, keys: tuple[str, ...]) -> set[tuple[str, str]]:
    """What should match: the fingerprints, which a signal of this node reads, of the entries that stand."""
    exchange: Exchange = registry.exchange(source.name)
    found: dict[str, Any] = {}
    kept, source.round = source.round, 1
    with Client(private=True, attempts=1, keep=Path(tempfile.mkdtemp())) as line:
        checkpoint = ""
        for source.round in (1, kept):
            for page in exchange.pull(
                exchange.Config(**source.config(source.url)), line, checkpoint=checkpoint, resume=""
            ):
                found.update({change.key: change for change in page.changes if hasattr(change, "signals")})
                checkpoint = page.checkpoint
    source.round = kept
    signals = registry.signals()
    pairs = [pair for key in keys for pair in found[key].signals if pair[0] in signals]
    return {(signal, signals[signal].read(value)[0]) for signal, value in pairs}


def matching(hotline: HashList) -> set[tuple[str, str]]:
    return set(Item.objects.filter(list=hotline, state__in=MATCHING).values_list("signal", "value"))


def counted() -> Counter[Any]:
    return Counter({row[:-1]: row[-1] for row in Portion.objects.filter(number__gt=0).values_list("state", "number")})


def test_what_a_source_says_is_on_the_list_and_what_it_takes_back_is_not(source: Any, hotline: HashList) -> None:
    one = follow(source, hotline)
    first = run(one)
    assert matching(hotline) == named(source, source.first)
    assert first.added == Item.objects.count()
    assert again(one).checkpoint
    source.round = 2
    second = run(one)
    assert matching(hotline) == named(source, source.second)
    assert second.retracted
    gone = Item.objects.exclude(state__in=MATCHING)
    assert {item.state for item in gone} == {"withdrawn"}  # a tombstone, not nothing
    assert queries.standings()[hotline.pk].items == Item.objects.count()
    assert subscribing.health(again(one)).state == "fine"


def test_reading_a_source_again_changes_nothing(source: Any, hotline: HashList) -> None:
    one = follow(source, hotline)
    run(one)
    Subscription.objects.update(checkpoint="")
    before = list(Statement.objects.values_list("item", "act")), queries.revision()
    done = run(one)
    assert (done.added, done.changed, done.retracted) == (0, 0, 0)
    assert (list(Statement.objects.values_list("item", "act")), queries.revision()) == before


def test_a_round_that_is_cut_off_goes_on_behind_its_last_page(source: Any, hotline: HashList) -> None:
    one = follow(source, hotline)
    run(one)
    whole, asked = matching(hotline), len(source.asked)
    for answers in range(1, asked):
        source.asked.clear()
        source.cut_after = answers
        other = services.create_list(f"list-{answers}", by="system", radius=24)
        two = subscribing.subscribe(
            f"again-{answers}", to=other, exchange=source.name, options=source.config(source.url), by="x", private=True
        )
        with pytest.raises(SourceTrouble):
            subscribing.run(two, wait=lambda _: None)
        assert matching(other) == set()  # nothing of it counts as yet
        assert subscribing.health(again(two)).state == "failing"
        source.cut_after = None
        run(two)
        assert matching(other) == whole
        assert subscribing.health(again(two)).state == "fine"


@pytest.mark.parametrize("point", ["subscribing.page", "subscribing.batch", "subscribing.before_commit"])
def test_whatever_fails_the_list_is_the_old_one_or_the_new_one(stopncii: Any, hotline: HashList, point: str) -> None:
    one = follow(stopncii, hotline)
    run(one)
    old = matching(hotline)
    stopncii.round = 2
    faults.arm(f"{point}:raise")
    with pytest.raises(faults.InjectedFault):
        run(one)
    faults.arm("")
    assert matching(hotline) == old
    run(one)
    assert matching(hotline) == named(stopncii, stopncii.second)


def test_a_source_that_names_nobody_speaks_as_one_organisation(stopncii: Any, hotline: HashList) -> None:
    one = follow(stopncii, hotline, basis="person-shown")
    run(one)
    said = Statement.objects.filter(act="vouch").values_list("organisation__name", "basis", "subscription").distinct()
    assert list(said) == [("from-stopncii", "person-shown", one.pk)]
    assert not Statement.objects.exclude(act="vouch").exists()  # its members are not believed


def test_members_that_are_believed_vote(stopncii: Any, hotline: HashList) -> None:
    one = follow(stopncii, hotline, members=True)
    run(one)
    votes = Statement.objects.filter(act__in=("confirm", "dispute")).values_list("organisation__name", "act")
    assert list(votes) == [("stopncii-examplecsp", "confirm")]
    assert Organisation.objects.filter(name="stopncii-examplecsp").exists()


def test_two_sources_of_one_list_make_an_item_count_where_the_rule_asks_for_two(hotline: HashList) -> None:
    HashList.objects.filter(pk=hotline.pk).update(organisations=2)
    one, two = recorded("stopncii"), recorded("stopncii")
    one.name = two.name = "stopncii"
    with one.serving(), two.serving():
        follow(one, hotline, second="person:2")
        run(subscribing.find("from-stopncii"))
        assert matching(hotline) == set()
        assert set(Item.objects.values_list("state", flat=True)) == {"proposed"}
        hotline.refresh_from_db()
        more: dict[str, Any] = {"exchange": "stopncii", "options": two.config(two.url), "private": True}
        for alone in ("", "person:1"):
            with pytest.raises(services.NeedsSecond, match="asks for several organisations"):
                subscribing.subscribe("second", to=hotline, by="person:1", second=alone, **more)
        subscribing.subscribe("second", to=hotline, by="person:1", second="person:2", **more)
        run(subscribing.find("second"))
        both = matching(hotline)
        assert both == named(one, one.first)
        one.round = 2
        run(subscribing.find("from-stopncii"))
        assert matching(hotline) == named(one, one.second)  # what one of them took back has one voice left
        assert set(Item.objects.exclude(state="active").values_list("state", flat=True)) == {"proposed"}


def test_what_one_alone_follows_counts_as_nobody_s_word_beside_others_until_a_second_approves(
    stopncii: Any, hotline: HashList
) -> None:
    one = follow(stopncii, hotline)
    run(one)
    assert matching(hotline) == named(stopncii, stopncii.first), "one organisation is enough there"
    with transaction.atomic():
        voice = Voice(organisations.lent("north", by="person:1"))
    rows = [ItemRow(1, *row) for row in named(stopncii, stopncii.first)]
    services.add_items(hotline, rows=rows, by="person:1", second="person:2", voice=voice)
    services.change_list("hotline", by="person:1", organisations=2)
    assert matching(hotline) == set()
    with pytest.raises(services.NeedsSecond, match="asks for several organisations"):
        subscribing.change(one.name, by="person:1", members=False)
    subscribing.change(one.name, by="person:1", second="person:2", members=False)
    stopncii.round = 1
    run(one)
    assert matching(hotline) == named(stopncii, stopncii.first)
    stopncii.round = 2
    run(one)
    gone = named(stopncii, stopncii.first) - named(stopncii, stopncii.second)
    assert set(Item.objects.filter(state="active").values_list("signal", "value")).isdisjoint(gone)


def test_what_the_steward_withdrew_stays_withdrawn_whatever_the_source_says(stopncii: Any, hotline: HashList) -> None:
    one = follow(stopncii, hotline)
    run(one)
    item = Item.objects.first()
    assert item
    services.mark_item(item.pk, state="withdrawn", by="person:1", reason="It is a logo.")
    Subscription.objects.update(checkpoint="")
    run(one)
    item.refresh_from_db()
    assert item.state == "withdrawn"


# --- health ----------------------------------------------------------------------------------------------------------


def test_what_fails_is_said_with_its_remedy_and_tried_again_later_and_later(hotline: HashList) -> None:
    class Closed(Source):
        def answer(self, asked: Any) -> Answer:
            return Answer(status=503)

    closed = recorded("stopncii")
    closed.name, closed.answer = "stopncii", Closed().answer
    with closed.serving(), time_machine.travel(datetime(2026, 11, 1, tzinfo=UTC), tick=False) as clock:
        one, waits = follow(closed, hotline, interval=600), []
        for _ in range(5):
            with pytest.raises(SourceTrouble):
                run(one)
            now = again(one)
            waits.append((now.due_at - datetime.now(UTC)).total_seconds())
            clock.move_to(now.due_at)
    assert waits == [60, 120, 240, 480, 600]
    assert now.failures == 5
    assert now.failed_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert "503" in now.trouble["what"]
    assert subscribing.health(now).state == "failing"
    assert [entry.act for entry in entries() if entry.act == "subscription.failed"] == ["subscription.failed"]


def test_a_refused_login_waits_a_whole_interval_and_names_what_to_do(stopncii: Any, hotline: HashList) -> None:
    stopncii.answer = lambda asked: Answer(status=401)
    one = follow(stopncii, hotline)
    with pytest.raises(SourceTrouble):
        run(one)
    now = again(one)
    assert now.due_at - now.failed_at == timedelta(seconds=now.interval)
    assert "password" in now.trouble["remedy"]


def test_a_subscription_without_news_for_long_is_late(stopncii: Any, hotline: HashList) -> None:
    one = follow(stopncii, hotline, interval=600)
    assert subscribing.health(one).state == "new"
    with time_machine.travel(datetime(2026, 11, 1, tzinfo=UTC), tick=False) as clock:
        run(one)
        clock.shift(timedelta(hours=1))
        assert subscribing.health(again(one)).state == "fine"
        clock.shift(timedelta(hours=2))
        assert subscribing.health(again(one)).state == "late"


def test_who_is_due_is_taken_by_one_process_alone(stopncii: Any, hotline: HashList) -> None:
    one = follow(stopncii, hotline)
    assert subscribing.claim() == one
    assert subscribing.claim() is None
    subscribing.change(one.name, by="x", enabled=False)
    assert subscribing.claim() is None
    assert subscribing.health(again(one)).state == "paused"


def test_a_round_that_somebody_else_applied_is_let_go(stopncii: Any, hotline: HashList) -> None:
    one = follow(stopncii, hotline)
    stale = again(one)
    run(one)
    with Client(private=True, attempts=1) as line:
        plugin, options = subscribing.configured(stale)
        spool = rounds.read(stale, plugin, options, line, lambda *_: None)
    assert rounds.apply(stale, spool, lambda *_: None) is None
    spool.remove()
    assert matching(hotline) == named(stopncii, stopncii.first)


# --- options ---------------------------------------------------------------------------------------------------------


def test_secrets_are_sealed_and_never_shown(stopncii: Any, hotline: HashList) -> None:
    one = follow(stopncii, hotline)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM lists_subscription")
        row = str(cursor.fetchall())
    assert "fetch" not in row.replace("from-stopncii", "")
    assert subscribing.configured(one)[1].fetch_key.get_secret_value() == "fetch"  # type: ignore[attr-defined]
    assert "fetch_key" in subscribing.secret_fields(registry.exchange("stopncii"))


def test_options_that_are_wrong_are_refused_by_name(hotline: HashList) -> None:
    with pytest.raises(subscribing.BadSubscription) as caught:
        subscribing.subscribe("x", to=hotline, exchange="stopncii", options={"address": 5}, by="x")
    assert {one["where"] for one in caught.value.errors} >= {"fetch_key", "subscription_key"}
    assert not Subscription.objects.exists()


def test_an_interval_outside_what_the_source_allows_is_refused(stopncii: Any, hotline: HashList) -> None:
    with pytest.raises(subscribing.BadSubscriptionName):
        follow(stopncii, hotline, interval=5)


def test_another_address_begins_anew_and_another_password_does_not(stopncii: Any, hotline: HashList) -> None:
    one = follow(stopncii, hotline)
    run(one)
    subscribing.change(one.name, by="x", options={"fetch_key": "other"})
    assert again(one).checkpoint
    subscribing.change(one.name, by="x", options={"address": f"{stopncii.url}/v2"})
    assert not again(one).checkpoint


def test_no_member_of_a_source_speaks_in_our_own_name(hotline: HashList) -> None:
    from himaya.lists import organisations
    from himaya.lists.arrivals import Arrival, Voice

    ours = organisations.own()
    with transaction.atomic():
        source = organisations.named("a-source", by="x")
    one = Subscription.objects.create(
        name="x", list=hotline, organisation=source, exchange="stopncii", interval=600, due_at=datetime.now(UTC),
        created_at=datetime.now(UTC), created_by="x",
    )  # fmt: skip
    row = ItemRow(0, "sha256", "ab" * 32, reference="k", organisation=ours.name)
    with Arrival(hotline, by="x", voice=Voice(source, subscription=one.pk, members=True)) as come:
        come.take([row])
        come.weigh()
        with transaction.atomic():
            come.publish()
    assert list(Statement.objects.values_list("organisation__name", flat=True)) == ["a-source"]


def test_a_class_that_a_source_does_not_name_any_more_is_gone(hotline: HashList) -> None:
    """Its entry is all that it says; a file that somebody imports says nothing by leaving classes out."""
    from himaya.lists import organisations
    from himaya.lists.arrivals import Arrival, Voice

    with transaction.atomic():
        source = organisations.named("a-source", by="x")
    one = Subscription.objects.create(
        name="x", list=hotline, organisation=source, exchange="files", interval=600, due_at=datetime.now(UTC),
        created_at=datetime.now(UTC), created_by="x",
    )  # fmt: skip
    for told in ({"scheme": "interpol", "code": "baseline"}, {"tells_class": False}):
        with Arrival(hotline, by="x", voice=Voice(source, subscription=one.pk)) as come:
            come.take([ItemRow(0, "sha256", "ab" * 32, reference="k", **told)])
            with transaction.atomic():
                come.publish()
    assert Item.objects.get(list=hotline).code == ""
