"""Answers that are written while they are sent: how many there may be at once, and how slowly they may be read.

Whoever reads slowly, or stops reading, holds the thread that writes to him. So there are threads for these beside those
that answer everything else (``site.gate``), each reader has a few of them, and one who reads hardly anything is let go.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from django.db import connections
from django.http import StreamingHttpResponse

from himaya.core.config import config
from himaya.core.errors import HimayaError

EACH = 2
"""Answers that one reader may be given at once by one process."""
GRACE, LEAST = 60.0, 1024
"""Seconds for which parts waited to be read, after which so many bytes of each had to be: an eighth of 64 kbit/s."""


class TooManyStreams(HimayaError):
    """{n} long answers are being read here already."""

    remedy = "Read those to their end, then ask again."
    status = 429


class ReadTooSlowly(HimayaError):
    """The answer was read by fewer than {n} bytes a second, and broken off."""


def most_of_all() -> int:
    """Answers that all readers together may be given at once by one process."""
    return config().web_streams


class Place:
    """One of the places, until it is left."""

    def __init__(self, reader: str) -> None:
        self.reader, self.given, self._left = reader, False, False

    def leave(self) -> None:
        """Give it back; a second time changes nothing."""
        with _LOCK:
            if not self._left:
                self._left = True
                _TAKEN[self.reader] -= 1
                if not _TAKEN[self.reader]:
                    del _TAKEN[self.reader]


_LOCK = threading.Lock()
_TAKEN = Counter[str]()


@contextmanager
def place(reader: str) -> Iterator[Place]:
    """A place for a long answer, kept beyond the block where :class:`Streamed` was given it.

    Args:
        reader: who is answered, as the ledger names actors and partners.

    Raises:
        TooManyStreams: this reader has all of his, or all are taken.
    """
    with _LOCK:
        for n, most in ((_TAKEN[reader], EACH), (_TAKEN.total(), most_of_all())):
            if n >= most:
                raise TooManyStreams(n=n)
        _TAKEN[reader] += 1
    taken = Place(reader)
    try:
        yield taken
    finally:
        if not taken.given:
            taken.leave()


class Streamed(StreamingHttpResponse):
    """An answer that is written while it is sent. It leaves its place when it is closed, as every server does."""

    def __init__(self, parts: Iterable[bytes], *, at: Place, **more: Any) -> None:
        """``parts`` of moderate size; ``more`` as Django has it."""
        super().__init__(paced(parts), **more)
        self._at, at.given = at, True

    def close(self) -> None:
        """End it."""
        try:
            super().close()
        finally:
            self._at.leave()


def paced(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same parts, as long as whoever takes them keeps up. What this server needs to make them is not his time.

    Raises:
        ReadTooSlowly: he does not; what the server makes of it ends the connection.
    """
    spent, size = 0.0, 0
    for part in parts:
        given = time.monotonic()
        yield part
        spent += time.monotonic() - given
        size += len(part)
        if spent > GRACE and size < LEAST * spent:
            raise ReadTooSlowly(n=LEAST)


PART = 64 * 1024


def written(write: Callable[[BinaryIO], object]) -> Iterator[bytes]:
    """What ``write`` writes into the file that it is given, in parts, while it writes; it stands in a thread.

    It waits where nobody takes the parts, and gets a ``BrokenPipeError`` where nobody will any more. An error of its
    own is raised here, after the parts before it.
    """
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with suppress(BrokenPipeError), os.fdopen(writing, "wb", buffering=PART) as to:
                write(to)
        except BaseException as error:  # noqa: BLE001 - raised by whoever takes the parts
            failed.append(error)
        finally:
            connections.close_all()

    worker = threading.Thread(target=work, name="written", daemon=True)
    with os.fdopen(reading, "rb", buffering=0) as parts:
        worker.start()
        while part := parts.read(PART):
            yield part
        worker.join()
    if failed:
        raise failed[0]
