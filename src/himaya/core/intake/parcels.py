"""A parcel: a folder or a ZIP of a stranger's. Nothing is unpacked, no link is followed, no name leads out of it."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, printable, storable

MAX_FILES, MAX_DEPTH, MAX_NAME = 200_000, 24, 400
"""Files of a parcel; folders within one another; characters of a path."""
MAX_DIRECTORY = 64 * 1024**2
"""Bytes of the list of files in a ZIP."""
RATIO, LEAST = 100, 256 * 1024**2
"""A ZIP unpacks to so many times its size, or to ``LEAST`` bytes."""
MAX_TEXT = 64 * 1024**2
"""Bytes of a file that is read whole."""
CHUNK = 1024**2
UNREADABLE = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error, ValueError)
"""What a ZIP raises that is damaged or was made so."""
_COMMENT = 65535


class BadParcel(HimayaError):
    """Nothing of {path} can be taken: {why}."""

    remedy = "Ask whoever sent it for another copy, as a folder or a ZIP without a password."
    status = 422
    exit_code = 1


class BadPlace(HimayaError):
    """{where}: {why}."""

    status = 422


class Parcel(Protocol):
    """Files by their paths in it, with ``/`` between folders, and their sizes in bytes."""

    @property
    def files(self) -> Mapping[str, int]:
        """Their paths and sizes."""

    def open(self, name: str) -> BinaryIO:
        """One of the files; it can be read from its beginning on.

        Raises:
            BadPlace: it cannot be read.
        """


class Folder:
    """A parcel that is a folder."""

    def __init__(self, path: Path, *, told_by: str = "") -> None:
        """``told_by``: the file in it that tells of the others. What lies beside and cannot be taken is not there."""
        self._path = path
        self.files: dict[str, int] = {}
        if told_by:
            self._list_beside(told_by)
            return
        for name, entry in _walk(path, "", 0):
            if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
                raise BadPlace(where=printable(name)[:100], why=N_("it is a link, or no plain file"))
            _take_in(self.files, name, entry.stat(follow_symlinks=False).st_size)

    def _list_beside(self, told_by: str) -> None:
        about = (self._path / told_by).lstat()
        if not stat.S_ISREG(about.st_mode):
            raise BadPlace(where=printable(told_by)[:100], why=N_("it is a link, or no plain file"))
        _take_in(self.files, told_by, about.st_size)
        for name, entry in islice(_walk(self._path, "", 0, passing=True), MAX_FILES):
            with suppress(BadPlace, OSError):
                if name != told_by and entry.is_file(follow_symlinks=False):
                    _take_in(self.files, name, entry.stat(follow_symlinks=False).st_size)

    def open(self, name: str) -> BinaryIO:
        """As :class:`Parcel`. No part of the path may have become a link since it was listed."""
        if name not in self.files:
            raise BadPlace(where=name, why=N_("it is not there"))
        try:
            here = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            *folders, last = name.split("/")
            for folder in folders:
                above = here
                try:
                    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
                finally:
                    os.close(above)
            try:
                number = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
            finally:
                os.close(here)
        except OSError as error:
            raise BadPlace(where=name, why=Said(os.strerror(error.errno or 0))) from None
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise BadPlace(where=name, why=N_("it is a link, or no plain file"))
        return os.fdopen(number, "rb")

    def close(self) -> None:
        """Nothing is open."""


class Archive:
    """A parcel in a ZIP: stored and deflated members, no passwords, no links."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """``file`` can be sought in, and is the caller's to close; ``name`` says what it is called."""
        size = _measure(file, name)
        self.files: dict[str, int] = {}
        self._members: dict[str, zipfile.ZipInfo] = {}
        try:
            self._zip = zipfile.ZipFile(file)
        except UNREADABLE as error:
            raise BadPlace(where=name, why=Said("it is no ZIP that can be read: {why}", why=_why(error))) from None
        try:
            self._list(size)
        except BaseException:
            self._zip.close()
            raise

    def _list(self, size: int) -> None:
        for one in self._zip.infolist():
            shown = printable(one.filename)[:100]
            kind = stat.S_IFMT(one.external_attr >> 16)
            if one.is_dir() and not one.file_size and kind in (0, stat.S_IFDIR):
                continue
            if kind not in (0, stat.S_IFREG) or one.flag_bits & 0x41 or one.compress_type not in (0, 8):
                raise BadPlace(where=shown, why=N_("it is a link, locked, or packed in an unusual way"))
            if one.orig_filename != one.filename:
                raise BadPlace(where=shown, why=N_("it hides a part of its name"))
            name = one.filename.replace("\\", "/")  # as some programs of Windows write it
            _take_in(self.files, name, one.file_size)
            self._members[name] = one
        if sum(self.files.values()) > max(RATIO * size, LEAST):
            raise BadPlace(where=N_("the ZIP"), why=N_("it unpacks to far more than it has bytes"))

    def open(self, name: str) -> BinaryIO:
        """As :class:`Parcel`."""
        if name not in self._members:
            raise BadPlace(where=name, why=N_("it is not there"))
        try:
            return cast(BinaryIO, self._zip.open(self._members[name]))
        except UNREADABLE as error:
            raise BadPlace(where=name, why=Said("it cannot be read: {why}", why=_why(error))) from None

    def close(self) -> None:
        """Close the ZIP."""
        self._zip.close()


class Below:
    """A part of a parcel, as a parcel: what lies below a folder of it."""

    def __init__(self, whole: Parcel, folder: str) -> None:
        self._whole, self._folder = whole, folder
        length = len(folder)
        self.files = {name[length:]: size for name, size in whole.files.items() if name.startswith(folder)}

    def open(self, name: str) -> BinaryIO:
        """As :class:`Parcel`."""
        return self._whole.open(self._folder + name)


def _why(error: BaseException) -> str:
    return printable(str(error))[:100] or type(error).__name__


@contextmanager
def opened(path: Path, file: BinaryIO | None = None) -> Iterator[Folder | Archive]:
    """The parcel at ``path``: a folder, a ZIP, or the folder in which one file lies that tells of the others.

    Args:
        path: where it lies; of ``file`` what it is called.
        file: the ZIP itself, where it lies nowhere; it can be sought in.

    Raises:
        BadParcel: it cannot be read safely.
        OSError: it cannot be read.
    """
    with ExitStack() as stack:
        try:
            if file is not None:
                parcel: Folder | Archive = Archive(file, path.name)
            elif path.is_dir():
                parcel = Folder(path)
            elif is_zip(path):
                parcel = Archive(stack.enter_context(path.open("rb")), path.name)
            else:
                parcel = Folder(path.absolute().parent, told_by=path.name)
        except BadPlace as error:
            raise BadParcel(path=path, why=error.said()) from None
        stack.callback(parcel.close)
        yield parcel


def is_zip(path: Path) -> bool:
    """Whether a file begins as a ZIP does."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\3\4", b"PK\5\6")


def _walk(path: Path, before: str, depth: int, *, passing: bool = False) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The files below a folder; ``passing``: folders that lie too deep or cannot be read are passed over."""
    if depth > MAX_DEPTH:
        if passing:
            return
        raise BadPlace(where=printable(before)[:100], why=N_("it lies too deep"))
    try:
        listed = os.scandir(path)
    except OSError:
        if passing and depth:
            return
        raise
    with listed as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{before}{entry.name}/", depth + 1, passing=passing)
            else:
                yield before + entry.name, entry


def _take_in(files: dict[str, int], name: str, size: int) -> None:
    parts = name.split("/")
    if {"", ".", ".."} & set(parts) or not name.isprintable() or not storable(name) or ":" in parts[0][1:2]:
        raise BadPlace(where=printable(name)[:100], why=N_("it is no safe name of a file"))
    if len(name) > MAX_NAME or len(parts) > MAX_DEPTH + 1:
        raise BadPlace(where=name[:100], why=N_("its path is too long"))
    if name in files:
        raise BadPlace(where=name[:100], why=N_("it is there twice"))
    if len(files) >= MAX_FILES:
        raise BadPlace(where=name[:100], why=Said("there are more than {n} files", n=MAX_FILES))
    files[name] = size


def _measure(file: BinaryIO, name: str) -> int:
    """Refuse a ZIP whose list of files would fill the memory, before it is read; how many bytes it has."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 22 - 20 - _COMMENT))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    record = tail[at : at + 22] if at >= 0 else b""
    if len(record) < 22:
        raise BadPlace(where=name, why=N_("it is no ZIP that is whole"))
    size = struct.unpack("<L", record[12:16])[0]
    locator = tail[max(at - 20, 0) : at]
    if locator[:4] == b"PK\6\7":
        file.seek(struct.unpack("<Q", locator[8:16])[0] % 2**62)
        size = max(size % 0xFFFFFFFF, *struct.unpack("<Q", (file.read(56)[40:48] + bytes(8))[:8]))
    if size > MAX_DIRECTORY:
        raise BadPlace(where=name, why=N_("its list of files is too long"))
    file.seek(0)
    return end


def text_of(parcel: Parcel, name: str, *, most: int = MAX_TEXT) -> bytes:
    """A file that is read whole.

    Raises:
        BadPlace: it is missing, too large, or cannot be read.
    """
    with parcel.open(name) as file:
        try:
            content = file.read(most + 1)
        except UNREADABLE as error:
            raise BadPlace(where=name, why=Said("it cannot be read: {why}", why=_why(error))) from None
    if len(content) > most:
        raise BadPlace(where=name, why=Said("it has more than {n} bytes", n=most))
    return content


def head_of(parcel: Parcel, name: str, size: int = 65536) -> bytes:
    """How a file begins; empty where it cannot be read."""
    try:
        with parcel.open(name) as file:
            return file.read(size)
    except (BadPlace, *UNREADABLE):
        return b""


class Reading:
    """A file of a parcel whose errors say where they are; of a ZIP's member, whose length and checksum are proved."""

    def __init__(self, parcel: Parcel, name: str) -> None:
        self._name, self._file = name, parcel.open(name)

    def read(self, size: int = -1) -> bytes:
        """As a file's.

        Raises:
            BadPlace: it cannot be read on.
        """
        try:
            return self._file.read(size)
        except UNREADABLE as error:
            raise BadPlace(where=self._name, why=Said("it cannot be read: {why}", why=_why(error))) from None

    def close(self) -> None:
        """Close it."""
        self._file.close()
