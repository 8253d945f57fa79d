"""A directory of sealed files: the default.

A file lies below the first digits of its number, ``3f/a2/3fa2….sealed``, so that no folder grows large. It is written
under a name of its own in ``.new``, on the same file system, and linked into its place when all of it is on the disk: a
link replaces nothing, and is there or is not. Then the folders are made to last, up to the directory. Whoever writes
holds a lock on the file in ``.new`` that ends with him, so a sweep tells what is left over from what is being written.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import mkstemp
from typing import Any, BinaryIO, NoReturn, cast
from uuid import UUID

from himaya.core import faults
from himaya.core.files import listing, sync_directory
from himaya.core.vault.stores.port import (
    AlreadyStored,
    Lock,
    Mode,
    NoLocks,
    NotStored,
    Promise,
    Store,
    StoreFailed,
    StoreFull,
)
from himaya.core.words import N_, Said

ENDING = ".sealed"
_FOLDER, _FILE = re.compile(rb"[0-9a-f]{2}"), re.compile(rb"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.sealed")
_LISTED = 1000
"""Names that are held in memory together."""
_FULL = {errno.ENOSPC, errno.EDQUOT}


class LocalStore:
    """The files below a directory (0700).

    Args:
        directory: on a file system with hard links.
        new: it is made where there is none. False: it is there since before, or its disk is not mounted, and then
            nothing may be written beside where it should be.

    Raises:
        StoreFailed: it cannot be used, or is not there.
    """

    def __init__(self, directory: Path, *, new: bool = True) -> None:
        self.place = f"file:{directory}"
        self._directory = directory
        self._lasting: set[Path] = set()
        with self._works():
            self._directory = directory.resolve()
            self._new = self._directory / ".new"
            if self._new.is_dir():
                return
            if not new:
                why = N_("there is no store in this directory; is its disk mounted?")
                raise StoreFailed(place=self.place, why=why, code="Away")
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._new.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self._directory)
            sync_directory(self._directory.parent)

    @contextmanager
    def writing(self, name: UUID, *, size: int | None = None, over: bool = False) -> Iterator[BinaryIO]:
        """See :class:`Store`."""
        path = self._path(name)
        if not over and path.exists():
            raise AlreadyStored(name=name, place=self.place)
        with self._works(size or 0):
            if size is not None and size > self._free():
                raise StoreFull(place=self.place, needed=size, free=self._free())
            number, temporary = self._begun(name)
        try:
            faults.point("stores.begun")
            yield cast(BinaryIO, _Sink(number, self, size))
            with self._works(size or os.fstat(number).st_size):
                faults.point("stores.written")
                os.fsync(number)
                faults.point("stores.synced")
                self._put(temporary, path, over=over)
        finally:
            with suppress(OSError):  # what cannot be removed now is swept
                temporary.unlink(missing_ok=True)
            os.close(number)

    def _begun(self, name: UUID) -> tuple[int, Path]:
        """A file of ours in ``.new``, locked: a sweep may be faster than the lock, and then it is made once more."""
        while True:
            number, path = mkstemp(prefix=f"{name}.", dir=self._new)
            with suppress(BlockingIOError):
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(number).st_nlink:
                    return number, Path(path)
            os.close(number)

    def _put(self, temporary: Path, path: Path, *, over: bool) -> None:
        """Give a file that is on the disk its name, and make that last."""
        new = [_made(folder) for folder in (path.parent.parent, path.parent)]
        if over:
            temporary.replace(path)
        else:
            try:
                os.link(temporary, path)
            except FileExistsError:
                raise AlreadyStored(name=path.stem, place=self.place) from None
        try:
            faults.point("stores.linked")
            sync_directory(path.parent)
            if any(new) or path.parent not in self._lasting:  # who made one may not have come as far as this
                sync_directory(path.parent.parent)
                sync_directory(self._directory)
                self._lasting.add(path.parent)
            faults.point("stores.lasting")
        except BaseException:
            if not over:
                path.unlink(missing_ok=True)
            raise

    def open(self, name: UUID, *, fresh: bool = False) -> BinaryIO:
        """See :class:`Store`."""
        with self._works():
            try:
                return cast(BinaryIO, _Reading(self._path(name), self, fresh=fresh))
            except FileNotFoundError:
                raise NotStored(name=name, place=self.place) from None

    def size(self, name: UUID) -> int | None:
        """See :class:`Store`."""
        with self._works():
            try:
                return self._path(name).stat().st_size
            except FileNotFoundError:
                return None

    def delete(self, name: UUID) -> bool:
        """See :class:`Store`. Nothing is overwritten: the bytes are sealed, and what is destroyed is their key."""
        path, there = self._path(name), True
        with self._works():
            try:
                path.unlink()
            except FileNotFoundError:
                there = False
            faults.point("stores.unlinked")
            with suppress(FileNotFoundError):  # also where it was gone: whoever removed it may have come no further
                sync_directory(path.parent)
        return there

    def names(self, since: UUID | None = None) -> Iterator[UUID]:
        """See :class:`Store`."""
        last = b"" if since is None else str(since).encode() + ENDING.encode()
        for first in self._listed(b"", _FOLDER, last[:2]):
            for second in self._listed(first, _FOLDER, last[2:4] if first == last[:2] else b""):
                folder = first + b"/" + second
                for name in self._listed(folder, _FILE, last + b"\0" if last and last[:4] == first + second else b""):
                    yield UUID(name.removesuffix(ENDING.encode()).decode())

    def _listed(self, folder: bytes, pattern: re.Pattern[bytes], since: bytes) -> Iterator[bytes]:
        """Names in a folder that match, in order, from ``since`` on."""
        path = os.path.join(os.fsencode(self._directory), folder).rstrip(b"/")
        while True:
            with self._works():
                found = listing(path, since=since, most=_LISTED)
            yield from (name for name, _ in found if pattern.fullmatch(name))
            if len(found) < _LISTED:
                return
            since = found[-1][0] + b"\0"

    def sweep(self) -> int:
        """See :class:`Store`. What somebody is writing is locked, and left."""
        swept = 0
        with self._works():
            for path in self._new.iterdir():
                with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
                    swept += 1
        return swept

    def retain(self, name: UUID, until: datetime, *, mode: Mode = "COMPLIANCE") -> NoReturn:
        """It cannot: see :class:`Store`."""
        raise NoLocks(place=self.place)

    def hold(self, name: UUID, *, on: bool) -> NoReturn:
        """It cannot: see :class:`Store`."""
        raise NoLocks(place=self.place)

    def lock(self, name: UUID) -> Lock | None:
        """See :class:`Store`."""
        if self.size(name) is None:
            raise NotStored(name=name, place=self.place)
        return None

    def copies(self) -> tuple[Store, ...]:
        """See :class:`Store`."""
        return (self,)

    def describe(self) -> tuple[Promise, ...]:
        """See :class:`Store`."""
        said = (
            N_("What was acknowledged is on the disk: it survives the end of the program and of the power."),
            N_("Whoever may write in the directory can delete its files: nothing holds them there for a time."),
        )
        return (Promise(self.place, versions=False, locks=False, said=said),)

    def _path(self, name: UUID) -> Path:
        digits = str(name)
        return self._directory / digits[:2] / digits[2:4] / f"{digits}{ENDING}"

    def _free(self) -> int:
        """Bytes that are free there for us."""
        found = os.statvfs(self._directory)
        return found.f_bavail * found.f_frsize

    @contextmanager
    def _works(self, needed: int = 0) -> Iterator[None]:
        """Says what the system says of the disk in our words."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise StoreFull(place=self.place, needed=needed, free=self._free()) from error
            why = Said(error.strerror or type(error).__name__)
            raise StoreFailed(place=self.place, why=why, code=errno.errorcode.get(error.errno or 0, "")) from error


def _made(folder: Path) -> bool:
    """Make it where it is not there; whether that was so."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return False
    return True


class _Sink(io.RawIOBase):
    """Writes all that it is given, or says why not."""

    def __init__(self, number: int, store: LocalStore, size: int | None) -> None:
        self._number, self._store, self._size, self._written = number, store, size or 0, 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, part: Any) -> int:
        """As a file's, but for that it writes all.

        Raises:
            StoreFull, StoreFailed: as their names say.
        """
        left = memoryview(part).cast("B")
        self._written += len(left)
        with self._store._works(max(self._size, self._written)):
            while left:
                left = left[os.write(self._number, left) :]
        return memoryview(part).nbytes


class _Reading(io.FileIO):
    """A file that says in our words what is wrong with the disk."""

    def __init__(self, path: Path, store: LocalStore, *, fresh: bool) -> None:
        super().__init__(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW))
        self._store, self._fresh = store, fresh
        self._forget()

    def read(self, size: int | None = -1) -> bytes:
        """As a file's."""
        with self._store._works():
            return super().read(-1 if size is None else size)

    def readinto(self, into: Any) -> int:
        """As a file's."""
        with self._store._works():
            return super().readinto(into)

    def close(self) -> None:
        """As a file's; what was read freshly is not kept in memory in place of what others read."""
        if not self.closed:
            self._forget()
        super().close()

    def _forget(self) -> None:
        if self._fresh and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
