"""Holds in a bucket: each that this node sets it lifts, from all that is left there; no other, and none too early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from tests import s3 as servers
from tests.core.test_stores_bucket import vault, versions
from tests.evidence.conftest import TERMS, Keep
from tests.evidence.test_ending import YEAR, end_all, fresh, hold
from tests.evidence.test_locks_kept import Committed, committed, locks

from himaya.core import clock as now_of
from himaya.core.vault.stores.mirrored import Mirrored
from himaya.core.vault.stores.s3 import S3Store
from himaya.evidence import keys, locking
from himaya.evidence.holding import lift_hold
from himaya.evidence.locking import lock_due, lock_file, see_all_locks
from himaya.evidence.models import Blob, Exhibit, Hold
from himaya.evidence.ruling import set_rule
from himaya.evidence.scrubbing import scrub_all
from himaya.evidence.stopping import note_restored, settle_stop, stops
from himaya.evidence.whereabouts import HeldCopy, Unlocked
from himaya.site.evidence_health import evidence_health

__all__ = ["committed", "locks", "vault"]  # the fixtures
pytestmark = pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning:botocore")


@pytest.fixture
def held(keep: Keep, locks: S3Store, committed: Committed) -> Exhibit:
    """On hold in its bucket, too; no rule locks it until a day."""
    set_rule("us-reports", terms=replace(TERMS, minimum="", maximum="1 year"), by="person:1")
    with committed():
        one = keep()
    with committed():
        hold(one.about)
    assert on_hold(locks, one)
    return one


@pytest.fixture
def restored(held: Exhibit) -> Callable[[], None]:
    """The database is of before the hold; the bucket is of now."""

    def put_back() -> None:
        Hold.objects.all().delete()
        HeldCopy.objects.all().delete()
        note_restored(now_of.now())

    return put_back


def on_hold(store: S3Store, one: Exhibit) -> bool:
    lock = store.lock(one.blob_id)
    return bool(lock and lock.held)


def lift(one: Exhibit) -> None:
    lift_hold(Hold.objects.get(exhibit=one, lifted_at=None).pk, reason="over", by="person:1")


def end(clock: Any) -> None:
    clock.advance(YEAR)
    end_all()


def damage(store: servers.Store, at: S3Store, one: Exhibit) -> None:
    """As a disk does; the server keeps versions, and the hold is on each."""
    bucket, key = urlsplit(at.place).netloc, f"sealed/{one.blob_id}"
    store.client.put_object(Bucket=bucket, Key=key, Body=b"rotten", ObjectLockLegalHoldStatus="ON")


def foreign() -> str:
    found = [str(one.said) for one in evidence_health() if "a hold stands in the bucket" in str(one.said)]
    return found[0] if found else ""


def test_what_was_held_and_repaired_goes_with_all_its_versions(
    held: Exhibit, locks: S3Store, store: servers.Store, committed: Committed, clock: Any, monkeypatch: Any
) -> None:
    bucket = f"locked-{uuid4().hex[:8]}"
    store.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    second = S3Store(bucket, "sealed/", endpoint=store.endpoint)
    monkeypatch.setattr(keys, "_store", lambda *_: Mirrored(locks, second))
    list(scrub_all())
    damage(store, locks, held)
    assert [outcome.found for outcome in scrub_all()] == ["repaired"]
    assert (versions(store, locks), versions(store, second)) == (3, 1)
    assert on_hold(second, held)
    with committed():
        lift(held)
    end(clock)
    assert Blob.objects.get().state == "gone"
    assert (versions(store, locks), versions(store, second)) == (0, 0)


def test_a_held_file_whose_place_another_took_goes(
    held: Exhibit, keep: Keep, locks: S3Store, store: servers.Store, committed: Committed
) -> None:
    damage(store, locks, held)
    list(scrub_all())
    with committed():
        again = keep(case="case:2")
    assert fresh(held).blob_id == again.blob_id != held.blob_id
    end_all()
    assert Blob.objects.get(pk=held.blob_id).state == "gone"
    assert list(locks.names()) == [again.blob_id]
    assert versions(store, locks) == 1
    assert on_hold(locks, again), "the hold is on what is needed now"


def test_a_hold_is_lifted_at_the_end_where_the_process_died_that_was_to_lift_it(
    held: Exhibit, locks: S3Store, store: servers.Store, clock: Any
) -> None:
    lift(held)  # and nothing that follows
    assert on_hold(locks, held)
    end(clock)
    assert Blob.objects.get().state == "gone"
    assert versions(store, locks) == 0


def test_no_hold_is_lifted_after_a_restore_until_a_lead_has_looked(held: Exhibit, locks: S3Store) -> None:
    note_restored(now_of.now())
    lift(held)  # as a backup says that was made before
    see_all_locks()
    lock_due()
    list(scrub_all())
    assert on_hold(locks, held)
    settle_stop(stops().get().pk, reason="all is entered again", by="person:1")
    lock_due()
    assert not on_hold(locks, held)


def test_what_was_held_since_the_backup_stays_so_is_told_and_is_entered_again(
    held: Exhibit, locks: S3Store, store: servers.Store, committed: Committed, clock: Any, restored: Callable[[], None]
) -> None:
    restored()
    list(scrub_all())
    assert held.reference in foreign()
    with committed():
        hold(held.about)
    assert not foreign()
    settle_stop(stops().get().pk, reason="all is entered again", by="person:1")
    lock_due()
    assert on_hold(locks, held)
    with committed():
        lift(held)
    end(clock)
    assert versions(store, locks) == 0


def test_what_nobody_entered_again_stays_held_in_the_bucket_and_is_told(
    held: Exhibit, locks: S3Store, clock: Any, restored: Callable[[], None]
) -> None:
    restored()
    settle_stop(stops().get().pk, reason="nobody wants it", by="person:1")
    lock_due()
    assert on_hold(locks, held)
    end(clock)
    assert Blob.objects.get().state == "locked"
    assert held.reference in foreign()
    locks.hold(held.blob_id, on=False)  # by hand
    clock.advance(timedelta(hours=2))
    end_all()
    assert Blob.objects.get().state == "gone"
    assert not foreign()


def test_a_hold_that_somebody_else_set_stays_when_ours_is_lifted_elsewhere(
    keep: Keep, locks: S3Store, committed: Committed
) -> None:
    with committed():
        one = keep()
    locks.hold(one.blob_id, on=True)
    list(scrub_all())
    assert one.reference in foreign()
    with committed():
        hold(one.about)
    with committed():
        lift(one)
    list(scrub_all())
    assert on_hold(locks, one)
    locks.hold(one.blob_id, on=False)
    list(scrub_all())
    assert not foreign()


def test_a_hold_that_is_placed_while_an_other_is_lifted_stands_in_the_bucket(
    held: Exhibit, locks: S3Store, committed: Committed, monkeypatch: Any
) -> None:
    lifted, times = S3Store.hold, list[bool]()

    def slow(self: S3Store, name: UUID, *, on: bool) -> None:
        times.append(on)
        if times == [False]:
            hold(held.about, reason="another letter")
            lock_file(held.blob_id)
        lifted(self, name, on=on)

    monkeypatch.setattr(S3Store, "hold", slow)
    lift(held)
    lock_file(held.blob_id)
    assert times == [False, True]
    assert on_hold(locks, held)
    with committed():
        lift(held)
    assert not on_hold(locks, held)


def test_what_is_asked_for_while_a_file_is_looked_at_is_not_forgotten(
    held: Exhibit, locks: S3Store, monkeypatch: Any
) -> None:
    see_all_locks()
    looked = locking.is_held

    def slow(blob: UUID) -> bool:
        found = looked(blob)
        monkeypatch.setattr(locking, "is_held", looked)
        see_all_locks()
        return found

    monkeypatch.setattr(locking, "is_held", slow)
    lock_file(held.blob_id)
    assert Unlocked.objects.count() == 1
    lock_due()
    assert not Unlocked.objects.exists()
