"""What every store keeps to: a directory, a bucket, and two of them that hold the same."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests import s3 as servers

from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.mirrored import Mirrored
from himaya.core.vault.stores.port import AlreadyStored, NotStored, Store
from himaya.core.vault.stores.s3 import S3Store

pytestmark = pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning:botocore")
Make = Callable[[], Store]
NAMES = [UUID(int=number << 64) for number in (1, 2, 0xFFFF << 48, 0x1234 << 48, (0x1234 << 48) + 5)]


@pytest.fixture(params=["directory", "bucket", "both"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """An empty store, each time it is called."""

    def local() -> LocalStore:
        return LocalStore(tmp_path / uuid4().hex)

    if request.param == "directory":
        return local
    bucket: servers.Store = request.getfixturevalue("store")

    def remote() -> S3Store:
        return S3Store(bucket.bucket, f"{uuid4().hex}/", endpoint=bucket.endpoint)

    return remote if request.param == "bucket" else lambda: Mirrored(local(), remote())


def put(store: Store, name: UUID, content: bytes, **more: Any) -> None:
    with store.writing(name, **more) as file:
        for at in range(0, len(content), 100_000):
            file.write(content[at : at + 100_000])


def got(store: Store, name: UUID) -> bytes:
    with store.open(name) as file:
        return file.read()


class Model(RuleBasedStateMachine):
    """A store beside a dictionary."""

    make: Make

    def __init__(self) -> None:
        super().__init__()
        self.store, self.model = self.make(), dict[UUID, bytes]()

    @rule(name=st.sampled_from(NAMES), content=st.binary(max_size=300), told=st.booleans())
    def write(self, name: UUID, content: bytes, told: bool) -> None:
        if name in self.model:
            with pytest.raises(AlreadyStored):
                put(self.store, name, content)
        else:
            put(self.store, name, content, size=len(content) if told else None)
            self.model[name] = content

    @rule(name=st.sampled_from(NAMES), content=st.binary(max_size=300))
    def write_over(self, name: UUID, content: bytes) -> None:
        put(self.store, name, content, over=True)
        self.model[name] = content

    @rule(name=st.sampled_from(NAMES), content=st.binary(max_size=300), over=st.booleans())
    def break_off(self, name: UUID, content: bytes, over: bool) -> None:
        with pytest.raises((ZeroDivisionError, AlreadyStored)):
            self.half(name, content, over)

    def half(self, name: UUID, content: bytes, over: bool) -> None:
        with self.store.writing(name, over=over) as file:
            file.write(content)
            raise ZeroDivisionError

    @rule(name=st.sampled_from(NAMES))
    def delete(self, name: UUID) -> None:
        assert self.store.delete(name) == (name in self.model)
        self.model.pop(name, None)

    @rule(name=st.sampled_from(NAMES), start=st.integers(0, 310), length=st.integers(0, 310))
    def read(self, name: UUID, start: int, length: int) -> None:
        if name not in self.model:
            with pytest.raises(NotStored):
                self.store.open(name)
            return
        with self.store.open(name) as file:
            assert file.seek(start) == start
            assert file.read(length) == self.model[name][start : start + length]

    @precondition(lambda self: self.model)
    @rule(name=st.sampled_from(NAMES))
    def names_behind(self, name: UUID) -> None:
        assert list(self.store.names(name)) == sorted(one for one in self.model if one > name)

    @rule()
    def sweep(self) -> None:
        assert self.store.sweep() == 0

    @invariant()
    def holds_what_it_should(self) -> None:
        assert list(self.store.names()) == sorted(self.model)
        assert {name: self.store.size(name) for name in NAMES} == {
            name: len(self.model[name]) if name in self.model else None for name in NAMES
        }


def test_a_store_is_a_dictionary_in_which_nothing_is_overwritten(make: Make) -> None:
    machine = type("Machine", (Model,), {"make": staticmethod(make)})
    few = settings(
        max_examples=25 if isinstance(make(), LocalStore) else 6,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=few)  # type: ignore[no-untyped-call]


def test_a_large_file_comes_back_as_it_was_and_can_be_read_from_anywhere(make: Make) -> None:
    content, store = random.Random(7).randbytes(40_000_001), make()
    put(store, NAMES[0], content, size=len(content))
    assert store.size(NAMES[0]) == len(content)
    assert got(store, NAMES[0]) == content
    with store.open(NAMES[0]) as file:
        for start in (39_999_000, 16 * 1024**2 - 10, 0, 5_000_000):
            file.seek(start)
            assert file.read(2000) == content[start : start + 2000]
        assert file.seek(-5, io.SEEK_END) == len(content) - 5
        assert file.read() == content[-5:]
        assert file.read() == b""


def test_of_two_who_write_the_same_name_one_is_told_and_the_others_file_stands(make: Make) -> None:
    store = make()

    def overtaken() -> None:
        with store.writing(NAMES[0]) as slow:
            slow.write(b"slow")
            put(store, NAMES[0], b"fast")

    with pytest.raises(AlreadyStored):
        overtaken()
    assert got(store, NAMES[0]) == b"fast"


def test_what_is_written_over_is_read_to_its_end_by_whoever_had_it_open_or_is_refused(make: Make) -> None:
    store = make()
    put(store, NAMES[0], bytes(300_000))
    with store.open(NAMES[0]) as file:
        assert file.read(10) == bytes(10)
        put(store, NAMES[0], b"x" * 300_000, over=True)
    assert got(store, NAMES[0]) == b"x" * 300_000


def test_a_file_that_nobody_has_cannot_be_asked_about(make: Make) -> None:
    store = make()
    with pytest.raises(NotStored, match=str(NAMES[0])):
        store.open(NAMES[0])
    with pytest.raises(NotStored):
        store.lock(NAMES[0])
    assert store.size(NAMES[0]) is None
    assert store.delete(NAMES[0]) is False


def test_a_store_says_what_it_can_promise_and_no_secret(make: Make) -> None:
    store = make()
    promises = store.describe()
    assert [one.place for one in promises] == [one.place for one in store.copies()]
    assert all(not one.locks and one.said for one in promises)
    assert "secret" not in repr(promises)
