"""What rots is found while it can be repaired; what nobody acknowledged is removed, and nothing else."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.evidence.conftest import Keep
from tests.evidence.test_preserving import content, files

from himaya.core import clock as now_of
from himaya.core.config import config
from himaya.core.vault.sealed import new_key, seal
from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.port import StoreFailed
from himaya.evidence import scrubbing
from himaya.evidence.keys import store
from himaya.evidence.marking import MARK
from himaya.evidence.models import Blob, Stray
from himaya.evidence.scrubbing import SWEEP_TURN, TURN, scrub_due
from himaya.evidence.stopping import note_restored, settle_stop, stops
from himaya.evidence.stopping import swept_not as stop_of_sweeps
from himaya.ledger import queries as ledger
from himaya.ledger import turns, worker


def look() -> None:
    for turn in (TURN, SWEEP_TURN):
        turns.call(turn)
    while scrub_due():
        pass


def damage(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[-1] ^= 1
    path.write_bytes(whole)


def acts() -> list[str]:
    return [entry.act for entry in ledger.entries() if entry.act in ("evidence.repaired", "evidence.rotted")]


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(config(), "evidence_second_store", f"file:{tmp_path / 'second'}")
    return tmp_path / "second"


def test_what_rots_is_repaired_from_the_second_store(keep: Keep, clock: Any, two: Path) -> None:
    exhibit = keep()
    (first,) = files()
    damage(first)
    look()
    assert not acts()  # its time has not come
    clock.advance(timedelta(days=31))
    look()
    assert acts() == ["evidence.repaired"]
    assert Blob.objects.get().state == "whole"
    for path in files():
        assert path.read_bytes() == next(two.rglob(path.name)).read_bytes()
    assert content(exhibit) == b"a neutral text"


def test_what_is_read_while_it_rots_comes_from_the_second_store_and_is_seen_to_next(
    keep: Keep, clock: Any, two: Path
) -> None:
    exhibit = keep("x" * 3_000_000)
    damage(files()[0])
    assert content(exhibit) == b"x" * 3_000_000
    assert Blob.objects.get().state == "rotten"
    clock.advance(timedelta(hours=2))
    look()
    assert Blob.objects.get().state == "whole"
    assert two.exists()


def test_what_rots_with_no_second_store_is_said_once_and_not_hidden(keep: Keep, clock: Any) -> None:
    keep()
    damage(files()[0])
    for _ in range(2):
        clock.advance(timedelta(days=31))
        look()
    assert acts() == ["evidence.rotted"]
    assert Blob.objects.get().state == "rotten"


def test_a_file_that_nobody_acknowledged_goes_after_a_month_and_no_other(keep: Keep, clock: Any) -> None:
    exhibit = keep()
    stray = uuid4()
    with store().writing(stray) as to:
        seal(io.BytesIO(b"never acknowledged"), to, key=new_key(), exhibit=stray)
    assert len(files()) == 2
    look()
    assert len(files()) == 2
    assert Stray.objects.get().pk == stray
    clock.advance(timedelta(days=29))
    look()
    assert len(files()) == 2
    clock.advance(timedelta(days=1, minutes=1))
    look()
    assert len(files()) == 1
    assert "evidence.strays-removed" in [entry.act for entry in ledger.entries()]
    assert content(exhibit)
    assert not Stray.objects.exists()


def test_a_file_whose_writer_came_late_is_left(keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from himaya.core import faults

    seen: list[str] = []
    before: Callable[[str], None] = faults.point

    def point(name: str) -> None:
        if name == "evidence.sealed":
            look()
            seen.extend(str(one.pk) for one in Stray.objects.all())
        before(name)

    with monkeypatch.context() as patched:
        patched.setattr(faults, "point", point)
        exhibit = keep()
    assert seen == [str(exhibit.blob_id)]
    clock.advance(timedelta(days=30, minutes=1))
    look()
    assert content(exhibit)


def swept_not() -> str:
    found = stop_of_sweeps()
    return str(found.facts["why"]) if found else ""


def put(text: str = "acknowledged by a newer database") -> UUID:
    name = uuid4()
    with store().writing(name) as to:
        to.write(text.encode())
    return name


def look_for(clock: Any, days: int) -> None:
    for step in (0, 1, days):
        clock.advance(timedelta(days=step))
        look()


def test_nothing_unknown_goes_after_a_restore_until_somebody_has_looked(keep: Keep, clock: Any) -> None:
    keep()
    name = put()
    note_restored(now_of.now())
    look_for(clock, 60)
    assert store().size(name)
    settle_stop(stops().get().pk, reason="all is entered again", by="person:1")
    look_for(clock, 20)
    assert store().size(name)
    look_for(clock, 31)
    assert store().size(name) is None


def test_nothing_goes_out_of_a_store_that_is_marked_as_anothers_or_that_is_mostly_unknown(
    keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep()
    name = put()
    monkeypatch.setattr(scrubbing, "FEW", 0)
    look_for(clock, 60)
    assert store().size(name)
    assert store().size(MARK) is None
    assert "so many files" in swept_not()
    monkeypatch.setattr(scrubbing, "FEW", 1)
    with store().writing(MARK) as to:
        to.write(b"00000000-0000-4000-8000-000000000000")
    look_for(clock, 60)
    assert store().size(name)
    assert "another node" in swept_not()
    store().delete(MARK)
    look_for(clock, 60)
    assert store().size(name) is None
    assert not swept_not()


def test_a_store_that_does_not_answer_is_left_in_peace_for_a_minute(
    keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep()
    clock.advance(timedelta(days=200))

    def away(self: LocalStore, name: object, *, fresh: bool = False) -> None:
        raise StoreFailed(place="a disk", why="away", code="Away")

    turns.note(SWEEP_TURN)
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "open", away)
        assert not any(scrub_due() for _ in range(20))
        assert not turns.is_due(TURN, every=60)
    assert Blob.objects.get().state == "whole"


def test_reading_ends_with_the_worker(keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        keep(f"text {number}", case=f"case:{number + 1}")
    stop = threading.Event()
    stop.set()
    clock.advance(timedelta(days=200))
    turns.note(SWEEP_TURN)
    monkeypatch.setattr(worker._here, "stop", stop, raising=False)
    scrub_due()
    assert Blob.objects.filter(read_at=now_of.now()).count() == 1
