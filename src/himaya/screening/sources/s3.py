"""The objects of buckets, as places of a scan (:mod:`himaya.core.buckets`)."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO, TypeVar, cast

from himaya.core.buckets import AT_ONCE, ATTEMPTS, DENIED, MISSING, BucketRefused, client, code, named
from himaya.core.contents import HEAD
from himaya.screening.fingerprinting import NO_PERMISSION, TOO_LARGE, UNREADABLE, VANISHED, Skipped
from himaya.screening.sources import archives
from himaya.screening.sources.archives.members import TOO_MANY
from himaya.screening.sources.places import Most, Parts, Place, Spooled, Unread

PIECE = 4 * 1024**2
"""Bytes that are fetched together of what is not fetched whole."""
TIMES, BESIDES = 2, 64 * 1024**2
"""Of an archive, so many times its size are fetched and so much besides: its tables lead here and there."""
_ARCHIVES = tuple(name.encode() for name in archives.NAMES)
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="s3")
T = TypeVar("T")


class Bucket:
    """The objects of a bucket whose keys begin with a prefix, in the order in which the server lists them.

    That order, and that the server goes on after a key, is all that resuming relies on.
    """

    def __init__(self, number: int, root: bytes, endpoint: str) -> None:
        self._number, self._endpoint = number, endpoint
        self._bucket, self._prefix = named(root.decode())

    def places(self, since: Parts | None) -> Iterator[Place]:
        """Every object. Those that stand for a folder are none.

        Raises:
            BucketRefused: it cannot be listed.
        """
        more: dict[str, str] = {}
        if since:
            key = since[0].decode()
            if _named_as_archive(since[0]) and (size := self._size(key)) is not None:  # else it is done
                yield self._place(key, size)
            more = {"StartAfter": key}
        listed = client(self._endpoint).get_paginator("list_objects_v2").paginate
        pages = iter(listed(Bucket=self._bucket, Prefix=self._prefix, **more))
        while (page := self._asked(partial(next, pages, None))) is not None:
            for found in page.get("Contents", ()):
                if not (found["Key"].endswith("/") and found["Size"] == 0):
                    yield self._place(found["Key"], found["Size"])

    def archive(self, place: Place, most: Most) -> tuple[Place, BinaryIO | None]:
        """The object is one where it is called as archives are: to look at the content of each would cost a request
        more. A small one is fetched whole, once for both: what it is, and what lies in it.
        """
        if not _named_as_archive(place.path):
            return place, None
        try:
            if place.size <= most.file:
                content = _fetched(place.path, most.file, self._endpoint)
                place, file = replace(place, content=content), cast(BinaryIO, io.BytesIO(content))
            else:
                object_ = _Object(place.path, place.size, self._endpoint, TIMES * place.size + BESIDES)
                file = cast(BinaryIO, io.BufferedReader(object_, PIECE))
            fits = archives.may_be(file.read(archives.HEAD))
        except Unread as error:
            return replace(place, skipped=error.skipped), None
        return place, file if fits else None

    def _place(self, key: str, size: int) -> Place:
        name = key.encode("utf-8", "surrogatepass")
        return Place((self._number, (name,)), b"s3://%s/%s" % (self._bucket.encode(), name), size=size)

    def _size(self, key: str) -> int | None:
        """What the object measures; None where it is gone, or may not be read."""
        try:
            found = self._asked(partial(client(self._endpoint).head_object, Bucket=self._bucket, Key=key))
        except BucketRefused as refused:
            if refused.facts.get("code") in MISSING | DENIED:
                return None
            raise
        return int(found["ContentLength"])

    def _asked(self, ask: Callable[[], T]) -> T:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return ask()
        except (ClientError, BotoCoreError) as error:
            why = code(error)
            raise BucketRefused(bucket=self._bucket, why=why, code=why) from None  # a cause may quote an address


def _named_as_archive(path: bytes) -> bool:
    return path.lower().endswith(_ARCHIVES)


class _Object(io.RawIOBase):
    """An object, of which pieces are fetched as they are asked for, ``most`` bytes in all."""

    def __init__(self, path: bytes, size: int, endpoint: str, most: int) -> None:
        self._path, self._size, self._endpoint, self._left, self._at = path, size, endpoint, most, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As a file's."""
        self._at = max(offset + (0, self._at, self._size)[whence], 0)
        return self._at

    def readinto(self, into: Any) -> int:
        """As a file's.

        Raises:
            Unread: it cannot be fetched, or too much of it was.
        """
        last = min(self._at + len(into), self._size) - 1
        if last < self._at:
            return 0
        self._left -= last - self._at + 1
        if self._left < 0:
            raise Unread(Skipped(TOO_MANY))
        found = _fetched(self._path, last - self._at + 1, self._endpoint, f"bytes={self._at}-{last}")
        into[: len(found)] = found
        self._at += len(found)
        return len(found)


def fetch(
    places: Sequence[Place], *, endpoint: str, most: Most, on_progress: Callable[[str, float], None] = lambda *_: None
) -> list[bytes | Spooled | Skipped]:
    """The content of objects, side by side, in their order.

    ``on_progress`` is told of those that are fetched in pieces: the path, and the share that is done.
    """
    client(endpoint)  # made by one thread
    return list(_threads.map(partial(_content, endpoint=endpoint, most=most, tell=on_progress), places))


def _content(
    place: Place, *, endpoint: str, most: Most, tell: Callable[[str, float], None]
) -> bytes | Spooled | Skipped:
    try:
        return most.taken(_pieces(place, endpoint, most, tell), place.size)
    except Unread as error:
        return error.skipped


def _pieces(place: Place, endpoint: str, most: Most, tell: Callable[[str, float], None]) -> Iterator[bytes]:
    """All of an object that is small; else its first bytes, and then the rest."""
    if place.size <= most.file:
        yield _fetched(place.path, most.file, endpoint)
        return
    file = _Object(place.path, place.size, endpoint, place.size)
    yield file.read(HEAD) or b""
    while piece := file.read(PIECE):
        tell(os.fsdecode(place.path), file.tell() / place.size)
        yield piece


def _fetched(path: bytes, most: int, endpoint: str, part: str = "") -> bytes:
    """The bytes of an object. The library tries a request again; that a body breaks off is ours to try again.

    Raises:
        Unread: they cannot be had, or there are more than ``most``.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    bucket, key = named(path.decode("utf-8", "surrogatepass"))
    asked = {"Bucket": bucket, "Key": key, **({"Range": part} if part else {})}
    for attempt in range(ATTEMPTS):
        try:
            answer = client(endpoint).get_object(**asked)
            with answer["Body"] as body:
                if answer["ContentLength"] > most:
                    raise Unread(Skipped(TOO_LARGE, f"at most {most} bytes are read"))
                return bytes(body.read())
        except ClientError as error:
            raise Unread(_why(code(error))) from None
        except (BotoCoreError, HTTPError, OSError) as error:
            if attempt == ATTEMPTS - 1:
                raise Unread(Skipped(UNREADABLE, code(error))) from None
            time.sleep(0.1 * 2**attempt)
    raise AssertionError


def _why(code: str) -> Skipped:
    if code in MISSING:
        return Skipped(VANISHED)
    return Skipped(NO_PERMISSION) if code in DENIED else Skipped(UNREADABLE, code)
