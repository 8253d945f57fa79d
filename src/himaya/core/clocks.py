"""How well the time of day is known: what the kernel says of its own clock (Linux, ``adjtimex(2)``).

A time without its quality is no evidence (ISO/IEC 27037, 5.4.2): a chain of custody says beside each time that it
begins with whether something keeps the clock right, and how far off it may be.
"""

from __future__ import annotations

import ctypes
import struct
import sys

_SIZE = 1024
"""Bytes, more than ``struct timex`` has anywhere."""
_HEAD = struct.Struct("@Illlli")
"""Its beginning: modes, offset, frequency, greatest error, estimated error (µs), state."""
_UNSYNCHRONISED, _FAILED = 0x0040, -1


def quality() -> dict[str, str | int]:
    """What the kernel says of its clock.

    ``source``: ``synchronised`` (by NTP, PTP, or the machine that this one runs on), ``unsynchronised``, or ``system``
    where nobody can say; and, where it is synchronised, ``error_ms``: how far off it may be, in milliseconds.
    """
    if not sys.platform.startswith("linux"):
        return {"source": "system"}
    room = ctypes.create_string_buffer(_SIZE)  # all zero: nothing is asked to change
    try:
        told = ctypes.CDLL(None, use_errno=True).adjtimex(room)
    except (OSError, AttributeError):
        return {"source": "system"}
    if told == _FAILED:
        return {"source": "system"}
    _, _, _, greatest, _, state = _HEAD.unpack_from(room.raw)
    if state & _UNSYNCHRONISED:
        return {"source": "unsynchronised"}
    return {"source": "synchronised", "error_ms": -(-greatest // 1000)}
