"""What is fingerprinted: bytes in memory, or an open file of any length; and what its first bytes claim it to be."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from functools import cached_property

HEAD = 400
"""Bytes that :func:`sniff` looks at: three packets of an MPEG transport stream."""
_PIECE = 1024 * 1024
USUAL = frozenset({"md5", "sha1", "sha256"})
"""Digests that are computed together, in one reading: lists are kept by each of them."""


class Content:
    """Bytes to fingerprint, read in pieces or whole. Whoever reads begins anew: :meth:`file` is at its beginning."""

    def __init__(self, source: bytes | io.BufferedIOBase, progress: Callable[[float], None] = lambda _: None) -> None:
        """Bytes, or a file that can be sought in; the file stays its opener's to close.

        ``progress`` is told by whoever reads for long how much is done: 0 to 1, now and then.
        """
        self.progress = progress
        self._file: io.BufferedIOBase = io.BytesIO(source) if isinstance(source, bytes) else source
        self.size = self._file.seek(0, os.SEEK_END)
        """Bytes, as it was found: a file that grows is read this far."""
        self._digests: dict[str, str] = {}

    def file(self) -> io.BufferedIOBase:
        """All of it, at its beginning. One reader at a time."""
        self._file.seek(0)
        return self._file

    @cached_property
    def whole(self) -> bytes:
        """All of it in memory: for pictures, whose size is limited, and for nothing else."""
        return self.file().read(self.size)

    def digest(self, algorithm: str) -> str:
        """The digest of all of it in hexadecimal, by hashlib's name. The usual ones take one reading together."""
        if algorithm not in self._digests:
            self._digests |= self._digested({algorithm, *USUAL})
        return self._digests[algorithm]

    def _digested(self, algorithms: set[str]) -> dict[str, str]:
        hashers = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
        file, left = self.file(), self.size
        while left and (piece := file.read(min(_PIECE, left))):
            for hasher in hashers.values():
                hasher.update(piece)
            left -= len(piece)
            self.progress(1 - left / self.size)
        return {name: hasher.hexdigest() for name, hasher in hashers.items()}

    @cached_property
    def media_type(self) -> str:
        """What :func:`sniff` says of it."""
        return sniff(self.file().read(HEAD))


def sniff(content: bytes) -> str:
    """The media type that the first bytes claim; ``application/octet-stream`` where they claim nothing known.

    A claim is not a proof: only :func:`decode` knows whether it is a picture.
    """
    if not content:
        return "application/x-empty"
    for offset, magic, media_type in _MAGIC:
        if content.startswith(magic, offset):
            return media_type
    if content[4:8] == b"ftyp":  # ISO/IEC 14496-12: the brand tells pictures from films
        return _BRANDS.get(content[8:12], "video/3gpp" if content[8:10] == b"3g" else "video/mp4")
    if content[4:8] in _ATOMS:  # QuickTime before there was ftyp
        return "video/quicktime"
    if content[:4] == b"RIFF":
        return _RIFF.get(content[8:12], UNKNOWN)
    if content[:4] == b"OggS":
        return "video/ogg" if b"\x80theora" in content[:HEAD] else "application/ogg"
    if content[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in content[:64] else "video/x-matroska"
    if any(content[start::step][:3] == b"GGG" for start, step in ((0, 188), (4, 192))):  # ISO/IEC 13818-1: sync bytes
        return "video/mp2t"
    return next((kind for offset, magic, kind in _PACKED if content.startswith(magic, offset)), UNKNOWN)


UNKNOWN = "application/octet-stream"


_MAGIC = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\x01\xba", "video/mpeg"),
    (0, b"\0\0\x01\xb3", "video/mpeg"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"DKIF\0\0", "video/x-ivf"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
)
_PACKED = (
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (257, b"ustar", "application/x-tar"),
)
"""Looked for last: what may be shown as a picture or a video is taken for one, whatever stands further on."""
ARCHIVES = frozenset({"application/zip", *(media_type for _, _, media_type in _PACKED)})
"""Media types of what other files are packed in."""
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "image/heic"),
    **dict.fromkeys((b"mif1", b"msf1"), "image/heif"),
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
}
_ATOMS = (b"moov", b"mdat", b"wide")
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo", b"WAVE": "audio/wav"}
