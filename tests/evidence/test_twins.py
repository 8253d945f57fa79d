"""What comes again is kept whole, whatever became of the file that was there; what failed to go is found later."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from tests.evidence.conftest import Keep
from tests.evidence.test_ending import YEAR, end_all, fresh, hold
from tests.evidence.test_preserving import content, files

from himaya.core.config import config
from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.port import StoreFailed
from himaya.evidence import scrubbing, services
from himaya.evidence.keys import epoch_keys, epoch_name
from himaya.evidence.models import Blob, Exhibit
from himaya.ledger import queries as ledger


def damage(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[40] ^= 1
    path.write_bytes(whole)


def test_what_comes_again_takes_the_place_of_a_file_that_has_rotted_for_all_who_need_it(
    keep: Keep, clock: Any, django_capture_on_commit_callbacks: Any
) -> None:
    first, other = keep(case="case:1"), keep(case="case:3")
    damage(next(path for path in files() if path.name.startswith(str(first.blob_id))))
    scrubbing.scrub_blobs([first.blob])
    assert fresh(first).blob.state == "rotten"
    with django_capture_on_commit_callbacks(execute=True):
        second = keep(case="case:2")
    assert [content(one) for one in (first, second, other)] == [b"a neutral text"] * 3
    assert fresh(first).blob_id == second.blob_id != first.blob_id
    assert "evidence.replaced" in [entry.act for entry in ledger.entries()]
    end_all()
    assert Blob.objects.get(pk=first.blob_id).state == "gone"
    assert len(files()) == 2  # that of the second, and the copy of `other` that was dropped outside a commit


@pytest.mark.parametrize("spoil", [Path.unlink, damage])
def test_a_file_that_is_gone_or_rotten_and_that_nobody_has_noticed_is_no_twin(
    keep: Keep, clock: Any, spoil: Any
) -> None:
    first = keep(case="case:1")
    spoil(files()[0])
    second = keep(case="case:2")
    assert content(second) == content(first) == b"a neutral text"


def test_what_opens_no_more_opens_again_when_its_content_comes_again(keep: Keep, clock: Any) -> None:
    first = keep(case="case:1")
    (key,) = Path(config().epoch_keys).glob("*.key")
    key.unlink()
    clock.advance(timedelta(days=60))
    second = keep(case="case:2")
    assert content(second) == content(first) == b"a neutral text"
    damaged = keep("two", case="case:3")
    Exhibit.objects.filter(pk=damaged.pk).update(wrapped=b"x" * 52)
    assert content(keep("two", case="case:4")) == content(damaged) == b"two"


def test_what_took_anothers_place_still_ends_each_at_its_own_time(keep: Keep, clock: Any) -> None:
    first = keep(case="case:1")
    damage(files()[0])
    clock.advance(timedelta(days=60))
    second = keep(case="case:2")
    hold(second.about)
    clock.advance(YEAR - timedelta(days=59))
    end_all()
    assert (fresh(first).state, fresh(second).state) == ("destroyed", "kept")
    assert content(second) == b"a neutral text"


def test_a_copy_that_cannot_be_dropped_fails_nothing_and_is_logged(
    keep: Keep,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    keep(case="case:1")

    def away(self: LocalStore, name: object) -> bool:
        raise StoreFailed(place=self.place, why="away", code="EIO")

    monkeypatch.setattr(LocalStore, "delete", away)
    with django_capture_on_commit_callbacks(execute=True):
        second = keep(case="case:2")
    assert content(second) == b"a neutral text"
    assert "is left for a sweep" in caplog.text


def test_who_takes_the_place_of_what_nothing_opens_locks_all_who_need_it(keep: Keep, clock: Any) -> None:
    one = keep()
    (epoch_keys().directory / f"{epoch_name(one)}.key").unlink()
    clock.advance(timedelta(days=60))
    sealed = services.begin(io.BytesIO(b"a neutral text"), occasion="match")
    assert sealed.whole is None, "the file is whole, and no key opens it"
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        services.lock([sealed])
    assert any('"evidence_exhibit"."blob_id" IN' in each["sql"] for each in queries.captured_queries)
