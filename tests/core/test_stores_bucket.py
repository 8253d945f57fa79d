"""A bucket, on a real server: locks hold, lines are cut, and what is acknowledged is there once."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from tests import s3 as servers

from himaya.core import buckets
from himaya.core.vault.stores import bucket, s3
from himaya.core.vault.stores.port import AlreadyStored, Lock, NoLocks, NotStored, StillLocked, StoreFailed
from himaya.core.vault.stores.s3 import S3Store

pytestmark = pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning:botocore")
MIB = 1024**2
NAME = UUID("3fa2b1c0-0000-4000-8000-000000000001")
Seconds = Callable[[float], datetime]


@pytest.fixture
def vault(store: servers.Store) -> S3Store:
    """A bucket with object lock."""
    name = f"locked-{uuid4().hex[:8]}"
    store.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return S3Store(name, "sealed/", endpoint=store.endpoint)


def put(store: S3Store, name: UUID, content: bytes, **more: Any) -> None:
    with store.writing(name, **more) as file:
        file.write(content)


def got(store: S3Store, name: UUID) -> bytes:
    with store.open(name) as file:
        return file.read()


def versions(store: servers.Store, vault: S3Store) -> int:
    found = store.client.list_object_versions(Bucket=urlsplit(vault.place).netloc)
    return len(found.get("Versions", ())) + len(found.get("DeleteMarkers", ()))


def ahead(seconds: float) -> datetime:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)


# --- locks -----------------------------------------------------------------------------------------------------------


def test_a_bucket_with_object_lock_says_what_it_promises(vault: S3Store) -> None:
    (promise,) = vault.describe()
    assert (promise.versions, promise.locks) == (True, True)
    assert "before its date" in promise.said[1]


def test_a_bucket_without_it_says_so_plainly_and_refuses_to_lock(store: servers.Store) -> None:
    plain = S3Store(store.bucket, endpoint=store.endpoint)
    (promise,) = plain.describe()
    assert (promise.versions, promise.locks) == (False, False)
    assert "no versions" in promise.said[0]
    assert "no object lock" in promise.said[1]
    put(plain, NAME, b"sealed")
    with pytest.raises(NoLocks, match=store.bucket):
        plain.retain(NAME, ahead(3600))
    with pytest.raises(NoLocks):
        plain.hold(NAME, on=True)
    assert plain.lock(NAME) is None
    assert plain.delete(NAME)


@pytest.mark.parametrize("mode", ["COMPLIANCE", "GOVERNANCE"])
def test_what_is_locked_until_a_date_is_not_deleted_and_the_date_is_told(
    vault: S3Store, store: servers.Store, mode: Any
) -> None:
    put(vault, NAME, b"sealed")
    until = ahead(3600)
    vault.retain(NAME, until, mode=mode)
    assert vault.lock(NAME) == Lock(mode, until, held=False)
    with pytest.raises(StillLocked, match=f"until {until:%Y-%m-%d %H:%M} UTC") as refused:
        vault.delete(NAME)
    assert refused.value.facts["until"] == until
    with pytest.raises(StillLocked):
        vault.retain(NAME, ahead(60), mode=mode)
    assert got(vault, NAME) == b"sealed"
    assert versions(store, vault) == 1


def test_a_lock_can_be_made_longer_and_ends_with_its_date(vault: S3Store, store: servers.Store) -> None:
    put(vault, NAME, b"sealed")
    vault.retain(NAME, ahead(2))
    vault.retain(NAME, ahead(4))
    with pytest.raises(StillLocked):
        vault.delete(NAME)
    ends = threading.Event()
    while vault.lock(NAME):
        ends.wait(0.2)
    assert vault.delete(NAME)
    assert versions(store, vault) == 0


def test_a_hold_keeps_a_file_until_it_is_lifted(vault: S3Store, store: servers.Store) -> None:
    put(vault, NAME, b"sealed")
    vault.hold(NAME, on=True)
    assert vault.lock(NAME) == Lock(None, None, held=True)
    with pytest.raises(StillLocked, match="a hold stands on it"):
        vault.delete(NAME)
    vault.hold(NAME, on=False)
    assert vault.lock(NAME) is None
    assert vault.delete(NAME)
    assert versions(store, vault) == 0


def test_a_hold_is_lifted_from_what_a_repair_left_behind_it_too(vault: S3Store, store: servers.Store) -> None:
    put(vault, NAME, b"rotten")
    vault.hold(NAME, on=True)
    put(vault, NAME, b"whole", over=True)
    assert vault.lock(NAME) == Lock(None, None, held=True)
    store.client.delete_object(Bucket=urlsplit(vault.place).netloc, Key=f"sealed/{NAME}")  # by somebody else: a mark
    assert versions(store, vault) == 3
    vault.hold(NAME, on=False)
    assert vault.delete(NAME)
    assert versions(store, vault) == 0
    with pytest.raises(NotStored):
        vault.hold(NAME, on=False)


def test_a_hold_that_is_lifted_while_a_repair_is_written_does_not_stand_on_it(
    vault: S3Store, store: servers.Store
) -> None:
    put(vault, NAME, b"rotten")
    vault.hold(NAME, on=True)
    with vault.writing(NAME, over=True) as file:
        file.write(b"whole")
        vault.hold(NAME, on=False)
    assert vault.lock(NAME) is None
    assert got(vault, NAME) == b"whole"
    assert versions(store, vault) == 1


def test_a_repair_leaves_what_is_locked_behind_it_and_is_locked_as_that_was(
    vault: S3Store, store: servers.Store
) -> None:
    put(vault, NAME, b"rotten")
    until = ahead(3600)
    vault.retain(NAME, until)
    for content in (b"whole", b"x" * (17 * MIB)):
        put(vault, NAME, content, over=True)
        assert got(vault, NAME) == content
        assert vault.lock(NAME) == Lock("COMPLIANCE", until, held=False)
    assert versions(store, vault) == 3


def test_deleting_takes_every_version_and_every_mark(vault: S3Store, store: servers.Store) -> None:
    put(vault, NAME, b"sealed")
    name = urlsplit(vault.place).netloc
    for _ in range(2):
        store.client.delete_object(Bucket=name, Key=f"sealed/{NAME}")
        store.client.put_object(Bucket=name, Key=f"sealed/{NAME}", Body=b"by somebody else")
    store.client.put_object(Bucket=name, Key=f"sealed/{NAME}.txt", Body=b"not ours")
    assert versions(store, vault) == 6
    assert list(vault.names()) == [NAME]
    assert vault.delete(NAME)
    assert versions(store, vault) == 1


# --- writing ---------------------------------------------------------------------------------------------------------


def test_a_part_that_is_changed_on_its_way_is_refused_by_the_server_and_nothing_stands(
    vault: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "_sum", lambda part, right=bucket._sum: right(part[:-1] + b"!"))
    for size in (100, 17 * MIB):
        with pytest.raises(StoreFailed, match="BadDigest"):
            put(vault, NAME, bytes(size))
    assert list(vault.names()) == []
    assert vault.sweep(older=timedelta(0)) == 0


KILLED = """
import os, signal, sys
from uuid import UUID
from himaya.core.vault.stores.s3 import S3Store
with S3Store(sys.argv[1], "sealed/", endpoint=sys.argv[2]).writing(UUID(sys.argv[3])) as file:
    file.write(bytes(17 * 1024**2))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_no_file_and_is_swept_once_it_is_old(vault: S3Store, store: servers.Store) -> None:
    command = [sys.executable, "-c", KILLED, urlsplit(vault.place).netloc, store.endpoint, str(NAME)]
    ended = subprocess.run(command, env={**os.environ, **store.environment()}, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert list(vault.names()) == []
    assert vault.sweep() == 0, "somebody may be writing it"
    assert vault.sweep(older=timedelta(seconds=-5)) == 1
    assert vault.sweep(older=timedelta(seconds=-5)) == 0
    put(vault, NAME, b"again")
    assert got(vault, NAME) == b"again"


def test_who_is_overtaken_while_the_last_part_is_sent_is_told_and_leaves_nothing(
    vault: S3Store, store: servers.Store
) -> None:
    def overtaken() -> None:
        with vault.writing(NAME) as slow:
            slow.write(bytes(17 * MIB))
            put(vault, NAME, b"fast")

    with pytest.raises(AlreadyStored):
        overtaken()
    assert got(vault, NAME) == b"fast"
    assert vault.sweep(older=timedelta(seconds=-5)) == 0
    assert versions(store, vault) == 1


@pytest.mark.parametrize("size", [10, 17 * MIB])
def test_what_is_tried_again_after_an_answer_was_lost_finds_that_it_is_there(
    vault: S3Store, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    asked, lost = bucket.Server.ask, list[str]()

    def deaf(self: bucket.Server, call: str, **more: object) -> Any:
        answer = asked(self, call, **more)
        if call in ("put_object", "complete_multipart_upload"):
            lost.append(call)
            answer = asked(self, call, **more)  # as the library does
        return answer

    monkeypatch.setattr(bucket.Server, "ask", deaf)
    put(vault, NAME, b"x" * size)
    assert len(lost) == 1
    assert got(vault, NAME) == b"x" * size


def test_a_file_of_known_size_has_no_more_parts_than_the_server_takes(
    vault: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (s3, bucket):
        monkeypatch.setattr(module, "MOST_PARTS", 3)
    monkeypatch.setattr(s3, "PART", 5 * MIB)
    content = random.Random(1).randbytes(20 * MIB)
    put(vault, NAME, content, size=len(content))
    assert got(vault, NAME) == content
    with pytest.raises(StoreFailed, match="larger than it takes"):
        put(vault, uuid4(), content)
    assert list(vault.names()) == [NAME]


def test_a_bucket_that_is_not_there_is_named_and_no_secret(store: servers.Store) -> None:
    nowhere = S3Store("nonesuch", endpoint=store.endpoint)
    with pytest.raises(StoreFailed, match="s3://nonesuch/ does not do its work: NoSuchBucket") as refused:
        nowhere.describe()
    assert "secret" not in repr(refused.value.facts)
    assert refused.value.__cause__ is None


# --- a line that is cut ----------------------------------------------------------------------------------------------


class Cutting:
    """Passes on what a server says, and cuts the line of each of the first ``times`` long answers within it."""

    def __init__(self, endpoint: str, times: int) -> None:
        address = urlsplit(endpoint)
        self._to, self.left = (address.hostname, address.port), times
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._both_ways, args=(near,), daemon=True).start()

    def _both_ways(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._to) as far:
            there = threading.Thread(target=self._pass, args=(near, far), daemon=True)
            there.start()
            self._pass(far, near, cut=True)
            there.join()

    def _pass(self, one: socket.socket, other: socket.socket, cut: bool = False) -> None:
        passed = 0
        with suppress(OSError):
            while piece := one.recv(65_536):
                passed += len(piece)
                if cut and self.left and passed > 3 * MIB:
                    self.left -= 1
                    break
                other.sendall(piece)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def cutting(store: servers.Store) -> Iterator[Cutting]:
    with closing(Cutting(store.endpoint, times=3)) as between:
        yield between
    buckets.client.cache_clear()


def test_a_file_is_read_to_its_end_though_the_line_is_cut_again_and_again(
    store: servers.Store, cutting: Cutting
) -> None:
    content = random.Random(3).randbytes(24 * MIB)
    put(S3Store(store.bucket, endpoint=store.endpoint), NAME, content)
    assert got(S3Store(store.bucket, endpoint=cutting.endpoint), NAME) == content
    assert cutting.left == 0


def test_a_line_that_is_always_cut_is_told(
    store: servers.Store, cutting: Cutting, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(S3Store(store.bucket, endpoint=store.endpoint), NAME, bytes(8 * MIB))
    monkeypatch.setattr(bucket, "ATTEMPTS", 2)
    with S3Store(store.bucket, endpoint=cutting.endpoint).open(NAME) as file:
        assert file.read(1000) == bytes(1000)
        cutting.close()
        cutting.left = 1000
        with pytest.raises(StoreFailed, match="does not do its work"):
            file.read()


def test_a_large_file_is_written_and_read_in_little_memory(vault: S3Store) -> None:
    tracemalloc.start()
    with vault.writing(NAME) as to:
        for _ in range(100):
            to.write(bytes(MIB))
    with vault.open(NAME) as file:
        seen = sum(len(piece) for piece in iter(lambda: file.read(MIB), b""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == 100 * MIB
    assert peak < 4 * s3.PART
