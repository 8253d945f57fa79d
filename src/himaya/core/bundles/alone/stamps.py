"""Reads time stamps (RFC 3161): of what they are, and of when. Who signed them is for ``openssl ts -verify``."""

from __future__ import annotations

import re
from typing import NamedTuple

from himaya.core.vault.verifier import NotProved

MAX_STAMP = 256 * 1024
_SEQUENCE, _SET, _OID, _INTEGER, _OCTETS, _TIME, _ZERO = 0x30, 0x31, 0x06, 0x02, 0x04, 0x18, 0xA0
_SIGNED = bytes.fromhex("2a864886f70d010702")
_TST = bytes.fromhex("2a864886f70d0109100104")
_HASHES = {
    bytes.fromhex("608648016503040201"): ("sha256", 32),
    bytes.fromhex("608648016503040202"): ("sha384", 48),
    bytes.fromhex("608648016503040203"): ("sha512", 64),
}


class Stamp(NamedTuple):
    """What a time stamp says: ``imprint`` (hexadecimal) of ``algorithm`` was there ``at``. ``bare``: a token alone."""

    algorithm: str
    imprint: str
    at: str
    bare: bool


def read_stamp(content: bytes) -> Stamp:
    """A time stamp from its file: a reply of a time-stamping authority, or the token in it.

    Raises:
        NotProved: it is none.
    """
    try:
        whole = _only(content, _SEQUENCE)
        first = _parts(whole)
        bare = first[0] == (_OID, _SIGNED)
        if not bare:
            status = _parts(_is(first[0], _SEQUENCE))[0]
            if status not in ((_INTEGER, b"\0"), (_INTEGER, b"\1")) or len(first) != 2:
                raise ValueError("the authority refused to stamp it")
            first = _parts(_is(first[1], _SEQUENCE))
        return _token(first, bare)
    except (ValueError, IndexError, OverflowError) as error:
        raise NotProved(f"it is no time stamp of RFC 3161: {error}") from None


def _token(parts: list[tuple[int, bytes]], bare: bool) -> Stamp:
    if parts[0] != (_OID, _SIGNED) or len(parts) != 2:
        raise ValueError("it holds no signed data")
    signed = _parts(_only(_is(parts[1], _ZERO), _SEQUENCE))
    about = _parts(_is(signed[2], _SEQUENCE))
    if about[0] != (_OID, _TST):
        raise ValueError("what is signed is no time stamp")
    info = _parts(_only(_only(_is(about[1], _ZERO), _OCTETS), _SEQUENCE))
    algorithm, imprint = _parts(_is(info[2], _SEQUENCE))
    named = _parts(_is(algorithm, _SEQUENCE))[0]
    name, size = _HASHES.get(_is(named, _OID), ("", 0))
    digest = _is(imprint, _OCTETS)
    if not name or len(digest) != size:
        raise ValueError("it is over a digest that is none of SHA-256, SHA-384 and SHA-512")
    at = re.fullmatch(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z", _is(info[4], _TIME))
    if at is None:
        raise ValueError("it tells no time")
    year, month, day, hour, minute, second = (one.decode() for one in at.groups())
    return Stamp(name, digest.hex(), f"{year}-{month}-{day}T{hour}:{minute}:{second}Z", bare)


def _parts(content: bytes) -> list[tuple[int, bytes]]:
    """What lies in DER, one after another, as (tag, content)."""
    found, at = [], 0
    while at < len(content):
        tag, length, at = content[at], content[at + 1], at + 2
        if tag & 0x1F == 0x1F or length == 0x80 or length > 0x84:
            raise ValueError("it is not DER")
        if length > 0x80:
            count = length - 0x80
            length, at = int.from_bytes(content[at : at + count], "big"), at + count
        if at + length > len(content):
            raise ValueError("it is cut off")
        found.append((tag, content[at : at + length]))
        at += length
    return found


def _is(part: tuple[int, bytes], tag: int) -> bytes:
    if part[0] != tag:
        raise ValueError("a part of it is another one than there should be")
    return part[1]


def _only(content: bytes, tag: int) -> bytes:
    parts = _parts(content)
    if len(parts) != 1:
        raise ValueError("it has more than one part")
    return _is(parts[0], tag)
