"""A directory: what was acknowledged is on the disk, what was not is nowhere, whatever ends the program or the room."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from himaya.core import faults
from himaya.core.vault import sealed
from himaya.core.vault.stores import local
from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.port import AlreadyStored, NoLocks, StoreFailed, StoreFull

MIB = 1024**2
NAME = UUID("3fa2b1c0-0000-4000-8000-000000000001")
POINTS = ("stores.begun", "stores.written", "stores.synced", "stores.linked", "stores.lasting")


def put(store: LocalStore, name: UUID, content: bytes, **more: Any) -> None:
    with store.writing(name, **more) as file:
        file.write(content)


def got(store: LocalStore, name: UUID) -> bytes:
    with store.open(name) as file:
        return file.read()


def leftovers(directory: Path) -> list[Path]:
    return list((directory / ".new").iterdir())


def test_files_lie_below_the_first_digits_of_their_number_and_are_for_their_owner_alone(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "vault")
    put(store, NAME, b"sealed")
    found = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert found == {
        "vault": 0o700, "vault/.new": 0o700, "vault/3f": 0o700, "vault/3f/a2": 0o700,
        f"vault/3f/a2/{NAME}.sealed": 0o600,
    }  # fmt: skip


def test_the_names_of_many_files_come_in_order_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_LISTED", 3)
    store, names = LocalStore(tmp_path), [UUID(int=random.Random(n).getrandbits(128)) for n in range(40)]
    names += [UUID(int=(7 << 112) + n) for n in range(10)]  # in one folder
    for name in names:
        put(store, name, b"")
    (tmp_path / "00" / "07" / "note.txt").write_text("put there by hand")
    (tmp_path / "lost+found").mkdir()
    assert list(store.names()) == sorted(names)
    for name in names:
        assert list(store.names(name)) == sorted(names)[sorted(names).index(name) + 1 :]


def test_the_file_is_on_the_disk_before_it_has_its_name_and_its_folders_before_it_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, link = os.fsync, os.link

    def told(number: int) -> None:
        sync(number)
        done.append(Path(os.readlink(f"/proc/self/fd/{number}")).relative_to(tmp_path).as_posix().split(".")[-2:][0])

    def linked(old: Path, new: Path) -> None:
        link(old, new)
        done.append("link")

    store = LocalStore(tmp_path)
    monkeypatch.setattr(os, "fsync", told)
    monkeypatch.setattr(os, "link", linked)
    put(store, NAME, b"sealed")
    file, *rest = done
    assert file.startswith(f"new/{NAME}")
    assert rest == ["link", "3f/a2", "3f", ""]
    done.clear()
    put(store, UUID(int=NAME.int + 1), b"sealed")
    assert done[1:] == ["link", "3f/a2"], "the others have lasted since"


WRITE = """
import sys
from pathlib import Path
from uuid import UUID
from himaya.core.vault.stores.local import LocalStore
with LocalStore(Path(sys.argv[1])).writing(UUID(sys.argv[2]), over=sys.argv[3] == "over") as file:
    for _ in range(3):
        file.write(b"new " * 100_000)
"""
NEW = b"new " * 300_000


def run(code: str, *args: object, fault: str = "") -> int:
    environment = {**os.environ, "HIMAYA_FAULT": fault}
    return subprocess.run([sys.executable, "-c", code, *map(str, args)], env=environment, check=False).returncode


@pytest.mark.parametrize("over", ["", "over"])
@pytest.mark.parametrize("point", POINTS)
def test_whoever_is_killed_while_writing_leaves_nothing_or_the_whole_file(
    tmp_path: Path, point: str, over: str
) -> None:
    store = LocalStore(tmp_path)
    if over:
        put(store, NAME, b"old")
    assert run(WRITE, tmp_path, NAME, over, fault=f"{point}:kill") == -signal.SIGKILL
    there = point in ("stores.linked", "stores.lasting")
    assert list(store.names()) == ([NAME] if there or over else [])
    if there or over:
        assert got(store, NAME) == (NEW if there else b"old")
    left = len(leftovers(tmp_path))
    assert left == (0 if there and over else 1)
    assert store.sweep() == left
    assert leftovers(tmp_path) == []
    with suppress(AlreadyStored):
        put(store, NAME, NEW, over=bool(over))
    assert got(store, NAME) == NEW, "it can be done again"


DELETE = """
import sys
from pathlib import Path
from uuid import UUID
from himaya.core.vault.stores.local import LocalStore
LocalStore(Path(sys.argv[1])).delete(UUID(sys.argv[2]))
"""


def test_whoever_is_killed_while_deleting_is_followed_by_one_who_makes_it_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    put(store, NAME, b"sealed")
    assert run(DELETE, tmp_path, NAME, fault="stores.unlinked:kill") == -signal.SIGKILL
    synced: list[Path] = []
    monkeypatch.setattr(local, "sync_directory", synced.append)
    assert store.delete(NAME) is False
    assert synced == [tmp_path / "3f" / "a2"]


def test_a_sweep_takes_what_is_left_over_and_leaves_what_is_being_written(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    run(WRITE, tmp_path, uuid4(), "", fault="stores.written:kill")
    with store.writing(NAME) as file:
        file.write(b"slow")
        assert LocalStore(tmp_path).sweep() == 1
        assert len(leftovers(tmp_path)) == 1
    assert got(store, NAME) == b"slow"


def test_a_file_that_was_swept_before_it_was_locked_is_begun_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, lock, times = LocalStore(tmp_path), local.fcntl.flock, 0

    def late(number: int, how: int) -> None:
        nonlocal times
        times += 1
        if times == 1:
            leftovers(tmp_path)[0].unlink()
        lock(number, how)

    monkeypatch.setattr(local.fcntl, "flock", late)
    put(store, NAME, b"sealed")
    assert (times, got(store, NAME)) == (2, b"sealed")


@pytest.mark.parametrize("point", POINTS)
def test_whatever_fails_is_told_and_leaves_nothing(tmp_path: Path, point: str) -> None:
    store = LocalStore(tmp_path)
    faults.arm(f"{point}:raise")
    try:
        with pytest.raises(faults.InjectedFault):
            put(store, NAME, b"sealed")
    finally:
        faults.arm("")
    assert list(store.names()) == leftovers(tmp_path) == []


def _raced(directory: Path, number: int) -> int:
    """Its number, where it was acknowledged; -1 where it was told that another one is there."""
    try:
        put(LocalStore(directory), NAME, bytes([number]) * 1000)
    except AlreadyStored:
        return -1
    return number


def test_of_many_processes_that_write_one_name_exactly_one_is_acknowledged_and_its_file_stands(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        won = [number for number in pool.starmap(_raced, [(tmp_path, n) for n in range(40)]) if number >= 0]
    assert len(won) == 1
    assert got(LocalStore(tmp_path), NAME) == bytes(won) * 1000
    assert leftovers(tmp_path) == []


# --- no room (R6) ----------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path | None]:
    """A disk of 6 MiB; None where this machine does not let us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    options = f"size={6 * MIB},mode=700,uid={os.getuid()}"
    if shutil.which("mount") is None or subprocess.call(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]):
        yield None
        return
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_r6_on_a_full_disk_what_was_acknowledged_is_whole_and_nothing_else_is_there(small: Path | None) -> None:
    if small is None:
        pytest.skip("needs the right to mount; a limit of the size of files is tested beside this")
    store, kept = LocalStore(small / "vault"), dict[UUID, bytes]()

    def fill() -> None:
        for number in range(1000):
            name, content = uuid4(), random.Random(number).randbytes(number * 9973 % MIB)
            put(store, name, content)  # nobody knows how large it becomes: it is the disk that says so
            kept[name] = content

    with pytest.raises(StoreFull, match=r"is no room in file:.* for a file of \d+ bytes"):
        fill()
    assert len(kept) > 8
    assert list(store.names()) == sorted(kept)
    assert all(got(store, name) == content for name, content in kept.items())
    assert leftovers(small / "vault") == []

    with pytest.raises(StoreFull) as refused:
        put(store, NAME, b"", size=7 * MIB)
    assert refused.value.facts["needed"] == 7 * MIB
    assert 0 <= int(str(refused.value.facts["free"])) < MIB

    store.delete(next(iter(kept)))
    store.delete(list(kept)[-1])
    put(store, NAME, b"goes on", size=7)
    assert got(store, NAME) == b"goes on"


LIMITED = """
import resource, signal, sys
from pathlib import Path
from uuid import UUID
from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.port import StoreFailed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
try:
    with LocalStore(Path(sys.argv[1])).writing(UUID(sys.argv[2])) as file:
        file.write(bytes(100_000))
        file.write(bytes(100_000))
except StoreFailed as error:
    sys.exit(7 if "File too large" in str(error) else str(error))
"""


def test_a_file_that_may_not_grow_is_refused_and_gone(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert run(LIMITED, tmp_path, NAME) == 7
    assert list(LocalStore(tmp_path).names()) == leftovers(tmp_path) == []


# --- a disk that fails (R7) ------------------------------------------------------------------------------------------


def test_r7_on_a_disk_that_fails_now_and_then_what_was_acknowledged_is_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, store, kept, failed = random.Random(4711), LocalStore(tmp_path), dict[UUID, bytes](), 0

    def failing(call: Any) -> Any:
        def sometimes(*args: Any, **more: Any) -> Any:
            if chance.random() < 0.02:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            if call is os.write and chance.random() < 0.1:
                return call(args[0], args[1][:100])  # a part of it
            return call(*args, **more)

        return sometimes

    with monkeypatch.context() as patch:
        for name in ("write", "fsync", "link", "open"):
            patch.setattr(os, name, failing(getattr(os, name)))
        for number in range(300):
            name, content = uuid4(), random.Random(number).randbytes(5000)
            try:
                put(store, name, content)
            except StoreFailed as error:
                failed += error.facts["code"] == "EIO"
            else:
                kept[name] = content
    assert failed > 20
    assert len(kept) > 200
    assert list(store.names()) == sorted(kept), "acknowledged is stored, refused is not"
    assert all(got(store, name) == content for name, content in kept.items())
    assert leftovers(tmp_path) == []


def test_a_disk_that_cannot_be_read_is_told_in_our_words(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "3f" / "a2" / f"{NAME}.sealed").mkdir(parents=True)
    with pytest.raises(StoreFailed, match="Is a directory"):
        store.open(NAME)


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match="file/vault"):
        LocalStore(tmp_path / "file" / "vault")


def test_a_disk_that_is_not_mounted_is_told_and_nothing_is_written_in_its_place(tmp_path: Path) -> None:
    mounted_here = tmp_path / "disk"
    mounted_here.mkdir()
    with pytest.raises(StoreFailed, match="is its disk mounted"):
        LocalStore(mounted_here, new=False)
    assert list(mounted_here.iterdir()) == []
    LocalStore(mounted_here)
    assert list(LocalStore(mounted_here, new=False).names()) == []


def test_a_directory_locks_nothing_and_says_so(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put(store, NAME, b"sealed")
    assert store.lock(NAME) is None
    with pytest.raises(NoLocks, match=str(tmp_path)):
        store.hold(NAME, on=True)
    assert [promise.locks for promise in store.describe()] == [False]


def test_a_large_thing_is_sealed_into_a_store_and_opened_in_little_memory(tmp_path: Path) -> None:
    store, key, size = LocalStore(tmp_path / "vault"), sealed.new_key(), 100 * MIB
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    with (
        (tmp_path / "large").open("rb") as source,
        store.writing(NAME, size=sealed.stored_size(size)) as to,
    ):
        seal = sealed.seal(source, to, key=key, exhibit=NAME, digests=("sha256",))
    seen = hashlib.sha256()
    with store.open(NAME, fresh=True) as sealed_file:
        for part in sealed.unseal(sealed_file, key=key, exhibit=NAME):
            seen.update(part)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seal.stored == store.size(NAME)
    assert seen.hexdigest() == seal.digests["sha256"]
    assert peak < 8 * MIB
