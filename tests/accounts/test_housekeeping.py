"""Housekeeping in the worker's round: what has expired goes, in batches, once an hour; what holds stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from himaya.accounts import housekeeping, idempotency
from himaya.accounts.housekeeping import sweep
from himaya.accounts.models import Answered
from himaya.core import clock as clocks
from himaya.ledger import outbox, worker
from himaya.ledger.models import Entry, Turn

pytestmark = pytest.mark.django_db


def session(key: str, expires: timedelta) -> None:
    Session.objects.create(session_key=key, session_data="", expire_date=clocks.now() + expires)


def answered(key: str, age: timedelta) -> None:
    Answered.objects.create(actor="key:1", key=key, digest="", created_at=clocks.now() - age)


def left() -> tuple[set[str], set[str]]:
    sessions = set(Session.objects.values_list("session_key", flat=True))
    return sessions, set(Answered.objects.values_list("key", flat=True))


def an_hour_passes() -> None:
    Turn.objects.update(at=outbox.Now() - housekeeping.EVERY)


def test_what_has_expired_goes_and_what_holds_stays(clock: Any) -> None:
    second = timedelta(seconds=1)
    session("old", -second), session("fresh", second)
    answered("old", idempotency.KEPT + second), answered("fresh", idempotency.KEPT - second)
    assert sweep() is False
    assert left() == ({"fresh"}, {"fresh"})
    assert not Entry.objects.exists()


def test_a_worker_does_it_in_its_round(clock: Any) -> None:
    session("old", -timedelta(days=1))
    worker.tick()
    assert left() == (set(), set())


def test_it_is_done_once_an_hour() -> None:
    sweep()
    session("old", -timedelta(days=1))
    Turn.objects.update(at=outbox.Now() - housekeeping.EVERY + 60)
    sweep()
    assert left()[0] == {"old"}
    an_hour_passes()
    sweep()
    assert left()[0] == set()


def test_a_batch_goes_in_each_round_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    for number in range(5):
        session(f"s{number}", -timedelta(days=1))
    for number in range(3):
        answered(f"a{number}", timedelta(days=31))
    rounds = [(sweep(), *map(len, left())) for _ in range(3)]
    assert rounds == [(True, 3, 1), (True, 1, 0), (False, 0, 0)]
    assert sweep() is False


def test_a_session_that_the_console_made_is_kept_until_its_time_is_over() -> None:
    store = SessionStore()
    store["here"] = True
    store.save()
    sweep()
    assert SessionStore(store.session_key)["here"]
    an_hour_passes()
    later = Session.objects.get().expire_date + timedelta(seconds=1)
    with clocks.use(clocks.SetClock(later)):
        sweep()
    assert not Session.objects.exists()
