"""In a bucket with object lock nobody deletes what the law wants kept; it goes with its lock, its key before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.core.test_stores_bucket import vault
from tests.evidence.conftest import Keep
from tests.evidence.test_ending import end_all, fresh
from tests.evidence.test_preserving import content

from himaya.core import clock as now_of
from himaya.core.vault.stores.port import StillLocked
from himaya.core.vault.stores.s3 import S3Store
from himaya.evidence import keys
from himaya.evidence.models import Blob, Exhibit

__all__ = ["vault"]  # the fixture
pytestmark = pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning:botocore")


def test_a_bucket_that_locks_holds_a_file_until_the_minimum_and_a_dropped_copy_is_not_locked(
    keep: Keep, clock: Any, vault: S3Store, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(keys, "_store", lambda *_: vault)
    clock.advance(datetime.now(UTC) - now_of.now())  # the server's time
    with django_capture_on_commit_callbacks(execute=True):
        one = keep(case="case:1")
        keep(case="case:2")
    lock = vault.lock(one.blob_id)
    assert lock
    assert lock.until
    assert abs(lock.until - fresh(one).until) < timedelta(seconds=2)
    assert list(vault.names()) == [one.blob_id]
    with pytest.raises(StillLocked):
        vault.delete(one.blob_id)
    assert content(one) == b"a neutral text"
    Exhibit.objects.update(until=now_of.now() - timedelta(days=2))  # as if the law had changed
    end_all()
    assert {each.state for each in Exhibit.objects.all()} == {"destroyed"}
    assert Blob.objects.get().state == "locked"
