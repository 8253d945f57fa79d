"""Files and folders. No link is followed, also where a folder is exchanged for one while the walk goes on."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from himaya.core import files
from himaya.screening.fingerprinting import LINK, NO_PERMISSION, NOT_A_FILE, UNREADABLE, VANISHED, Skipped
from himaya.screening.sources import archives
from himaya.screening.sources.places import BEYOND, Most, Parts, Place

AT_ONCE = 200_000
"""Names of one folder in memory."""
_UNFIT = {stat.S_IFREG: None, stat.S_IFLNK: Skipped(LINK)}


class Folder:
    """A file, or everything below a folder, in the order of the bytes of the names.

    Links, pipes, sockets and devices are reported. A folder that cannot be listed is one place that is skipped.
    """

    def __init__(self, number: int, root: bytes) -> None:
        self._number, self._root = number, root

    def places(self, since: Parts | None) -> Iterator[Place]:
        """Every file. A stack of our own: folders may lie deeper than Python calls itself."""
        last = since or ()
        try:
            kind = files.kind(self._root)
        except OSError as error:
            yield self._unlisted((), last, error)
            return
        if kind != stat.S_IFDIR:
            yield self._place((), _UNFIT.get(kind, Skipped(NOT_A_FILE)))
            return
        ahead: list[tuple[Parts, Iterator[tuple[bytes, int]]]] = [((), _entries(self._root, (), since))]
        while ahead:
            parts, entries = ahead[-1]
            try:
                name, kind = next(entries)
            except StopIteration:
                ahead.pop()
                continue
            except OSError as error:
                ahead.pop()
                yield self._unlisted(parts, last, error)
                continue
            here = (*parts, name)
            if _is_before(here, since):
                continue
            if kind == stat.S_IFDIR:
                ahead.append((here, _entries(os.path.join(self._root, *here), here, since)))
            else:
                last = here
                yield self._place(here, _UNFIT.get(kind, Skipped(NOT_A_FILE)))

    def archive(self, place: Place, most: Most) -> tuple[Place, BinaryIO | None]:
        """The file is one, where it begins as an archive does, whatever it is called."""
        return place, _archive(place.path) if place.skipped is None else None

    def _place(self, parts: Parts, skipped: Skipped | None) -> Place:
        path = os.path.join(self._root, *parts)
        return Place((self._number, parts), path, skipped, size=0 if skipped else _size(path))

    def _unlisted(self, parts: Parts, last: Parts, error: OSError) -> Place:
        """A folder that cannot be listed; where some of it is done, that stays done."""
        behind = parts if last <= parts else last if last[-1] == BEYOND else (*last, BEYOND)
        return Place((self._number, behind), os.path.join(self._root, *parts), _why(error))


def _size(path: bytes) -> int:
    """What the file seems to measure: it says how long reading will take, and nothing else."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _archive(path: bytes) -> BinaryIO | None:
    try:
        file = os.fdopen(files.open_unlinked(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    except OSError:  # the decoder that is to read it will say so
        return None
    try:
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode) and archives.may_be(os.pread(file.fileno(), archives.HEAD, 0)):
            return file
    except OSError:
        pass
    file.close()
    return None


def _entries(path: bytes, parts: Parts, since: Parts | None) -> Iterator[tuple[bytes, int]]:
    """What is in a folder, in order, from where the walk has been; a huge one is read in several passes."""
    within = since is not None and len(since) > len(parts) and since[: len(parts)] == parts
    first = since[len(parts)] if since is not None and within else b""
    while found := files.listing(path, since=first, most=AT_ONCE):
        yield from found
        if len(found) < AT_ONCE:
            return
        first = found[-1][0] + b"\0"


def _is_before(parts: Parts, since: Parts | None) -> bool:
    """Whether the walk is through with this place and all below it."""
    return since is not None and parts < since and since[: len(parts)] != parts


def _why(error: OSError) -> Skipped:
    if isinstance(error, FileNotFoundError):
        return Skipped(VANISHED)
    if isinstance(error, PermissionError):
        return Skipped(NO_PERMISSION)
    if error.errno == errno.ELOOP:
        return Skipped(LINK)
    return Skipped(UNREADABLE, os.strerror(error.errno or 0))
