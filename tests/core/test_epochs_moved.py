"""What was moved under a key, as an archive has it, joins what is here; what was forgotten in either stays so."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from himaya.core.vault.epochs import EpochKeys, Moved

EPOCH = "2027-03.standard-2"
A, B, C, D = (Moved(uuid4(), uuid4(), bytes([n]) * 60) for n in range(4))


@pytest.fixture
def keys(tmp_path: Path) -> EpochKeys:
    made = EpochKeys(tmp_path)
    made.key_for(EPOCH)
    return made


def held(keys: EpochKeys) -> bytes:
    return (keys.directory / f"{EPOCH}.moved").read_bytes()


def back(keys: EpochKeys, content: bytes) -> list[Moved]:
    keys.put_back_moved(EPOCH, content)
    assert not [path for path in keys.directory.iterdir() if path.suffix not in (".key", ".moved")]
    return list(keys.moved(EPOCH))


def test_lines_of_a_newer_copy_come_to_an_older_file_and_none_twice(keys: EpochKeys) -> None:
    keys.add_moved(EPOCH, [A])
    old = held(keys)
    keys.add_moved(EPOCH, [B, C])
    new = held(keys)
    assert back(keys, old) == [A, B, C], "what is here is newer"
    assert held(keys) == new
    (keys.directory / f"{EPOCH}.moved").write_bytes(old)
    assert back(keys, new) == back(keys, new) == [A, B, C]
    assert held(keys) == new


@pytest.mark.parametrize("shortened", [False, True], ids=["as it is", "as an archive has it"])
def test_what_was_forgotten_in_either_does_not_come_back(keys: EpochKeys, shortened: bool) -> None:
    keys.add_moved(EPOCH, [A, B])
    keys.add_moved(EPOCH, [C])
    before = held(keys)
    keys.forget_moved([B.exhibit])
    assert back(keys, before) == [A, C]
    keys.forget_moved([C.exhibit])
    forgotten = held(keys)
    if shortened:
        forgotten = b"\n".join(line if line.strip() else line[:1] for line in forgotten.split(b"\n"))
        assert len(forgotten) < len(before)
    (keys.directory / f"{EPOCH}.moved").write_bytes(before)
    assert back(keys, forgotten) == [A]
    assert back(keys, before) == [A]


def test_of_two_that_went_on_apart_all_lines_are_there(keys: EpochKeys) -> None:
    keys.add_moved(EPOCH, [A])
    common = held(keys)
    keys.add_moved(EPOCH, [B, D])
    other = held(keys)
    (keys.directory / f"{EPOCH}.moved").write_bytes(common)
    keys.add_moved(EPOCH, [D])
    keys.add_moved(EPOCH, [C])
    keys.forget_moved([C.exhibit])
    assert back(keys, other) == [A, D, B]
    assert back(keys, other) == [A, D, B]


def test_a_line_that_was_cut_off_in_a_copy_hides_none(keys: EpochKeys) -> None:
    keys.add_moved(EPOCH, [A, B])
    whole = held(keys)
    assert back(keys, whole[:-30]) == [A, B]
    (keys.directory / f"{EPOCH}.moved").write_bytes(whole[:-130])
    assert back(keys, whole) == [A, B]


def test_files_that_name_none_of_those_who_end_are_neither_written_nor_waited_for(
    keys: EpochKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "2027-04.standard"
    keys.key_for(other)
    keys.add_moved(EPOCH, [A])
    keys.add_moved(other, [B, C])
    waited, fsync = list[str](), os.fsync

    def noted(number: int) -> None:
        waited.append(Path(f"/proc/self/fd/{number}").readlink().name)
        fsync(number)

    monkeypatch.setattr(os, "fsync", noted)
    keys.forget_moved([])
    keys.forget_moved([D.exhibit])
    assert waited == []
    keys.forget_moved([C.exhibit, D.exhibit])
    assert waited == [f"{other}.moved"]
    assert [*keys.moved(EPOCH), *keys.moved(other)] == [A, B]
