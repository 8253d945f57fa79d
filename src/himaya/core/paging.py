"""Cursors: where a list goes on, in a form that a client passes back and does not read."""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from himaya.core.errors import BadCursor

_FORM = struct.Struct(">qI")
LARGEST = 2**63 - 1


def encode(kind: str, key: int) -> str:
    """The cursor after the row ``key`` (64-bit) of the listing ``kind``; 16 characters, safe in an address."""
    return base64.urlsafe_b64encode(_FORM.pack(key, _check(kind, key))).decode()


def decode(kind: str, cursor: str) -> int:
    """The key in a cursor of the listing ``kind``; 0 for the empty cursor, which is the beginning.

    Raises:
        BadCursor: it is not one, or one of another listing.
    """
    if not cursor:
        return 0
    try:
        key, check = _FORM.unpack(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, struct.error, ValueError):
        raise BadCursor(cursor=cursor[:80]) from None
    if check != _check(kind, key) or encode(kind, key) != cursor:
        raise BadCursor(cursor=cursor[:80])
    assert isinstance(key, int)
    return key


def _check(kind: str, key: int) -> int:
    """Not a secret: it tells a cursor of one listing from that of another, and from a mistyped one."""
    return zlib.crc32(f"{kind}:{key}".encode())


T_co = TypeVar("T_co", covariant=True)


class Rows(Protocol[T_co]):
    """What can be sliced lazily, such as a query set."""

    def __getitem__(self, part: slice, /) -> Iterable[T_co]: ...


def page(rows: Rows[T_co], kind: str, *, limit: int, key: Callable[[T_co], int]) -> tuple[list[T_co], str | None]:
    """The first ``limit`` rows, and the cursor after them: None where there are no more."""
    found = list(rows[: limit + 1])
    more = len(found) > limit
    shown = found[:limit]
    return shown, encode(kind, key(shown[-1])) if more else None
