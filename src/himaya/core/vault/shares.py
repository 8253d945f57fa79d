"""Keys that no single person has: a key is split into shares, of which some together give it again (Shamir, 1979).

Of ``count`` custodians any ``threshold`` open what the key opens; fewer know nothing of it, and neither does the node
once it has thrown the key away. Shamir's shares prove nothing of themselves, so each carries what it belongs to, and
a check value of the key: what comes out of shares that were mixed, changed or made up is refused.

The text of a share is ``himaya-share-1-`` and Base32 (RFC 4648, without padding; case, spaces, line breaks and hyphens
do not count), which says::

    16  the number of the set: shares that were made together
    1   threshold, 1 count, 1 the number of this share, from 1
    16  the check value: the beginning of the SHA-256 of "himaya share of a key 1", a line feed, the number of the set,
        threshold, count, what it opens, and the key
    33  the share, big endian: the value at its number of a polynomial modulo 2^256 + 297 that is the key at 0
    …   what it opens, in UTF-8
    4   the beginning of the SHA-256 of all that: a slip of the pen is found before anybody comes together
"""

from __future__ import annotations

import hashlib
import hmac
import re
import struct
from base64 import b32decode, b32encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import combinations
from uuid import UUID, uuid4

import shamirs

from himaya.core.errors import HimayaError
from himaya.core.vault import recipients
from himaya.core.vault.recipients import Identity, Recipient
from himaya.core.words import N_, Said

KEY = 32
MOST = 8
"""Custodians of a key."""
LONGEST = 200
"""Bytes of the name of what a key opens."""
PRIME = 2**256 + 297
"""The smallest above all keys of 32 bytes."""
_BEGIN = "himaya-share-1-"
_HEAD = struct.Struct(">16sBBB16s33s")
_SUM = 4
_LONGEST_TEXT = 2000


class NotShare(HimayaError):
    """This is no share of a key: {why}."""

    remedy = "Take it from where the custodian keeps it once more, whole, from himaya-share to its last character."
    status = 422


class NotJoined(HimayaError):
    """These shares do not open {opens}: {why}."""

    remedy = "Bring together shares of one set, one of each custodian, as many as it takes."
    status = 422


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a key. Its value is secret and shown nowhere but in :meth:`text`.

    Attributes:
        set: the number of the shares that were made together.
        threshold: how many of them give the key.
        count: how many were made.
        number: which of them this is, from 1.
        opens: what the key opens, as ``exhibit 6f1c…``.
        check: the check value of the key.
        value: secret.
    """

    set: UUID
    threshold: int
    count: int
    number: int
    opens: str
    check: bytes
    value: int = field(repr=False)

    def text(self) -> str:
        """As it is kept, in one line."""
        head = (self.set.bytes, self.threshold, self.count, self.number, self.check, self.value.to_bytes(33))
        body = _HEAD.pack(*head) + self.opens.encode()
        return _BEGIN + b32encode(body + hashlib.sha256(body).digest()[:_SUM]).decode().rstrip("=")


def split(key: bytes, *, opens: str, threshold: int, count: int) -> list[Share]:
    """Split a key (32 bytes, random) into ``count`` shares of which any ``threshold`` give it again.

    ``threshold`` is 2 at least, ``count`` :data:`MOST` at most, ``opens`` a line of :data:`LONGEST` bytes at most.
    """
    if len(key) != KEY or not 2 <= threshold <= count <= MOST:
        raise ValueError(f"a key of {KEY} bytes is split into 2 to {MOST} shares, of which 2 or more give it")
    if not opens.isprintable() or not 0 < len(opens.encode()) <= LONGEST:
        raise ValueError(f"what a key opens is named in a line of {LONGEST} bytes at most")
    together, secret = uuid4(), int.from_bytes(key)
    check = _check(key, together, threshold, count, opens)
    made = shamirs.shares(secret, count, modulus=PRIME, threshold=threshold)
    return [Share(together, threshold, count, one.index, opens, check, one.value) for one in made]


@dataclass(frozen=True, slots=True)
class Dealt:
    """What is left of a key that was split: shares that their custodians alone open.

    Attributes:
        set: the number of the shares that were made together.
        files: one for each custodian, in their order; share 1 is that of the first.
        digests: SHA-256 of the text of each share, in hexadecimal: one that is brought is known by it, and it gives
            away nothing of a share, which is 256 random bits.
    """

    set: UUID
    files: tuple[bytes, ...]
    digests: tuple[str, ...]


def deal(key: bytes, *, opens: str, threshold: int, custodians: Sequence[Recipient]) -> Dealt:
    """Split a key, a share for each custodian, each encrypted to its custodian alone (age).

    Whoever calls this keeps the files, or sends them, and forgets the key.

    Raises:
        ValueError: as of :func:`split`, or a custodian is named twice, who would count for two.
    """
    if len(set(custodians)) != len(custodians):
        raise ValueError("a custodian has one share")
    made = split(key, opens=opens, threshold=threshold, count=len(custodians))
    files = tuple(_closed(share, custodian) for share, custodian in zip(made, custodians, strict=True))
    return Dealt(made[0].set, files, tuple(digest(share) for share in made))


def digest(share: Share) -> str:
    """By what a share is known without being kept: the SHA-256 of its text, in hexadecimal."""
    return hashlib.sha256(share.text().encode()).hexdigest()


def _closed(share: Share, custodian: Recipient) -> bytes:
    file = BytesIO()
    recipients.encrypt(BytesIO(share.text().encode() + b"\n"), file, recipients=[custodian])
    return file.getvalue()


def take(file: bytes, identity: Identity) -> Share:
    """The share in a file of :func:`deal`, opened with the key of its custodian.

    Raises:
        NotOpened: it is that of another custodian, or damaged.
        NotShare: there is something else in it.
    """
    if len(file) > 4 * _LONGEST_TEXT:
        raise NotShare(why=N_("it is too long for one"))
    opened = BytesIO()
    recipients.decrypt(BytesIO(file), opened, identity=identity)
    return read(opened.getvalue().decode("ascii", "replace"))


def read(text: str) -> Share:
    """The share that a text is.

    Raises:
        NotShare: it is none, or has an error in it.
    """
    if len(text) > _LONGEST_TEXT:
        raise NotShare(why=N_("it is too long for one"))
    plain = re.sub(r"[\s-]", "", text).upper()
    begin = _BEGIN.replace("-", "").upper()
    if not plain.startswith(begin):
        raise NotShare(why=Said("it does not begin with {begin}", begin=_BEGIN))
    digits = plain.removeprefix(begin)
    try:
        whole = b32decode(digits + "=" * (-len(digits) % 8))
    except ValueError:
        raise NotShare(why=N_("a character is missing, or is none that occurs in a share")) from None
    body, told = whole[:-_SUM], whole[-_SUM:]
    if len(body) <= _HEAD.size or hashlib.sha256(body).digest()[:_SUM] != told:
        raise NotShare(why=N_("a character is missing or wrong"))
    together, threshold, count, number, check, value = _HEAD.unpack_from(body)
    share = Share(
        UUID(bytes=together), threshold, count, number, body[_HEAD.size :].decode("utf-8", "replace"), check,
        int.from_bytes(value),
    )  # fmt: skip
    fits = 2 <= threshold <= count <= MOST and 1 <= number <= count and share.value < PRIME
    if not fits or not share.opens.isprintable():
        raise NotShare(why=N_("it was made by something else than this: no set has such a share"))
    return share


def join(shares: Iterable[Share], *, opens: str) -> bytes:
    """The key that shares give together.

    Args:
        shares: of one set, each once, as many as it takes or more.
        opens: what the caller is about to open.

    Raises:
        NotJoined: they are of something else, or of several sets, or doubled, or too few; or what they give is not the
            key, because one of them is made up. Where there are more than it takes, that one is named.
    """
    given = sorted(shares, key=lambda share: share.number)
    if not given:
        raise NotJoined(opens=opens, why=N_("there are none"))
    first = given[0]
    if other := next((share for share in given if share.opens != opens), None):
        why = Said("share {number} opens {other}", number=other.number, other=other.opens)
        raise NotJoined(opens=opens, why=why)
    if any(_same(share) != _same(first) for share in given):
        raise NotJoined(opens=opens, why=N_("they are not of one set: the key was split more than once"))
    numbers = [share.number for share in given]
    if doubled := next((number for number in numbers if numbers.count(number) > 1), 0):
        raise NotJoined(opens=opens, why=Said("share {number} is there twice", number=doubled))
    if len(given) < first.threshold:
        why = Said("they are {given}, and it takes {threshold}", given=len(given), threshold=first.threshold)
        raise NotJoined(opens=opens, why=why)
    key = _key(given)
    if key is None:
        raise NotJoined(opens=opens, why=_culprits(given))
    return key


def _same(share: Share) -> tuple[object, ...]:
    return share.set, share.threshold, share.count, share.opens, share.check


def _key(given: Sequence[Share]) -> bytes | None:
    """What they give; None where that is not the key."""
    points = [shamirs.share(share.number, share.value, PRIME) for share in given]
    secret, one = shamirs.interpolate(points), given[0]
    if secret >> (8 * KEY):
        return None
    key = secret.to_bytes(KEY)
    check = _check(key, one.set, one.threshold, one.count, one.opens)
    return key if hmac.compare_digest(check, one.check) else None


def _culprits(given: list[Share]) -> str:
    """Who is at fault, where the others are enough to tell: at most 70 tries."""
    threshold = given[0].threshold
    good = next((some for some in combinations(given, threshold) if _key(some) is not None), None)
    if good is None:
        return N_("what they give is not the key: at least one of them is made up, or was changed")
    bad = [share.number for share in given if share not in good and _key([*good, share]) is None]
    return Said("made up or changed are: {numbers}. The others suffice", numbers=", ".join(map(str, bad)))


def _check(key: bytes, together: UUID, threshold: int, count: int, opens: str) -> bytes:
    about = together.bytes + bytes([threshold, count]) + opens.encode()
    return hashlib.sha256(b"himaya share of a key 1\n" + about + key).digest()[:16]
