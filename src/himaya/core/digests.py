"""Digests: fingerprints of bytes that match exactly, and the ways in which other people write them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from functools import cached_property
from typing import ClassVar, Literal

from himaya.core.contents import Content
from himaya.core.errors import BadSignal, NotHashable
from himaya.core.ports import CANONICAL, Fingerprint, Media, Options, SignalExample, SignalType
from himaya.core.words import N_, Said

_HEX = re.compile(r"[0-9a-fA-F]+")


def read(text: str, *, size: int) -> bytes:
    """The ``size`` bytes that ``text`` writes in hexadecimal, base64 (RFC 4648 section 4) or base32 (section 6).

    Exchanges differ: most write hexadecimal, NCMEC and Arachnid base64 and base32 in places. The length tells which.

    Raises:
        ValueError: with what is wrong, for a person.
    """
    text = text.strip()
    if not text:
        raise ValueError(N_("it is empty"))
    # A digest in base32 that has hexadecimal digits alone is a thing of chance below 1e-11: it is another digest.
    if _HEX.fullmatch(text):
        if len(text) != 2 * size:
            raise ValueError(Said("it has {n} hexadecimal digits, {wanted} are needed", n=len(text), wanted=2 * size))
        return bytes.fromhex(text)
    for length, read_one in ((4 * -(-size // 3), _base64), (8 * -(-size // 5), _base32)):
        if len(text) == length and len(value := read_one(text)) == size:
            return value
    if len(text) == 2 * size:
        raise ValueError(N_("it has other characters than hexadecimal digits"))
    why = Said("it has {n} characters, {wanted} hexadecimal digits are needed", n=len(text), wanted=2 * size)
    raise ValueError(why)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _base32(text: str) -> bytes:
    try:
        return base64.b32decode(text, casefold=True)
    except (binascii.Error, ValueError):
        return b""


def hamming(one: str, other: str) -> int:
    """In how many bits two hexadecimal values of one length differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


class Digest(SignalType):
    """A signal that is the digest of all bytes: equal or different, nothing between."""

    media: ClassVar[Media] = "any"
    radius: ClassVar[int] = 0
    max_radius: ClassVar[int] = 0
    algorithm: ClassVar[Literal["md5", "sha1", "sha256"]]
    abc: ClassVar[str]
    """The digest of the three bytes ``abc``, from the standard's own test vectors."""

    def compute(self, content: Content, options: Options = CANONICAL) -> tuple[Fingerprint, ...]:
        """Digest ``content``; an empty file is refused, for all empty files are alike."""
        if not content.size:
            raise NotHashable(signal=self.name, why=N_("the file is empty"))
        return (Fingerprint(self.name, content.digest(self.algorithm)),)

    def parse(self, text: str) -> str:
        """Lower-case hexadecimal, from hexadecimal, base64 or base32."""
        try:
            value = read(text, size=self.bits // 8).hex()
        except ValueError as error:
            raise BadSignal(signal=self.name, value=text[:80], why=error.args[0]) from None
        if value == self._of_nothing:
            why = N_("it is the digest of an empty file, and would match every empty file")
            raise BadSignal(signal=self.name, value=text[:80], why=why)
        return value

    def distance(self, one: str, other: str) -> int:
        """In how many bits they differ: 0, or a number without meaning."""
        return hamming(one, other)

    def examples(self) -> tuple[SignalExample, ...]:
        """The standard's own test vector."""
        return (SignalExample(b"abc", self.abc),)

    @cached_property
    def _of_nothing(self) -> str:
        return self._new().hexdigest()

    def _new(self) -> hashlib._Hash:
        return hashlib.new(self.algorithm, usedforsecurity=False)
