"""What rots is found while it can be repaired; what nobody acknowledged is removed, and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.evidence.conftest import Keep
from tests.evidence.test_preserving import content, files

from himaya.core.config import config
from himaya.core.vault.sealed import new_key, seal
from himaya.evidence.keys import store
from himaya.evidence.models import Blob, Stray
from himaya.evidence.scrubbing import SWEEP_TURN, TURN, scrub_due
from himaya.ledger import queries as ledger
from himaya.ledger import turns


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
        assert path.read_bytes() == next(path for path in two.rglob("*.sealed")).read_bytes()
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


def test_a_file_that_nobody_acknowledged_goes_after_a_day_and_no_other(keep: Keep, clock: Any) -> None:
    exhibit = keep()
    stray = uuid4()
    with store().writing(stray) as to:
        seal(io.BytesIO(b"never acknowledged"), to, key=new_key(), exhibit=stray)
    assert len(files()) == 2
    look()
    assert len(files()) == 2
    assert Stray.objects.get().pk == stray
    clock.advance(timedelta(days=1, minutes=1))
    look()
    assert len(files()) == 1
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
    clock.advance(timedelta(days=1, minutes=1))
    look()
    assert content(exhibit)
