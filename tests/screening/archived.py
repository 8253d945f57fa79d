"""Archives for tests, good ones and hostile ones, made by code."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable

import zstandard

Contents = dict[str, bytes]


def zipped(contents: Contents, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(contents: Contents, *, pack: str = "", more: Iterable[tarfile.TarInfo] = ()) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in more:
            archive.addfile(info)
    return PACKERS[pack](out.getvalue())


PACKERS = {
    "": lambda content: content,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A link, a device, a pipe …"""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def encrypted(content: bytes) -> bytes:
    """A zip whose flags say that its members are encrypted."""
    found = bytearray(content)
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        where = found.find(magic)
        while where >= 0:
            found[where + at] |= 1
            where = found.find(magic, where + 4)
    return bytes(found)


def overlapping(copies: int, *, size: int) -> bytes:
    """A zip of many names for one and the same zeros: small, and large when it is unpacked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(size)
    packed = packer.compress(zeros) + packer.flush()
    crc = zlib.crc32(zeros)
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 33, crc, len(packed), size, 1, 0) + b"a" + packed
    table = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, crc, len(packed), size, 1, 0, 0, 0, 0, 0, 0)
        + b"a"
        for _ in range(copies)
    )
    end = struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, min(copies, 0xFFFF), min(copies, 0xFFFF), len(table), len(local), 0
    )
    return local + table + end


def nested(levels: int, width: int, *, size: int) -> bytes:
    """Zips in zips, so many in each; in the innermost, zeros."""
    content = zipped({"zeros": bytes(size)})
    for _ in range(levels):
        content = zipped({f"{n}.zip": content for n in range(width)})
    return content


def many_headers(number: int) -> bytes:
    """A tar of so many long names, one for another, and no file."""
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 1
    return (name.tobuf(tarfile.GNU_FORMAT) + b"a" + bytes(511)) * number
