"""Sealed files, wrapped keys, keys of epochs: what was sealed opens as it was, and everything else opens nowhere."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core.vault import epochs, sealed, wrapping
from himaya.core.vault.epochs import BadEpochKey, EpochDestroyed, EpochKeys, EpochLost, EpochReturned, Moved
from himaya.core.vault.sealed import HEADER, PART, TAG, NotSealed, SealBroken
from himaya.core.vault.wrapping import WrongKey

KEY = bytes(range(32))
EXHIBIT = UUID(int=7)
SIZES = (0, 1, 15, 16, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 5, 3 * PART - 1)


def drawn(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def sealed_file(content: bytes) -> bytes:
    to = io.BytesIO()
    sealed.seal(io.BytesIO(content), to, key=KEY, exhibit=EXHIBIT, digests=())
    return to.getvalue()


def opened(file: bytes, *, key: bytes = KEY, exhibit: UUID = EXHIBIT) -> bytes:
    return b"".join(sealed.unseal(io.BytesIO(file), key=key, exhibit=exhibit))


# --- sealed files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_opens_as_it_was(size: int) -> None:
    content, to, told = drawn(size), io.BytesIO(), list[int]()
    seal = sealed.seal(io.BytesIO(content), to, key=KEY, exhibit=EXHIBIT, on_progress=told.append)
    assert opened(to.getvalue()) == content
    assert (seal.size, seal.stored, told[-1]) == (size, len(to.getvalue()), size)
    assert seal.stored == sealed.stored_size(size)
    assert seal.stored_sha256 == hashlib.sha256(to.getvalue()).hexdigest()
    assert seal.digests == {name: hashlib.new(name, content).hexdigest() for name in sealed.DIGESTS}


def test_the_same_thing_is_another_file_each_time() -> None:
    assert sealed_file(b"the same") != sealed_file(b"the same")


def test_a_file_tells_nothing_of_what_is_in_it_but_its_length() -> None:
    content = b"a line that is found again " * 40_000
    file = sealed_file(content)
    assert not any(content[at : at + 16] in file for at in range(0, 2000, 7))


@pytest.mark.parametrize("size", [100, PART + 1, 2 * PART])
def test_a_file_cut_anywhere_does_not_open(size: int) -> None:
    file = sealed_file(drawn(size))
    ends = {*range(HEADER.size, HEADER.size + 40), *range(len(file) - 40, len(file)), HEADER.size + PART + TAG}
    for end in sorted(end for end in ends if end < len(file)):
        with pytest.raises(SealBroken):
            opened(file[:end])
    for end in range(HEADER.size):
        with pytest.raises(NotSealed):
            opened(file[:end])


@pytest.mark.parametrize("more", [b"\0", b"x" * TAG, bytes(PART), bytes(PART + TAG), bytes(2 * PART)])
def test_a_file_with_something_behind_its_end_does_not_open(more: bytes) -> None:
    with pytest.raises(SealBroken):
        opened(sealed_file(drawn(PART + 5)) + more)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_file_of_which_a_bit_was_turned_does_not_open(data: st.DataObject) -> None:
    file = bytearray(FILE)
    at, bit = data.draw(st.integers(0, len(file) - 1)), data.draw(st.integers(0, 7))
    file[at] ^= 1 << bit
    with pytest.raises((SealBroken, NotSealed)):
        opened(bytes(file))


FILE = sealed_file(drawn(2 * PART + 77))
WHOLE = PART + TAG


@pytest.mark.parametrize(
    "change",
    [
        lambda head, a, b, c: head + b + a + c,
        lambda head, a, b, c: head + a + a + c,
        lambda head, a, b, c: head + a + c,
        lambda head, a, b, c: head + a + b + b + c,
        lambda head, a, b, c: head + c,
        lambda head, a, b, c: head + a + b,
    ],
)
def test_parts_that_are_moved_doubled_or_missing_do_not_open(change: Callable[..., bytes]) -> None:
    head, rest = FILE[: HEADER.size], FILE[HEADER.size :]
    with pytest.raises(SealBroken):
        opened(change(head, rest[:WHOLE], rest[WHOLE : 2 * WHOLE], rest[2 * WHOLE :]))


def test_parts_of_another_file_under_the_same_key_do_not_open() -> None:
    other = sealed_file(drawn(2 * PART + 77))
    with pytest.raises(SealBroken):
        opened(FILE[: HEADER.size + WHOLE] + other[HEADER.size + WHOLE :])


def test_another_key_and_another_exhibit_open_nothing() -> None:
    with pytest.raises(SealBroken):
        opened(FILE, key=bytes(32))
    with pytest.raises(NotSealed, match=str(EXHIBIT)):
        opened(FILE, exhibit=uuid4())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2 * PART + 77), st.integers(0, 3 * PART))
def test_any_range_is_that_of_the_thing(start: int, length: int) -> None:
    content = drawn(2 * PART + 77)
    found = b"".join(sealed.unseal(io.BytesIO(FILE), key=KEY, exhibit=EXHIBIT, start=start, stop=start + length))
    assert found == content[start : start + length]


class Dripping(io.RawIOBase):
    """A pipe: it gives fewer bytes at a time than it was asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self.content.read(min(size, 70_001))


def test_a_pipe_is_sealed_and_opened_like_a_file() -> None:
    content, to = drawn(2 * PART + 9), io.BytesIO()
    sealed.seal(Dripping(content), to, key=KEY, exhibit=EXHIBIT)  # type: ignore[arg-type]
    assert len(to.getvalue()) == sealed.stored_size(len(content))
    assert b"".join(sealed.unseal(Dripping(to.getvalue()), key=KEY, exhibit=EXHIBIT)) == content  # type: ignore[arg-type]


def test_a_large_thing_is_sealed_and_opened_in_little_memory(tmp_path: Path) -> None:
    size = 200 * PART
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    with (tmp_path / "large").open("rb") as source, (tmp_path / "sealed").open("wb") as to:
        sealed.seal(source, to, key=KEY, exhibit=EXHIBIT, digests=("sha256",))
    with (tmp_path / "sealed").open("rb") as source:
        seen = sum(len(part) for part in sealed.unseal(source, key=KEY, exhibit=EXHIBIT))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == size
    assert peak < 8 * PART


# --- wrapped keys ----------------------------------------------------------------------------------------------------

INNER, OUTER = bytes([1]) * 32, bytes([2]) * 32
ABOUT = {"exhibit": str(EXHIBIT), "epoch": "2027-03.severe", "sha256": "ab" * 32}


def test_a_key_opens_with_both_keys_and_for_what_it_is_about() -> None:
    key = sealed.new_key()
    wrapped = wrapping.wrap(key, inner=INNER, outer=OUTER, about=ABOUT)
    assert wrapping.unwrap(wrapped, inner=INNER, outer=OUTER, about=dict(reversed(ABOUT.items()))) == key
    assert key not in wrapped


@pytest.mark.parametrize(
    "other",
    [
        {"inner": bytes(32)},
        {"outer": bytes(32)},
        {"about": {**ABOUT, "exhibit": str(uuid4())}},
        {"about": {**ABOUT, "epoch": "2027-04.severe"}},
        {"about": {**ABOUT, "sha256": "cd" * 32}},
        {"about": {**ABOUT, "more": ""}},
    ],
)
def test_with_one_thing_wrong_it_does_not_open(other: dict[str, object]) -> None:
    wrapped = wrapping.wrap(sealed.new_key(), inner=INNER, outer=OUTER, about=ABOUT)
    with pytest.raises(WrongKey):
        wrapping.unwrap(wrapped, **{"inner": INNER, "outer": OUTER, "about": ABOUT, **other})  # type: ignore[arg-type]


@given(st.binary(max_size=120))
def test_any_bytes_are_no_wrapped_key_and_nothing_else_happens(content: bytes) -> None:
    with pytest.raises(WrongKey):
        wrapping.unwrap(content, inner=INNER, outer=OUTER, about=ABOUT)


# --- epochs ----------------------------------------------------------------------------------------------------------

EPOCH = "2027-03.severe"


def test_a_key_is_made_once_and_is_there_again(tmp_path: Path) -> None:
    keys = EpochKeys(tmp_path / "epochs")
    made = keys.key_for(EPOCH)
    assert len(made) == 32
    assert EpochKeys(tmp_path / "epochs").key_for(EPOCH) == keys.key(EPOCH) == made
    assert keys.key_for("2027-04.severe") != made
    assert keys.names() == [EPOCH, "2027-04.severe"]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "epochs").iterdir()} == {0o600}
    assert (tmp_path / "epochs").stat().st_mode & 0o777 == 0o700


def _made(directory: Path) -> bytes:
    return EpochKeys(directory).key_for(EPOCH)


def test_of_many_who_make_it_at_once_all_get_the_same(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        assert len(set(pool.map(_made, [tmp_path] * 64))) == 1


def test_what_was_destroyed_is_gone_and_never_made_again(tmp_path: Path) -> None:
    keys = EpochKeys(tmp_path)
    made = keys.key_for(EPOCH)
    keys.destroy(EPOCH)
    for again in (keys.key, keys.key_for):
        with pytest.raises(EpochDestroyed):
            again(EPOCH)
    assert (keys.names(), keys.destroyed()) == ([], [EPOCH])
    assert not any(made.hex().encode() in path.read_bytes() for path in tmp_path.iterdir())
    keys.destroy(EPOCH)  # nothing is left to do


def test_the_bytes_are_overwritten_before_the_name_is_removed(tmp_path: Path) -> None:
    keys = EpochKeys(tmp_path)
    made = keys.key_for(EPOCH).hex().encode()
    os.link(tmp_path / f"{EPOCH}.key", tmp_path / "another-name")
    keys.destroy(EPOCH)
    assert made not in (tmp_path / "another-name").read_bytes()


def test_a_key_that_comes_back_is_refused_and_named(tmp_path: Path) -> None:
    keys = EpochKeys(tmp_path)
    keys.key_for(EPOCH)
    copy = (tmp_path / f"{EPOCH}.key").read_bytes()
    keys.destroy(EPOCH)
    (tmp_path / f"{EPOCH}.key").write_bytes(copy)
    assert keys.returned() == [EPOCH]
    for again in (keys.key, keys.key_for):
        with pytest.raises(EpochReturned):
            again(EPOCH)
    keys.destroy(EPOCH)
    assert keys.returned() == []


def test_a_key_that_is_lost_is_told_from_one_that_was_destroyed(tmp_path: Path) -> None:
    with pytest.raises(EpochLost):
        EpochKeys(tmp_path).key(EPOCH)


@pytest.mark.parametrize(
    "content", [b"", b"himaya epoch key 1\n", b"x" * 84, b"himaya epoch key 1\n" + b"g" * 64 + b"\n"]
)
def test_a_damaged_key_is_named_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    keys = EpochKeys(tmp_path)
    keys.key_for(EPOCH)
    (tmp_path / f"{EPOCH}.key").write_bytes(content)
    with pytest.raises(BadEpochKey):
        keys.key_for(EPOCH)
    assert (tmp_path / f"{EPOCH}.key").read_bytes() == content


@pytest.mark.parametrize(
    "name", ["", "2027", "2027-13.a", "2027-01.", "2027-01.A", "2027-01.a/../b", "../2027-01.a", "2027-01.a\n"]
)
def test_what_is_no_epoch_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no epoch"):
        EpochKeys(tmp_path).key_for(name)


@pytest.mark.parametrize("point", ["epochs.marked", "epochs.overwritten"])
def test_whoever_is_killed_while_a_key_is_destroyed_leaves_none_that_opens(tmp_path: Path, point: str) -> None:
    keys = EpochKeys(tmp_path)
    keys.key_for(EPOCH)
    load = "import sys; from pathlib import Path; from himaya.core.vault.epochs import EpochKeys"
    code = f"{load}; EpochKeys(Path(sys.argv[1])).destroy(sys.argv[2])"
    environment = {**os.environ, "HIMAYA_FAULT": f"{point}:kill"}
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path), EPOCH], env=environment, check=False)
    assert ran.returncode == -9
    with pytest.raises(EpochReturned):
        keys.key(EPOCH)
    keys.destroy(EPOCH)  # whoever sweeps does what is left
    assert [path.name for path in tmp_path.iterdir()] == [f"{EPOCH}.gone"]
    assert epochs.NAME.fullmatch(EPOCH)


def test_what_was_moved_under_a_key_is_told_in_order_until_it_is_forgotten_or_its_key_destroyed(tmp_path: Path) -> None:
    keys, other = EpochKeys(tmp_path), "2027-04.severe"
    for name in (EPOCH, other):
        keys.key_for(name)
    one, two = (Moved(uuid4(), uuid4(), bytes([n]) * 68) for n in (1, 2))
    keys.add_moved(EPOCH, [one])
    with (tmp_path / f"{EPOCH}.moved").open("ab") as file:
        file.write(f"{two.exhibit} {two.of}".encode())  # whoever wrote it was killed
    keys.add_moved(EPOCH, [two])
    keys.add_moved(other, [one])
    assert list(keys.moved(EPOCH)) == [one, two]
    keys.forget_moved([one.exhibit])
    assert (list(keys.moved(EPOCH)), list(keys.moved(other))) == ([two], [])
    assert not any(str(one.exhibit).encode() in path.read_bytes() for path in tmp_path.iterdir())
    keys.destroy(EPOCH)
    assert list(keys.moved(EPOCH)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{EPOCH}.gone", f"{other}.key", f"{other}.moved"]
    keys.put_back_moved(EPOCH, b"what a copy had")
    assert not (tmp_path / f"{EPOCH}.moved").exists()


def test_a_key_that_is_not_there_is_not_destroyed(tmp_path: Path) -> None:
    keys = EpochKeys(tmp_path)
    with pytest.raises(EpochLost):
        keys.destroy(EPOCH)
    assert (keys.destroyed(), list(tmp_path.iterdir())) == ([], [])
    keys.mark(EPOCH)  # it was elsewhere, as the ledger says
    assert keys.destroyed() == [EPOCH]


def _owned(told: tuple[Path, int]) -> str:
    return EpochKeys(told[0]).own(f"node {told[1]}")


def test_of_many_who_say_whose_the_directory_is_all_are_told_the_same(tmp_path: Path) -> None:
    assert EpochKeys(tmp_path).owner == ""
    with multiprocessing.get_context("fork").Pool(8) as pool:
        (owner,) = set(pool.map(_owned, [(tmp_path, n) for n in range(64)]))
    assert EpochKeys(tmp_path).owner == owner
    assert EpochKeys(tmp_path).own("another", over=True) == "another"
