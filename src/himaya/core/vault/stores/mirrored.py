"""Two stores that hold the same: what one of them loses or lets rot is had from the other, and put right."""

from __future__ import annotations

import hashlib
import heapq
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import groupby
from typing import Any, BinaryIO, Literal, cast
from uuid import UUID

from himaya.core.errors import HimayaError
from himaya.core.vault import sealed
from himaya.core.vault.sealed import NotSealed, SealBroken
from himaya.core.vault.stores.port import (
    DAMAGED,
    Lock,
    Mode,
    NoLocks,
    NothingWhole,
    NotStored,
    Promise,
    Store,
    StoreFailed,
)
from himaya.core.words import N_

PIECE = 1024**2
"""Bytes that are read together."""
State = Literal["whole", "rotten", "missing", "unread"]
"""Of a copy. Unread: its store does not answer, which says nothing of the copy."""


class Mirrored:
    """Writes to both before it acknowledges. Reads the first, where that has it."""

    def __init__(self, first: Store, second: Store) -> None:
        self._first, self._second = first, second
        self.place = f"{first.place} + {second.place}"

    @contextmanager
    def writing(self, name: UUID, *, size: int | None = None, over: bool = False) -> Iterator[BinaryIO]:
        """See :class:`Store`. Killed between the two, it is in the second alone, and not acknowledged."""
        stands = False
        try:
            with self._first.writing(name, size=size, over=over) as one:
                with self._second.writing(name, size=size, over=over) as two:
                    yield cast(BinaryIO, _Both(one, two))
                stands = True
        except BaseException:
            if stands and not over:
                with suppress(HimayaError):  # what was written is nobody's; where it cannot be removed, it is found
                    self._second.delete(name)
            raise

    def open(self, name: UUID, *, fresh: bool = False) -> BinaryIO:
        """See :class:`Store`. The second, where the first has none or does not answer; what rots its reader sees."""
        try:
            return self._first.open(name, fresh=fresh)
        except (NotStored, StoreFailed):
            return self._second.open(name, fresh=fresh)

    def size(self, name: UUID) -> int | None:
        """See :class:`Store`."""
        try:
            found = self._first.size(name)
        except StoreFailed:
            found = None
        return self._second.size(name) if found is None else found

    def delete(self, name: UUID) -> bool:
        """See :class:`Store`. What is locked in one of them stays there, and is gone from the other."""
        # From the first once more: a repair that was under way may have copied it there meanwhile.
        found, failed = False, None
        for store in (self._first, self._second, self._first):
            try:
                found = store.delete(name) or found
            except HimayaError as error:
                failed = failed or error
        if failed:
            raise failed
        return found

    def names(self, since: UUID | None = None) -> Iterator[UUID]:
        """See :class:`Store`: what either has."""
        for name, _ in groupby(heapq.merge(self._first.names(since), self._second.names(since))):
            yield name

    def sweep(self) -> int:
        """See :class:`Store`."""
        return self._first.sweep() + self._second.sweep()

    def retain(self, name: UUID, until: datetime, *, mode: Mode = "COMPLIANCE") -> None:
        """See :class:`Store`: in those that can."""
        self._locked(lambda store: store.retain(name, until, mode=mode))

    def hold(self, name: UUID, *, on: bool) -> None:
        """See :class:`Store`: in those that can."""
        self._locked(lambda store: store.hold(name, on=on))

    def _locked(self, act: Callable[[Store], None]) -> None:
        able = 0
        for store in self.copies():
            with suppress(NoLocks):
                act(store)
                able += 1
        if not able:
            raise NoLocks(place=self.place)

    def lock(self, name: UUID) -> Lock | None:
        """See :class:`Store`: the first lock that is found."""
        found, missing = None, 0
        for store in self.copies():
            try:
                found = found or store.lock(name)
            except NotStored:
                missing += 1
        if missing == len(self.copies()):
            raise NotStored(name=name, place=self.place)
        return found

    def copies(self) -> tuple[Store, ...]:
        """See :class:`Store`."""
        return (*self._first.copies(), *self._second.copies())

    def describe(self) -> tuple[Promise, ...]:
        """See :class:`Store`."""
        return (*self._first.describe(), *self._second.describe())

    def repair(self, name: UUID, *, sha256: str) -> dict[str, State]:
        """Put right every copy that is rotten or missing, from one that is whole.

        Args:
            name: which file.
            sha256: what it must be, in hexadecimal: of the sealed file.

        Returns:
            The place of each copy → what it was before.

        Raises:
            NothingWhole: no copy is; nothing was changed.
            StoreFull, StoreFailed: a copy cannot be written; it is what it was.
        """
        found = [(store, judged(store, name, sha256=sha256)) for store in self.copies()]
        good = next((store for store, state in found if state == "whole"), None)
        if good is None:
            raise NothingWhole(name=name)
        for store, state in found:
            if state in ("rotten", "missing"):
                mend(store, name, sha256=sha256, good=good)
        return {store.place: state for store, state in found}


class _Both(io.RawIOBase):
    """Writes all of everything to both."""

    def __init__(self, one: BinaryIO, two: BinaryIO) -> None:
        self._one, self._two = one, two

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, part: Any) -> int:
        """As a file's."""
        self._one.write(part)
        return self._two.write(part)


def judged(store: Store, name: UUID, *, sha256: str, on_read: Callable[[int], object] = lambda _: None) -> State:
    """What the copy in a store is, read from its disk in constant memory; ``on_read`` is told of each piece's size."""
    try:
        with store.open(name, fresh=True) as file:
            return "whole" if _digest(file, on_read) == sha256 else "rotten"
    except NotStored:
        return "missing"
    except StoreFailed as error:
        return "rotten" if error.facts.get("code") == DAMAGED else "unread"


def mend(
    store: Store, name: UUID, *, sha256: str, good: Store, on_read: Callable[[int], object] = lambda _: None
) -> None:
    """Copy a file from where it is whole in place of one that is not. What was there stays until the copy stands.

    Raises:
        NothingWhole: it is not whole any more where it was; nothing was changed.
        NotStored: it was deleted meanwhile; then nothing of it is left.
        StoreFull, StoreFailed: it cannot be written, or is not whole then.
    """
    with good.open(name) as source, store.writing(name, size=good.size(name), over=True) as to:
        if _digest(source, on_read, to.write) != sha256:
            raise NothingWhole(name=name)
    if good.size(name) is None:  # it was destroyed meanwhile, and must not come back by this
        store.delete(name)
        raise NotStored(name=name, place=good.place)
    if judged(store, name, sha256=sha256, on_read=on_read) != "whole":
        raise StoreFailed(place=store.place, why=N_("a copy is rotten as soon as it is written"), code=DAMAGED)


def _digest(
    source: BinaryIO, on_read: Callable[[int], object], write: Callable[[bytes], object] = lambda _: None
) -> str:
    seen = hashlib.sha256()
    while piece := source.read(PIECE):
        seen.update(piece)
        write(piece)
        on_read(len(piece))
    return seen.hexdigest()


def unsealed(
    store: Store,
    name: UUID,
    *,
    key: bytes,
    exhibit: UUID,
    start: int = 0,
    stop: int | None = None,
    on_broken: Callable[[str, HimayaError], object] = lambda *_: None,
) -> Iterator[bytes]:
    """A thing out of its sealed file (:func:`himaya.core.vault.sealed.unseal`): out of the first copy, and from where
    that does not open out of the next one.

    Args:
        store: where the file is.
        name: its number there.
        key: as there.
        exhibit: as there.
        start: as there.
        stop: as there.
        on_broken: told of the place of a copy that does not open, and why. Whoever is told has it repaired.

    Raises:
        NotSealed, SealBroken, NotStored, StoreFailed: no copy opens; of the first one that does not, why.
    """
    at, failed = start, None
    for copy in store.copies():
        try:
            with copy.open(name) as file:
                for part in sealed.unseal(file, key=key, exhibit=exhibit, start=at, stop=stop):
                    at += len(part)
                    yield part
            return
        except (NotSealed, SealBroken, NotStored, StoreFailed) as error:
            failed = failed or error
            on_broken(copy.place, error)
    if failed:
        raise failed
