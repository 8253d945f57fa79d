"""Sealed files: bytes of any size under one key, in constant memory, each part authenticated in its place.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", CRYPTO 2015) over AES-256-GCM. A file is a header of 32 bytes::

    8   b"HIMAYAx" and the version, 1
    16  the number of the exhibit (a UUID)
    7   random: the beginning of every nonce
    1   the binary logarithm of the size of a part, 20

and parts, each of 1 MiB but for the last, which is shorter or empty, with a tag of 16 bytes behind it. The nonce of a
part is the seven bytes, its number in four, and whether it is the last one; the header is authenticated with each. So a
part that is changed, missing, doubled, moved or of another file does not open, and neither does a file that was cut.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said

MAGIC = b"HIMAYAx\x01"
HEADER = struct.Struct(">8s16s7sB")
LOG = 20
PART = 1 << LOG
"""Bytes of a part."""
TAG = 16
MOST_PARTS = (1 << 32) - 1
"""Parts that a nonce can number: 4 PiB."""
KEY = 32
DIGESTS = ("md5", "sha1", "sha256", "sha512")
"""What courts and others who keep evidence ask for; the two older ones identify, and prove nothing."""


class NotSealed(HimayaError):
    """This is not the sealed file of exhibit {exhibit}: {why}."""

    status = 422


class SealBroken(HimayaError):
    """The sealed file of exhibit {exhibit} does not open at byte {at}: it was changed or cut, or has another key."""

    remedy = "Nothing behind that place can be trusted. Have it repaired from the second store, or from a backup."
    status = 500
    exit_code = 3


@dataclass(frozen=True, slots=True)
class Seal:
    """What is known of a thing once it is sealed.

    Attributes:
        size: bytes of the thing.
        digests: name → digest of the thing, in hexadecimal.
        stored: bytes of the sealed file.
        stored_sha256: of the sealed file: whoever has no key can still find that it rots.
    """

    size: int
    digests: Mapping[str, str]
    stored: int
    stored_sha256: str


def new_key() -> bytes:
    """A key for one exhibit."""
    return secrets.token_bytes(KEY)


def stored_size(size: int) -> int:
    """Bytes of the sealed file of a thing of ``size`` bytes."""
    return HEADER.size + size + TAG * (size // PART + 1)


def seal(
    source: BinaryIO,
    to: BinaryIO,
    *,
    key: bytes,
    exhibit: UUID,
    digests: Collection[str] = DIGESTS,
    on_progress: Callable[[int], object] = lambda _: None,
) -> Seal:
    """Seal what ``source`` gives, to its end. The caller sees to it that ``to`` lasts.

    Args:
        source: read once, in parts.
        to: written once.
        key: 32 bytes, for this exhibit and no other.
        exhibit: its number.
        digests: which to work out on the way (names of hashlib).
        on_progress: called with the bytes that were sealed so far.

    Raises:
        NotSealed: it has more than :data:`MOST_PARTS` parts.
        OSError: as the files raise it.
    """
    begin = secrets.token_bytes(7)
    header = HEADER.pack(MAGIC, exhibit.bytes, begin, LOG)
    cipher, seen = AESGCM(key), {name: hashlib.new(name, usedforsecurity=False) for name in digests}
    written, size = hashlib.sha256(header), 0
    to.write(header)
    for number, (part, last) in enumerate(_parts(source)):
        if number > MOST_PARTS:
            raise NotSealed(exhibit=exhibit, why=N_("it is larger than a sealed file can be"))
        for one in seen.values():
            one.update(part)
        closed = cipher.encrypt(_nonce(begin, number, last=last), part, header)
        written.update(closed)
        to.write(closed)
        size += len(part)
        on_progress(size)
    told = {name: one.hexdigest() for name, one in seen.items()}
    return Seal(size, told, stored_size(size), written.hexdigest())


def unseal(source: BinaryIO, *, key: bytes, exhibit: UUID, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The thing, or a range of it, in parts of at most 1 MiB, each verified before it is given.

    What comes without an error is what was sealed, in its place. That nothing is missing is known when the iterator
    ends, where it goes to the end.

    Args:
        source: the sealed file; one that can seek where ``start`` is not 0.
        key: what it was sealed with.
        exhibit: its number.
        start: the first byte of the range; at most the size of the thing.
        stop: the byte behind the range; None: to the end.

    Raises:
        NotSealed: it is no sealed file, or that of another exhibit.
        SealBroken: a part does not open.
    """
    header, begin = _header(source, exhibit)
    cipher, number, size = AESGCM(key), start // PART, PART + TAG
    if number:
        source.seek(HEADER.size + number * size)
    skip, place, last = start % PART, number * PART, False
    while not last and (stop is None or place < stop):
        part = _whole(source, size)
        last = len(part) < size  # only the last one is not full
        try:
            opened = cipher.decrypt(_nonce(begin, number, last=last), part, header)
        except (InvalidTag, OverflowError, ValueError):
            raise SealBroken(exhibit=exhibit, at=HEADER.size + number * size) from None
        yield opened[skip : None if stop is None else stop - place]
        number, skip, place = number + 1, 0, place + PART


def _header(source: BinaryIO, exhibit: UUID) -> tuple[bytes, bytes]:
    header = _whole(source, HEADER.size)
    if len(header) < HEADER.size:
        raise NotSealed(exhibit=exhibit, why=N_("it is shorter than a header"))
    magic, number, begin, log = HEADER.unpack(header)
    if magic != MAGIC or log != LOG:
        raise NotSealed(exhibit=exhibit, why=N_("its header is none that is known here"))
    if number != exhibit.bytes:
        raise NotSealed(exhibit=exhibit, why=Said("it is that of exhibit {other}", other=str(UUID(bytes=number))))
    return header, begin


def _parts(source: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """All parts, and of each whether it is the last: the only one that is not full, so that no length is read twice."""
    while len(part := _whole(source, PART)) == PART:
        yield part, False
    yield part, True


def _whole(source: BinaryIO, size: int) -> bytes:
    """So many bytes, or all that are left: a pipe gives less at a time than it was asked for."""
    part = source.read(size)
    if not part or len(part) == size:
        return part
    pieces, left = [part], size - len(part)
    while left and (more := source.read(left)):
        pieces.append(more)
        left -= len(more)
    return b"".join(pieces)


def _nonce(begin: bytes, number: int, *, last: bool) -> bytes:
    return begin + number.to_bytes(4) + bytes([last])
