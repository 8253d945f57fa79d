"""What a store does, whatever it keeps its files on, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Literal, Protocol
from uuid import UUID

from himaya.core.errors import HimayaError

Mode = Literal["COMPLIANCE", "GOVERNANCE"]
"""Who may lift a lock before its date: nobody; or whoever has a special right to at the server, which we never use."""
DAMAGED = "EIO"
"""The ``code`` of a :class:`StoreFailed` whose bytes are there and cannot be read: a disk that rots."""


class AlreadyStored(HimayaError):
    """There is a file {name} in {place} already; it was not touched."""

    status = 409


class NotStored(HimayaError):
    """There is no file {name} in {place}."""

    remedy = "It was destroyed, or lost. If it was lost: restore it from a backup of the store."
    status = 404


class StoreFull(HimayaError):
    """There is no room in {place} for a file of {needed} bytes: {free} are free. Nothing of it was kept."""

    remedy = "Make room there, and do it again."
    status = 507
    exit_code = 3


class StoreFailed(HimayaError):
    """The store {place} does not do its work: {why}."""

    remedy = (
        "See to its disk or its server. Nothing was acknowledged; what is left half-done is swept, and it can be done"
        " again."
    )
    status = 503
    exit_code = 3


class StillLocked(HimayaError):
    """The file {name} in {place} is locked: {why}."""

    remedy = "Wait until then, or have the hold lifted. Once its key is destroyed, nobody can open it meanwhile."
    status = 409


class NoLocks(HimayaError):
    """The store {place} cannot lock files."""

    remedy = "Use a bucket that was made with object lock; it cannot be turned on here."
    status = 409


class NothingWhole(HimayaError):
    """No copy of the file {name} is what it must be: there is nothing to repair it from."""

    remedy = "Restore it from a backup of one of the stores."
    status = 500
    exit_code = 3


@dataclass(frozen=True, slots=True)
class Lock:
    """What keeps a file from being deleted: until a moment, and while a hold stands on it."""

    mode: Mode | None
    until: datetime | None
    held: bool


@dataclass(frozen=True, slots=True)
class Promise:
    """What a store can promise.

    Attributes:
        place: which one.
        versions: a file that is written over or deleted by others is still there.
        locks: files can be locked, so that not even an administrator deletes them.
        said: the same in sentences.
    """

    place: str
    versions: bool
    locks: bool
    said: tuple[str, ...]


class Store(Protocol):
    """Files under numbers. Several processes may use one at once.

    Every method raises :class:`StoreFailed` where disk or server fails.
    """

    @property
    def place(self) -> str:
        """Where it is, for people; no secrets."""

    def writing(self, name: UUID, *, size: int | None = None, over: bool = False) -> AbstractContextManager[BinaryIO]:
        """A file to write, once, from its beginning. When the block ends it is there and lasts; where the block raises,
        nothing is.

        Args:
            name: a new one for each attempt.
            size: its bytes, as far as they are known: asks for room beforehand.
            over: in place of what is there, which stays until the new one stands. Only a repair does that.

        Raises:
            AlreadyStored, StoreFull: as their names say; when it begins, while it is written, or when it ends.
        """

    def open(self, name: UUID, *, fresh: bool = False) -> BinaryIO:
        """The file, which can seek; the caller closes it.

        Args:
            name: which.
            fresh: from the disk, not from what the system remembers of it.

        Raises:
            NotStored: there is none. Reading it raises :class:`StoreFailed`.
        """

    def size(self, name: UUID) -> int | None:
        """Bytes of the file; None: there is none."""

    def delete(self, name: UUID) -> bool:
        """Delete it, all its versions, for good; whether it was there.

        Raises:
            StillLocked: it may not be.
        """

    def names(self, since: UUID | None = None) -> Iterator[UUID]:
        """All that is there, in order, in constant memory; only what comes behind ``since``."""

    def sweep(self) -> int:
        """Remove what writers left that are no more; how many things that were."""

    def retain(self, name: UUID, until: datetime, *, mode: Mode = "COMPLIANCE") -> None:
        """Lock it until then.

        Raises:
            NotStored, NoLocks: as their names say.
            StillLocked: it is locked for longer, or in another way.
        """

    def hold(self, name: UUID, *, on: bool) -> None:
        """Lock it until the hold is lifted, or lift it, of all its versions.

        Raises:
            NotStored, NoLocks: as their names say.
        """

    def lock(self, name: UUID) -> Lock | None:
        """What it is locked by; None: nothing.

        Raises:
            NotStored: there is none.
        """

    def copies(self) -> tuple[Store, ...]:
        """The stores that this one consists of, the first to be asked first; itself, where it is one."""

    def describe(self) -> tuple[Promise, ...]:
        """What each of them can promise; asks the server."""
