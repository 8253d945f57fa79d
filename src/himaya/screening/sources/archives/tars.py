"""Tar (POSIX.1-2001 pax, GNU), plain or packed, read by Python's own reader."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any, BinaryIO, cast

from himaya.screening.fingerprinting import LINK, NOT_A_FILE, Skipped
from himaya.screening.sources.archives.members import DAMAGED, METHOD, PIECE, Guarded, Member, Purse
from himaya.screening.sources.places import Unread

GZIP, BZIP2, XZ, ZSTD = b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
PACKED = (GZIP, BZIP2, XZ, ZSTD)
BLOCK = tarfile.BLOCKSIZE
HEADERS = 256 * 1024
"""Bytes of one member's headers, long names and attributes included."""
LEAST = 2048
"""What a read costs at least: a header takes longer to read than it is long."""
MEMORY = 128 * 1024**2
"""What an unpacker may take: xz -9 needs 65 MiB."""


def is_header(head: bytes) -> bool:
    """Whether a tar begins so."""
    return head[257:262] == b"ustar"


def read(file: BinaryIO, head: bytes, purse: Purse) -> Iterator[Member | None]:
    """The members, one after the other, None for a folder; none where something is packed that is no tar.

    Raises:
        Unread: it is damaged, or unpacks to more than is paid for.
    """
    if is_header(head):
        yield from _read(Guarded(file))
        return
    file.seek(0)
    stream = Unpacked(_unpacker(file, head), purse)
    if is_header(stream.read(BLOCK)):
        stream.seek(0)
        yield from _read(stream)


def _read(stream: Guarded) -> Iterator[Member | None]:
    archive: Any  # its list of members is not in the types
    with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:", encoding="utf-8") as archive:
        while True:
            stream.allow(HEADERS)
            info = archive.next()
            archive.members.clear()  # it keeps them all; there may be many
            if info is None:
                break
            name = info.name.encode("utf-8", "surrogateescape")
            unpack = partial(_unpack, archive, info, stream)
            yield None if info.isdir() else Member(name, info.size, _unfit(info), unpack)
    if stream.last.strip(b"\0"):  # it takes a header that is none for the end
        raise Unread(Skipped(DAMAGED))


def _unfit(info: tarfile.TarInfo) -> Skipped | None:
    if info.issym() or info.islnk():
        return Skipped(LINK)
    if not info.isreg():
        return Skipped(NOT_A_FILE)
    return Skipped(METHOD, "sparse") if info.issparse() else None  # holes take no room there, and do here


def _unpack(archive: tarfile.TarFile, info: tarfile.TarInfo, stream: Guarded) -> Iterator[bytes]:
    stream.allow(info.size + BLOCK)
    file = archive.extractfile(info)
    left = info.size
    while file is not None and left and (piece := file.read(min(PIECE, left))):
        left -= len(piece)
        yield piece
    if left:
        raise EOFError


class Unpacked(Guarded):
    """What a packed file unpacks to, from its beginning to its end; it can be sought back to what was read last."""

    def __init__(self, stream: BinaryIO, purse: Purse) -> None:
        self._stream, self._purse = stream, purse
        self._read = self._at = 0
        self.last = b""
        self.allow(HEADERS)

    def read(self, size: int = -1) -> bytes:
        """Read on.

        Raises:
            Unread: it is more than is allowed or paid for.
        """
        self.spend(HEADERS if size < 0 else size)
        again = self.last[len(self.last) - (self._read - self._at) :] if self._at < self._read else b""
        found = again[:size]
        if len(found) < size:
            found += self._next(size - len(found))
            self.last = found
        self._at += len(found)
        return found

    def _next(self, size: int) -> bytes:
        pieces = []
        while size and (piece := self._stream.read(min(size, PIECE))):
            self._purse.pay(max(len(piece), LEAST))
            pieces.append(piece)
            size -= len(piece)
            self._read += len(piece)
        return b"".join(pieces)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go on to a place, or back to one that was just read.

        Raises:
            Unread: it lies elsewhere.
        """
        if whence != io.SEEK_SET or offset < self._read - len(self.last):
            raise Unread(Skipped(DAMAGED))
        while offset > self._read:
            self.last = self._next(min(offset - self._read, PIECE))
            if not self.last:
                break
        self._at = min(offset, self._read)
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at


def _unpacker(file: BinaryIO, head: bytes) -> BinaryIO:
    """A file that unpacks piece by piece, in bounded memory.

    Raises:
        Unread: it is packed in a way for which nothing is installed.
    """
    if head.startswith(GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if head.startswith(BZIP2):
        return cast(BinaryIO, bz2.BZ2File(file))
    if head.startswith(XZ):
        return cast(BinaryIO, _Xz(file, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)))
    try:
        import zstandard
    except ImportError as error:
        raise Unread(Skipped(METHOD, "zstd")) from error
    return cast(
        BinaryIO, zstandard.ZstdDecompressor(max_window_size=MEMORY).stream_reader(file, read_across_frames=True)
    )


class _Xz:
    """Python's LZMAFile, with a limit on memory: the file says how much is to be set aside."""

    def __init__(self, file: BinaryIO, begin: Callable[[], Any]) -> None:
        self._file, self._begin, self._at_work = file, begin, begin()

    def read(self, size: int) -> bytes:
        """The next bytes, not always as many."""
        while True:
            if self._at_work.eof:
                rest = self._at_work.unused_data.lstrip(b"\0") or self._file.read(PIECE // 16).lstrip(b"\0")
                if not rest:
                    return b""
                self._at_work = self._begin()
            else:
                rest = self._file.read(PIECE // 16) if self._at_work.needs_input else b""
                if not rest and self._at_work.needs_input:
                    raise EOFError
            if piece := self._at_work.decompress(rest, size):
                return bytes(piece)
