"""A lock follows what binds: longer where the law says so later, in each bucket, and tried again where it failed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests import s3 as servers
from tests.core.test_stores_bucket import vault
from tests.desk import accepted, released
from tests.evidence.conftest import TERMS, Keep

from himaya.core import clock as now_of
from himaya.core.vault.stores.mirrored import Mirrored
from himaya.core.vault.stores.s3 import S3Store
from himaya.evidence import keys
from himaya.evidence.demands.services import withdraw_demand
from himaya.evidence.holding import lift_hold, place_hold
from himaya.evidence.locking import lock_due, see_all_locks
from himaya.evidence.models import Exhibit
from himaya.evidence.retention import note_occasion, renew
from himaya.evidence.ruling import set_rule
from himaya.evidence.scrubbing import scrub_all
from himaya.evidence.whereabouts import Unlocked
from himaya.site.evidence_health import evidence_health

__all__ = ["vault"]  # the fixture
pytestmark = pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning:botocore")
Committed = Callable[[], AbstractContextManager[Any]]


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Committed:
    """What happens in the block stands at its end."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def locks(clock: Any, vault: S3Store, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """The store of the node: a bucket that locks; the time is the server's."""
    monkeypatch.setattr(keys, "_store", lambda *_: vault)
    clock.advance(datetime.now(UTC) - now_of.now())
    return vault


def until(store: S3Store, one: Exhibit) -> timedelta | None:
    """For how long it is locked from now on; None: it is not."""
    lock = store.lock(one.blob_id)
    return lock.until - now_of.now() if lock and lock.until else None


def about(days: int) -> Any:
    return pytest.approx(days * 86400, abs=3 * 86400)


def seconds(store: S3Store, one: Exhibit) -> float | None:
    found = until(store, one)
    return found.total_seconds() if found else None


def test_a_report_and_a_renewal_lock_for_longer(keep: Keep, locks: S3Store, committed: Committed) -> None:
    terms = replace(TERMS, occasions=["match"], minimum="90 days", renewals=1, renewal="1 year")
    set_rule("us-reports", terms=terms, by="person:1")
    late = replace(TERMS, occasions=["report"], minimum="3 years", begins="reported")
    set_rule("reported", terms=late, by="person:1")
    with committed():
        one = keep()
    assert seconds(locks, one) == about(90)
    with committed():
        renew(one.pk, rule="us-reports", reason="a reason", by="person:1")
    assert seconds(locks, one) == about(90 + 365)
    with committed():
        note_occasion("case:1", occasion="report", at=now_of.now(), by="system")
    assert seconds(locks, one) == about(3 * 365)


def test_a_hold_stands_in_the_bucket_until_the_last_one_is_lifted(
    keep: Keep, locks: S3Store, committed: Committed, people: Any
) -> None:
    letter = {"reason": "letter 17", "authority": "A court", "review_on": now_of.now().date() + timedelta(days=90)}
    with committed():
        one = keep()

    def held() -> bool:
        lock = locks.lock(one.blob_id)
        return bool(lock and lock.held)

    assert not held()
    with committed():
        first = place_hold("case:1", by="person:1", **letter)
    with committed():
        second = place_hold(one.about, by="person:1", **letter)
    assert held()
    with committed():
        lift_hold(first.pk, reason="over", by="person:1")
    assert held(), "another one keeps it"
    with committed():
        lift_hold(second.pk, reason="over", by="person:1")
    assert not held()
    with committed():
        demand = accepted(people.lead, scope=f"exhibits {one.reference}")
    assert held(), "a demand holds it"
    with committed():
        withdrawn = released(demand, people.lead)
        withdraw_demand(withdrawn.pk, why="they took it back", person=people.lead)
    assert not held()


def test_a_minimum_by_a_report_alone_locks_and_what_is_locked_for_longer_stays_so(
    keep: Keep, locks: S3Store, committed: Committed
) -> None:
    set_rule("us-reports", terms=replace(TERMS, occasions=["match"], minimum="", maximum="1 year"), by="person:1")
    set_rule("reported", terms=replace(TERMS, occasions=["report"], minimum="3 years"), by="person:1")
    with committed():
        one = keep()
    assert until(locks, one) is None
    with committed():
        note_occasion("case:1", occasion="report", at=now_of.now(), by="system")
    assert seconds(locks, one) == about(3 * 365)
    locks.retain(one.blob_id, now_of.now() + timedelta(days=2000))
    list(scrub_all())
    assert seconds(locks, one) == about(2000)
    assert not Unlocked.objects.exists()


def test_a_copy_that_a_scrub_made_in_a_second_bucket_is_locked(
    keep: Keep, locks: S3Store, store: servers.Store, committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with committed():
        one = keep()
    bucket = f"locked-{uuid4().hex[:8]}"
    store.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    second = S3Store(bucket, "sealed/", endpoint=store.endpoint)
    monkeypatch.setattr(keys, "_store", lambda *_: Mirrored(locks, second))
    assert [outcome.found for outcome in scrub_all()] == ["repaired"]
    assert seconds(second, one) == about(365)
    assert seconds(locks, one) == about(365)


def test_what_was_put_back_is_locked_by_the_worker(keep: Keep, locks: S3Store) -> None:
    one = keep()  # nothing was locked: it is not committed
    assert until(locks, one) is None
    see_all_locks()
    lock_due()
    assert seconds(locks, one) == about(365)
    assert not Unlocked.objects.exists()


def test_a_lock_that_failed_is_told_and_tried_again_within_an_hour(
    keep: Keep, locks: S3Store, committed: Committed, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = S3Store(f"missing-{uuid4().hex[:8]}", endpoint="http://127.0.0.1:9")
    one = keep()
    monkeypatch.setattr(keys, "_store", lambda *_: Mirrored(locks, nobody))
    see_all_locks()
    lock_due()
    assert seconds(locks, one) == about(365), "what can be locked is"
    (said,) = [str(one.said) for one in evidence_health() if "could not be locked" in str(one.said)]
    assert nobody.place in said
    monkeypatch.setattr(keys, "_store", lambda *_: locks)
    lock_due()
    assert Unlocked.objects.count() == 1, "not before an hour"
    clock.advance(timedelta(hours=1, seconds=1))
    lock_due()
    assert not Unlocked.objects.exists()
    assert not [one for one in evidence_health() if "could not be locked" in str(one.said)]
