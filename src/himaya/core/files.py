"""Writing files so that a crash, a full disk or a second reader never sees half of one; reading folders of strangers
so that no link leads out of them.
"""

from __future__ import annotations

import errno
import heapq
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO

from himaya.core import faults


def replace(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write ``chunks`` to ``path`` with owner-only rights (0600): after a crash the old content or the new is there.

    Raises:
        OSError: it could not be written; what was there before is untouched.
    """
    number, name = mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        faults.point("files.replace")
        rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def created(path: Path) -> Iterator[BinaryIO]:
    """A new file with owner-only rights, to be written: it has its name once it is whole, and never after an error.

    Raises:
        FileExistsError: something has that name.
        OSError: it could not be written.
    """
    if path.is_symlink() or path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    number, name = mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        faults.point("files.created")
        _take_name(Path(name), path)
    finally:
        with suppress(OSError):
            Path(name).unlink()
    sync_directory(path.parent)


def _take_name(beside: Path, path: Path) -> None:
    """Unlike a rename alone this never replaces what somebody else put there."""
    try:
        os.link(beside, path)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        path.touch(mode=0o600, exist_ok=False)  # a stick (FAT) has no second names: of two, one gets this one
        beside.replace(path)


def rename(old: Path, new: Path) -> None:
    """Give a file that is whole another name in its directory, in place of what has it; after a crash one is there.

    Raises:
        OSError: it could not be renamed.
    """
    old.replace(new)
    sync_directory(new.parent)


def sync_directory(path: Path) -> None:
    """Make a rename last: without it the directory's new entry may be lost with the power (POSIX fsync)."""
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# --- without following links -----------------------------------------------------------------------------------------

LONGEST = 4096
"""Bytes of a path (PATH_MAX): what lies deeper is refused, or a chain of folders could be made to take for ever."""
_ON_THE_WAY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_unlinked(path: bytes, flags: int) -> int:
    """Open an absolute path of which no part is a link: one by one, each in the folder that was opened before it.

    ``O_NOFOLLOW`` guards the last part alone: a folder that is exchanged for a link would be followed.

    Returns:
        A descriptor, which the caller closes.

    Raises:
        OSError: as ``open(2)``; ``ELOOP`` where a part is a link, whatever the system says of it.
    """
    if len(path) >= LONGEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    *folders, name = path.split(b"/")[1:]
    here = os.open("/", _ON_THE_WAY)
    try:
        for folder in folders:
            above, here = here, _open_in(here, folder, _ON_THE_WAY)
            os.close(above)
        return _open_in(here, name or b".", flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    finally:
        os.close(here)


def _open_in(folder: int, name: bytes, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except NotADirectoryError as error:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
        raise


def kind(path: bytes) -> int:
    """What lies at an absolute path: ``S_IFDIR``, ``S_IFREG``, ``S_IFLNK`` …

    Raises:
        OSError: as :func:`open_unlinked`.
    """
    number = open_unlinked(path, getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK))
    try:
        return stat.S_IFMT(os.fstat(number).st_mode)
    finally:
        os.close(number)


def listing(path: bytes, *, since: bytes, most: int) -> list[tuple[bytes, int]]:
    """The first names in a folder, in the order of their bytes, each with its :func:`kind` (0: neither file, folder nor
    link). Takes the memory of ``most`` names, however many there are.

    Args:
        path: absolute.
        since: the first name wanted.
        most: how many.

    Raises:
        OSError: as :func:`open_unlinked`.
    """
    number = open_unlinked(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(number) as found:
            return heapq.nsmallest(most, _kinds(found, since))
    finally:
        os.close(number)


def _kinds(found: Iterable[os.DirEntry[str]], since: bytes) -> Iterator[tuple[bytes, int]]:
    for entry in found:
        name = os.fsencode(entry.name)
        if name >= since:
            yield name, _kind(entry)


def _kind(entry: os.DirEntry[str]) -> int:
    if entry.is_symlink():
        return stat.S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    return stat.S_IFREG if entry.is_file(follow_symlinks=False) else 0
