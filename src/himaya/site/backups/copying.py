"""Copying files with their digest, and walking the folders that belong to a backup."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol

from himaya.core.errors import HimayaError

CHUNK = 1024**2
Heard = Callable[[int], object]
"""Told of so many bytes more that were read."""


class SupportsRead(Protocol):
    """Whatever is read in parts."""

    def read(self, size: int, /) -> bytes | None:
        """As a file's."""


class LinkInside(HimayaError):
    """{path} is a link, and what it leads to would be missing from every backup."""

    remedy = (
        "Bring what it leads to into its place, or mount the disk there. Sealed files may lie elsewhere as a whole: "
        "evidence_store in the configuration file."
    )
    exit_code = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """What a file is: its size in bytes, and its SHA-256."""

    size: int
    sha256: str


@dataclass(slots=True)
class Steps:
    """Whoever shows how far it is. ``task``: what begins now, and its bytes (0: not known); ``done``: so many more."""

    task: Callable[[str, int], object] = lambda _name, _total: None
    done: Callable[[int], object] = lambda _more: None
    at: Callable[[int, int], object] = lambda _done, _total: None


def copy(source: Path, target: Path, *, heard: Heard = lambda _: None) -> Piece:
    """Copy a file, owner-only; what it is. ``os.sync`` makes it last: one for all that are copied.

    Raises:
        FileNotFoundError: ``source`` is not there any more.
        LinkInside: it is a link.
        OSError: it cannot be read, or ``target`` not written; it may be there in part.
    """
    with os.fdopen(_opened(source), "rb", buffering=0) as read:
        return pour(read, target, heard=heard)


def pour(read: SupportsRead, target: Path, *, heard: Heard) -> Piece:
    """Write what ``read`` gives to its end into a file, owner-only; what it is. Errors as :func:`copy`."""
    with _created(target) as write:
        return _read(read, lambda part: _write(write, part), heard)


def piece_of(path: Path, *, heard: Heard = lambda _: None) -> Piece:
    """Read a file; what it is.

    Raises:
        LinkInside: it is a link.
        OSError: it cannot be read.
    """
    return read_from(path, lambda _: None, heard=heard)


def read_from(path: Path, to: Callable[[bytes], object], *, heard: Heard) -> Piece:
    """Read a file, and give each part of it to ``to``; what it is. Errors as :func:`piece_of`."""
    with os.fdopen(_opened(path), "rb", buffering=0) as read:
        return _read(read, to, heard)


def _read(read: SupportsRead, to: Callable[[bytes], object], heard: Heard) -> Piece:
    digest, size = hashlib.sha256(), 0
    while part := read.read(CHUNK):
        digest.update(part)
        to(part)
        size += len(part)
        heard(len(part))
    return Piece(size, digest.hexdigest())


def link(source: Path, target: Path) -> bool:
    """Give a file that never changes another name on the same disk; False where that cannot be done."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(OSError):
        os.link(source, target, follow_symlinks=False)
        return True
    return False


def walk(root: Path, folder: str) -> Iterator[str]:
    """The files below ``root/folder``, as paths from ``root``, in order of their parts.

    Hidden ones are left out: locks, and what is being written. A link is one of them, and is not followed.
    """
    try:
        with os.scandir(root / folder) as entries:
            here = sorted((one.name, one.is_dir(follow_symlinks=False)) for one in entries if _counts(one))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, is_folder in here:
        path = f"{folder}/{name}"
        if is_folder:
            yield from walk(root, path)
        else:
            yield path


def _counts(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and (
        entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False) or entry.is_symlink()
    )


def _opened(path: Path) -> int:
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise LinkInside(path=path) from None
        raise
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise FileNotFoundError(2, "it is no file", str(path))
    return number


def _created(target: Path) -> FileIO:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return FileIO(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


def _write(file: FileIO, part: bytes) -> None:
    """All of it: the system may take less at once."""
    rest = memoryview(part)
    while rest:
        rest = rest[file.write(rest) or 0 :]
