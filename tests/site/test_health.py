"""Health in words: each trouble is named as what it is, and its remedy helps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from tests.holders import Holders

from himaya.core import clock as clocks
from himaya.core import kernel
from himaya.core.config import config
from himaya.core.ports import ItemRow
from himaya.federation.native.publishing import install_root, publish
from himaya.flow import reactor
from himaya.flow.reactor import FollowAgain
from himaya.ledger import outbox, turns, worker
from himaya.ledger.models import Job, Lane, Turn
from himaya.ledger.proving import prove
from himaya.ledger.services import record
from himaya.lists import services as lists
from himaya.lists import subscribing
from himaya.lists.models import Subscription
from himaya.screening import live, snapshots
from himaya.site.health import (
    Finding,
    exchange_health,
    health,
    index_health,
    kernel_health,
    ledger_health,
    letters_health,
    lists_health,
    radius_health,
    rules_health,
    subscriptions_health,
    worker_health,
)

pytestmark = pytest.mark.django_db
LONG_AGO = 120.0


def enqueue(key: str = "k", *, kind: str = "deliver", lane: str = "l", ago: float = 0, **more: object) -> Job:
    """A job that became due so many seconds ago."""
    with transaction.atomic():
        made = outbox.enqueue(kind, lane=lane, key=key, about="case:1", payload={})
    Job.objects.filter(pk=made.pk).update(due=clocks.now().timestamp() - ago, **more)
    return made


def happen(act: str, *, ago: float = 0) -> None:
    """An entry that was written so many seconds ago."""
    with clocks.use(clocks.SetClock(clocks.now())) as then, transaction.atomic():
        then.advance(-timedelta(seconds=ago))
        record(act, by="system", about="case:1", confirms=False)


def told() -> tuple[str, str]:
    found = worker_health()
    return found.state, found.said


# --- the worker ------------------------------------------------------------------------------------------------------


def test_without_a_worker_and_without_work_that_is_noted() -> None:
    happen("case.seen", ago=LONG_AGO)
    assert told() == ("wait", "none is running; nothing waits for it")


@pytest.mark.parametrize("what", ["a delivery", "a verdict"])
def test_without_a_worker_work_is_in_danger(what: str) -> None:
    enqueue() if what == "a delivery" else happen("case.decided")
    assert told() == ("danger", "none is running, and work waits for it")
    assert worker_health().remedy == "Run: himaya serve (or himaya worker)"


def test_a_round_shows_life_and_silence_is_noticed_after_a_minute() -> None:
    worker.tick()
    assert told() == ("ok", "keeps up")
    Turn.objects.update(at=outbox.Now() - 59)
    assert turns.is_alive()
    Turn.objects.update(at=outbox.Now() - 61)
    assert told()[0] == "wait"
    worker.tick()
    assert told() == ("ok", "keeps up")


def test_life_is_shown_now_and_then_and_not_in_every_round() -> None:
    Turn.objects.create(name=turns.LIFE, at=outbox.Now() - 10)
    turn = Turn.objects.filter(name=turns.LIFE)
    before = turn.get().at
    worker.tick()
    assert turn.get().at == before
    turn.update(at=outbox.Now() - 15)
    worker.tick()
    assert turn.get().at > before


def test_a_sign_of_life_from_the_future_is_none() -> None:
    turns.note(turns.LIFE)
    Turn.objects.update(at=outbox.Now() + 3600)
    assert not turns.is_alive()


def test_a_worker_that_runs_and_does_not_come_round_is_told_what_it_is() -> None:
    turns.note(turns.LIFE)
    enqueue(ago=LONG_AGO)
    assert told() == ("danger", "runs, but work has been waiting for more than a minute")
    assert "worker_threads" in worker_health().remedy
    happen("case.decided", ago=LONG_AGO)
    assert told() == ("danger", "runs, but has not followed the ledger for more than a minute")


def test_what_waits_for_its_lane_is_nobodys_delay() -> None:
    turns.note(turns.LIFE)
    enqueue("one", lane="rests", ago=LONG_AGO)
    Lane.objects.create(name="rests", failures=5, rests_until=9e9)
    enqueue("two", lane="slow", ago=-30, state="running")
    enqueue("three", lane="slow", ago=LONG_AGO)
    assert told() == ("ok", "keeps up")
    Lane.objects.update(rests_until=0)
    assert told()[0] == "danger"


def test_a_job_whose_worker_died_waits_from_the_end_of_its_lease() -> None:
    turns.note(turns.LIFE)
    enqueue(state="running", ago=LONG_AGO)
    assert told()[0] == "danger"


# --- rules and deliveries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "expected", "said"),
    [
        ("done", "ok", "all were followed"),
        ("ready", "wait", "failed and is tried again"),
        ("dead", "danger", "could not be done"),
    ],
)
def test_a_rule_that_failed_is_seen_and_is_no_delivery(state: str, expected: str, said: str) -> None:
    enqueue(kind=FollowAgain.kind, state=state)
    found = rules_health()
    assert found.state == expected
    assert said in found.said
    assert letters_health().state == "ok"


def test_a_rule_that_fails_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(reactor, "_rules", {"case.decided": {"fail": fail}})
    happen("case.decided")
    worker.tick()
    assert {found.what: found.state for found in health()}["Rules"] == "wait"
    for _ in range(8):
        worker.run_until_idle()
        Job.objects.filter(state="ready").update(due=0)
        Lane.objects.update(rests_until=0)
    found = rules_health()
    assert found.state == "danger"
    assert "put right what it names" in found.advice(lambda _: True)
    assert "a lead can" in found.advice(lambda _: False)


def test_a_remedy_that_needs_no_permission_is_everybodys() -> None:
    assert Finding("x", "wait", "y", "do it").advice(lambda _: False) == "do it"


# --- the ledger ------------------------------------------------------------------------------------------------------


def test_of_the_ledger_it_is_said_how_long_it_is_and_when_it_was_proved(clock) -> None:
    happen("case.seen")
    assert ledger_health().said == "entries: 1; not yet proved in the console"
    prove(by="person:1")
    assert ledger_health().said == "entries: 2; proved 15 Jan 2026, 12:00 UTC"


def test_which_kernel_serves_is_said_and_why_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernel_health().state == "ok"
    assert kernel_health().said == f"C, {kernel.status().instructions}"
    monkeypatch.setattr(kernel, "native", None)
    monkeypatch.setattr(kernel, "_why_not", "it has not been built")
    found = kernel_health()
    assert (found.state, str(found.said)) == ("wait", "NumPy serves in its place, more slowly: it has not been built")
    assert "make kernel" in found.remedy
    assert found.what in {each.what for each in health()}


def test_a_list_whose_radius_slows_everything_down_is_named() -> None:
    lists.create_list("narrow", by="system", radius=40)
    assert not radius_health()
    lists.create_list("wide", by="system", radius=48)
    (found,) = radius_health()
    assert found.state == "wait"
    assert found.said.endswith("on every list: wide")


def test_where_nothing_can_match_it_is_said_why() -> None:
    assert (lists_health().state, lists_health().said) == ("wait", "there is no list")
    listed = lists.create_list("hotline", by="system")
    assert lists_health().said == "no list to look in has an item that can match"
    lists.add_items(listed, rows=[ItemRow(0, "md5", "ab" * 16)], by="system")
    assert lists_health().state == "ok"
    lists.change_list("hotline", by="system", enabled=False)
    lists.create_list("empty", by="system")
    assert lists_health().said == "no list to look in has an item that can match"
    lists.change_list("empty", by="system", enabled=False)
    assert (lists_health().state, lists_health().said) == ("wait", "every list to look in is switched off")


def test_a_damaged_index_is_found_by_reading_it_whole() -> None:
    assert not index_health()
    listed = lists.create_list("hotline", by="system")
    lists.add_items(listed, rows=[ItemRow(0, "md5", "ab" * 16)], by="system")
    live.merge("md5")
    assert [one.state for one in index_health()] == ["ok"]
    file = snapshots.path("md5")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    (found,) = index_health()
    assert (found.state, found.said.endswith("md5")) == ("danger", True)


# --- subscriptions ---------------------------------------------------------------------------------------------------


def test_a_source_that_fails_or_is_late_is_named() -> None:
    assert subscriptions_health() == []
    made = lists.create_list("hotline", by="system")
    for name in ("one", "two", "off"):
        options = {"address": f"https://{name}.example/list.csv"}
        subscribing.subscribe(name, to=made, exchange="file", options=options, by="system")
    assert [finding.state for finding in subscriptions_health()] == ["ok"]
    now = clocks.now()
    Subscription.objects.filter(name="one").update(failures=1, failed_at=now)
    Subscription.objects.filter(name="two").update(ended_at=now - timedelta(days=2))
    Subscription.objects.filter(name="off").update(failures=3, failed_at=now, enabled=False)
    failing, late = subscriptions_health()
    assert (failing.state, late.state) == ("danger", "wait")
    assert failing.said.endswith(": one")
    assert late.said.endswith(": two")
    assert "himaya subscriptions show" in failing.remedy
    assert failing.advice(lambda permission: False) == "A lead can see what failed."
    assert set(subscriptions_health()) <= set(health())


# --- our own publishing ----------------------------------------------------------------------------------------------


@pytest.fixture
def _no_repository() -> Iterator[None]:
    shutil.rmtree(config().data / "repository", ignore_errors=True)
    yield
    shutil.rmtree(config().data / "repository", ignore_errors=True)


@pytest.mark.usefixtures("_no_repository")
def test_of_the_exchange_nothing_is_said_until_it_is_begun_and_nothing_is_made() -> None:
    assert exchange_health() == []
    assert not (config().data / "repository").exists()


@pytest.mark.usefixtures("_no_repository")
def test_a_key_that_no_root_names_a_root_in_force_and_its_end_are_told(clock: clocks.SetClock) -> None:
    holders = Holders()
    made = holders.root()
    [found] = exchange_health()
    assert (found.what, found.state) == ("Exchange", "wait")
    assert "no root names this key of the node as yet" in found.said
    install_root(made, by="system")
    assert exchange_health() == [Finding("Exchange", "ok", "root 1 is in force, good until 15 Jan 2027")]
    clock.advance(timedelta(days=310))
    assert [one.state for one in exchange_health()] == ["wait"]
    assert "himaya keys new-root --previous" in exchange_health()[0].remedy
    assert exchange_health()[0] in health()


@pytest.mark.usefixtures("_no_repository")
def test_a_list_that_changed_and_is_not_published_for_two_hours_is_told(clock: clocks.SetClock) -> None:
    made = lists.create_list("hotline", by="system")
    lists.add_items(made, rows=[ItemRow(1, "md5", "0" * 32)], by="system")
    Holders().begin()
    assert [one.state for one in exchange_health()] == ["ok"]
    clock.advance(timedelta(hours=2, minutes=1))
    [found] = exchange_health()
    assert (found.state, "hotline" in found.said) == ("danger", True)
    publish(made)
    assert [one.state for one in exchange_health()] == ["ok"]
