"""Two stores that hold the same: what rots in one is read from the other, found by a scrub, and put right."""

from __future__ import annotations

import hashlib
import io
import random
import threading
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests import s3 as servers

from himaya.core import faults
from himaya.core.errors import HimayaError
from himaya.core.vault import sealed
from himaya.core.vault.sealed import SealBroken
from himaya.core.vault.stores import mirrored
from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.mirrored import Mirrored, mend, unsealed
from himaya.core.vault.stores.port import NoLocks, NothingWhole, NotStored, Store, StoreFailed
from himaya.core.vault.stores.s3 import S3Store
from himaya.core.vault.stores.scrub import Outcome, scrub

pytestmark = pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning:botocore")
MIB = 1024**2
NAME = UUID("3fa2b1c0-0000-4000-8000-000000000001")
CONTENT = random.Random(5).randbytes(3 * MIB + 17)
RIGHT = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def first(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "first")


@pytest.fixture
def second(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "second")


@pytest.fixture
def both(first: LocalStore, second: LocalStore) -> Mirrored:
    return Mirrored(first, second)


def put(store: Store, name: UUID, content: bytes = CONTENT, **more: Any) -> None:
    with store.writing(name, **more) as file:
        file.write(content)


def got(store: Store, name: UUID) -> bytes:
    with store.open(name) as file:
        return file.read()


def path(store: LocalStore, name: UUID) -> Path:
    return Path(store.place.removeprefix("file:")) / str(name)[:2] / str(name)[2:4] / f"{name}.sealed"


def rot(store: LocalStore, name: UUID, at: int = MIB + 5) -> None:
    with path(store, name).open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 4]))


# --- both, or none ---------------------------------------------------------------------------------------------------


def test_what_is_acknowledged_is_in_both(both: Mirrored, first: LocalStore, second: LocalStore) -> None:
    put(both, NAME, size=len(CONTENT))
    assert got(first, NAME) == got(second, NAME) == CONTENT


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("point", ["begun", "written", "synced", "linked", "lasting"])
def test_where_one_of_them_fails_neither_has_it(
    both: Mirrored, first: LocalStore, second: LocalStore, point: str, nth: int
) -> None:
    faults.arm(f"stores.{point}:raise@{nth}")
    try:
        with pytest.raises(faults.InjectedFault):
            put(both, NAME)
    finally:
        faults.arm("")
    assert list(first.names()) == list(second.names()) == []
    assert both.sweep() == 0


def test_what_is_in_one_of_them_alone_is_there_and_is_deleted(
    both: Mirrored, first: LocalStore, second: LocalStore
) -> None:
    other = uuid4()
    put(second, NAME)
    put(first, other)
    assert list(both.names()) == sorted([NAME, other])
    assert got(both, NAME) == CONTENT
    assert both.size(NAME) == len(CONTENT)
    assert both.delete(NAME)
    assert both.delete(other)
    assert list(both.names()) == []


def test_a_lock_is_asked_of_those_who_can(both: Mirrored, first: LocalStore, store: servers.Store) -> None:
    put(both, NAME)
    with pytest.raises(NoLocks):
        both.hold(NAME, on=True)
    name = f"locked-{uuid4().hex[:8]}"
    store.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    mixed = Mirrored(LocalStore(path(first, NAME).parents[3] / "third"), S3Store(name, endpoint=store.endpoint))
    put(mixed, NAME)
    until = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    mixed.retain(NAME, until)
    assert getattr(mixed.lock(NAME), "until", None) == until
    assert [promise.locks for promise in mixed.describe()] == [False, True]
    with pytest.raises(HimayaError, match="is locked: until"):
        mixed.delete(NAME)
    local, bucket = mixed.copies()
    assert (local.size(NAME), bucket.size(NAME)) == (None, len(CONTENT)), "what may go is gone"


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def sealed_in_both(both: Mirrored) -> tuple[bytes, bytes]:
    """A key, and what was sealed with it."""
    key, content = sealed.new_key(), random.Random(6).randbytes(3 * MIB + 99)
    with both.writing(NAME) as to:
        sealed.seal(io.BytesIO(content), to, key=key, exhibit=NAME, digests=())
    return key, content


@pytest.mark.parametrize("start", [0, 5, MIB, 2 * MIB + 7])
def test_what_does_not_open_is_read_on_from_the_second_and_told(
    both: Mirrored, first: LocalStore, second: LocalStore, sealed_in_both: tuple[bytes, bytes], start: int
) -> None:
    key, content = sealed_in_both
    rot(first, NAME, at=2 * MIB + 100)
    rot(second, NAME, at=100)
    told: list[str] = []
    parts = unsealed(both, NAME, key=key, exhibit=NAME, start=start, on_broken=lambda place, _: told.append(place))
    assert b"".join(parts) == content[start:], "each has a part that rots, and neither the same"
    assert told == [first.place]


def test_what_opens_nowhere_is_broken_and_what_the_first_has_not_the_second_has(
    both: Mirrored, first: LocalStore, second: LocalStore, sealed_in_both: tuple[bytes, bytes]
) -> None:
    key, content = sealed_in_both
    first.delete(NAME)
    assert b"".join(unsealed(both, NAME, key=key, exhibit=NAME, stop=10)) == content[:10]
    rot(second, NAME, at=MIB + 99)
    with pytest.raises(NotStored):
        list(unsealed(both, NAME, key=key, exhibit=NAME))
    with pytest.raises(SealBroken):
        list(unsealed(second, NAME, key=key, exhibit=NAME))


# --- repair ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("how", ["rotten", "cut", "missing"])
def test_a_copy_that_is_not_whole_is_put_right_from_the_other(both: Mirrored, which: int, how: str) -> None:
    put(both, NAME)
    bad = both.copies()[which]
    assert isinstance(bad, LocalStore)
    if how == "rotten":
        rot(bad, NAME)
    elif how == "cut":
        path(bad, NAME).write_bytes(CONTENT[:-1])
    else:
        bad.delete(NAME)
    states = both.repair(NAME, sha256=RIGHT)
    assert states[bad.place] == ("missing" if how == "missing" else "rotten")
    assert sorted(states.values())[-1] == "whole"
    assert [got(copy, NAME) for copy in both.copies()] == [CONTENT, CONTENT]
    assert both.sweep() == 0


def test_where_no_copy_is_whole_nothing_is_changed(both: Mirrored, first: LocalStore, second: LocalStore) -> None:
    put(both, NAME)
    rot(first, NAME)
    rot(second, NAME, at=7)
    before = got(first, NAME), got(second, NAME)
    with pytest.raises(NothingWhole, match=str(NAME)):
        both.repair(NAME, sha256=RIGHT)
    assert (got(first, NAME), got(second, NAME)) == before


def test_what_rots_while_it_is_copied_replaces_nothing(both: Mirrored, first: LocalStore, second: LocalStore) -> None:
    put(both, NAME)
    rot(first, NAME)
    before = got(first, NAME)
    rot(second, NAME)
    with pytest.raises(NothingWhole):
        mend(first, NAME, sha256=RIGHT, good=second)
    assert got(first, NAME) == before


@pytest.mark.parametrize("point", ["begun", "written", "synced"])
def test_a_repair_that_fails_leaves_what_was_there(both: Mirrored, first: LocalStore, point: str) -> None:
    put(both, NAME)
    rot(first, NAME)
    before = got(first, NAME)
    faults.arm(f"stores.{point}:raise")
    try:
        with pytest.raises(faults.InjectedFault):
            both.repair(NAME, sha256=RIGHT)
    finally:
        faults.arm("")
    assert got(first, NAME) == before
    both.repair(NAME, sha256=RIGHT)
    assert got(first, NAME) == CONTENT


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("moment", ["before it has its name", "behind that"])
def test_what_is_destroyed_while_it_is_repaired_does_not_come_back(
    both: Mirrored, monkeypatch: pytest.MonkeyPatch, which: int, moment: str
) -> None:
    put(both, NAME)
    bad = both.copies()[which]
    assert isinstance(bad, LocalStore)
    rot(bad, NAME)
    placed = LocalStore._put

    def slow(self: LocalStore, *args: Any, **more: Any) -> None:
        if moment.startswith("before"):
            both.delete(NAME)
        placed(self, *args, **more)
        if moment.startswith("behind"):
            both.delete(NAME)

    monkeypatch.setattr(LocalStore, "_put", slow)
    with pytest.raises(NotStored):
        both.repair(NAME, sha256=RIGHT)
    assert list(both.names()) == []


# --- scrubbing -------------------------------------------------------------------------------------------------------


@pytest.fixture
def several(both: Mirrored) -> dict[UUID, str]:
    """Six names, in order, and what their files must be."""
    names = sorted(uuid4() for _ in range(6))
    for number, name in enumerate(names):
        put(both, name, CONTENT[number * 1000 :])
    return {name: hashlib.sha256(CONTENT[number * 1000 :]).hexdigest() for number, name in enumerate(names)}


def test_a_scrub_finds_what_rots_and_repairs_what_it_can(
    both: Mirrored, first: LocalStore, second: LocalStore, several: dict[UUID, str]
) -> None:
    whole, rotten, lost, twice, never, odd = several
    rot(second, rotten)
    first.delete(lost)
    rot(first, twice)
    rot(second, twice, at=9)
    both.delete(never)
    rot(first, odd)
    second.delete(odd)
    outcomes = {one.name: one for one in scrub(both, several.items())}
    assert {name: one.found for name, one in outcomes.items()} == {
        whole: "whole", rotten: "repaired", lost: "repaired", twice: "rotten", never: "missing", odd: "rotten",
    }  # fmt: skip
    assert outcomes[rotten].copies == ((first.place, "whole"), (second.place, "rotten"))
    assert outcomes[whole].read == 2 * len(CONTENT)
    again = [one.found for one in scrub(both, several.items())]
    assert again == ["whole", "whole", "whole", "rotten", "missing", "rotten"]


def test_a_scrub_of_one_store_repairs_nothing(first: LocalStore, both: Mirrored, several: dict[UUID, str]) -> None:
    names = list(several)
    rot(first, names[1])
    first.delete(names[2])
    found = [one.found for one in scrub(first, several.items())]
    assert found == ["whole", "rotten", "missing", "whole", "whole", "whole"]
    assert [one.found for one in scrub(both, several.items(), repair=False)][1:3] == ["rotten", "missing"]


def test_a_scrub_goes_on_behind_a_name(both: Mirrored, several: dict[UUID, str]) -> None:
    names = list(several)
    assert [one.name for one in scrub(both, several.items(), since=names[2])] == names[3:]
    assert [one.name for one in scrub(both, several.items(), since=names[5])] == []


def test_a_copy_whose_store_does_not_answer_is_not_called_rotten(
    first: LocalStore, several: dict[UUID, str], store: servers.Store
) -> None:
    away = S3Store(store.bucket, endpoint="http://127.0.0.1:9")
    name, sha256 = next(iter(several.items()))
    (outcome,) = scrub(Mirrored(first, away), [(name, sha256)])
    assert (outcome.found, outcome.copies) == ("unread", ((first.place, "whole"), (away.place, "unread")))


def test_a_disk_that_cannot_read_is_called_rotten_and_is_written_anew(
    both: Mirrored, first: LocalStore, several: dict[UUID, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, name = first.open, next(iter(several))
    number = path(first, name).stat().st_ino

    def failing(one: UUID, *, fresh: bool = False) -> Any:
        if path(first, one).stat().st_ino == number:
            raise StoreFailed(place=first.place, why="Input/output error", code="EIO")
        return opened(one, fresh=fresh)

    monkeypatch.setattr(first, "open", failing)
    (outcome,) = scrub(both, [(name, several[name])])
    assert (outcome.found, got(first, name)) == ("repaired", CONTENT)


def test_a_repair_for_which_there_is_no_room_is_told_and_the_scrub_goes_on(
    both: Mirrored, first: LocalStore, several: dict[UUID, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = list(several)
    rot(first, names[0])
    monkeypatch.setattr(first, "_free", lambda: 5)
    outcomes: list[Outcome] = list(scrub(both, several.items()))
    assert [one.found for one in outcomes] == ["rotten", *["whole"] * 5]
    assert "There is no room" in outcomes[0].why


def test_a_scrub_reads_no_faster_than_it_may(both: Mirrored, several: dict[UUID, str]) -> None:
    began, name = time.monotonic(), next(iter(several))
    (outcome,) = scrub(both, [(name, several[name])], bytes_per_second=20 * MIB)
    assert outcome.read == 2 * len(CONTENT)
    assert time.monotonic() - began >= outcome.read / (20 * MIB)


def test_a_pause_of_a_scrub_can_be_ended(both: Mirrored, several: dict[UUID, str]) -> None:
    stop = threading.Event()
    stop.set()
    assert [one.found for one in scrub(both, several.items(), bytes_per_second=1, wait=stop.wait)] == ["whole"] * 6


def test_a_scrub_of_large_files_takes_little_memory(both: Mirrored) -> None:
    put(both, NAME, bytes(40 * MIB))
    right = hashlib.sha256(bytes(40 * MIB)).hexdigest()

    def names() -> Iterator[tuple[UUID, str]]:
        yield NAME, right

    tracemalloc.start()
    assert [one.found for one in scrub(both, names())] == ["whole"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * mirrored.PIECE
