"""Buckets of S3 and of what speaks as it does. Address, region and credentials come from where Amazon's tools look."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, BinaryIO, TypeVar, cast

from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.screening.fingerprinting import NO_PERMISSION, TOO_LARGE, UNREADABLE, VANISHED, Skipped
from himaya.screening.sources import archives
from himaya.screening.sources.places import Parts, Place, Unread

AT_ONCE = 32
"""Objects that are being fetched side by side."""
ATTEMPTS = 5
PIECE = 4 * 1024**2
"""Bytes that are fetched together of an archive, which is not fetched whole."""
_MISSING = {"404", "NoSuchKey", "NotFound"}
_DENIED = {"403", "AccessDenied", "Forbidden"}
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="s3")
T = TypeVar("T")


class MissingExtra(HimayaError):
    """{what} needs a library that is not installed."""

    remedy = "Install it: pip install 'himaya[{extra}]'"
    exit_code = 3


class NotABucket(HimayaError):
    """{root!r} names no bucket."""

    remedy = "Write it as in s3://bucket or s3://bucket/prefix."


class BucketRefused(HimayaError):
    """The bucket {bucket} cannot be listed: {why}."""

    remedy = (
        "Check its name, the endpoint (--s3-endpoint), and the credentials and the region (AWS_… in the environment)."
    )
    exit_code = 3


def named(root: str) -> tuple[str, str]:
    """Bucket and prefix of ``s3://bucket/prefix``.

    Raises:
        NotABucket: it is written otherwise.
    """
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    if not root.startswith("s3://") or not bucket or "\0" in root:
        raise NotABucket(root=root)
    return bucket, prefix


@cache
def client(endpoint: str) -> Any:
    """A client of this process, which many threads may use.

    Raises:
        MissingExtra: the library is not installed.
        BucketRefused: the settings of the environment are none.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise MissingExtra(what=N_("A bucket"), extra="s3") from error
    config = Config(
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        max_pool_connections=AT_ONCE,
        connect_timeout=10,
        read_timeout=60,
        response_checksum_validation="when_required",
    )
    try:
        return boto3.Session().client("s3", endpoint_url=endpoint or None, config=config)
    except (BotoCoreError, ValueError) as error:
        raise BucketRefused(bucket=endpoint or "S3", why=type(error).__name__) from None


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
            if (size := self._size(key)) is not None:
                yield self._place(key, size)
            more = {"StartAfter": key}
        listed = client(self._endpoint).get_paginator("list_objects_v2").paginate
        pages = iter(listed(Bucket=self._bucket, Prefix=self._prefix, **more))
        while (page := self._asked(partial(next, pages, None))) is not None:
            for found in page.get("Contents", ()):
                if not (found["Key"].endswith("/") and found["Size"] == 0):
                    yield self._place(found["Key"], found["Size"])

    def archive(self, place: Place) -> BinaryIO | None:
        """The object, where it is called as archives are: to look at the content of each would cost a request more."""
        if not place.path.lower().endswith(tuple(name.encode() for name in archives.NAMES)):
            return None
        file = io.BufferedReader(_Object(place.path, place.size, self._endpoint), PIECE)
        try:
            fits = archives.may_be(file.peek(archives.HEAD)[: archives.HEAD])
        except Unread:  # whoever reads it whole will say so
            fits = False
        return cast(BinaryIO, file) if fits else None

    def _place(self, key: str, size: int) -> Place:
        name = key.encode("utf-8", "surrogatepass")
        return Place((self._number, (name,)), b"s3://%s/%s" % (self._bucket.encode(), name), size=size)

    def _size(self, key: str) -> int | None:
        """What the object measures; None where it is gone."""
        try:
            found = self._asked(partial(client(self._endpoint).head_object, Bucket=self._bucket, Key=key))
        except BucketRefused as refused:
            if refused.facts.get("code") in _MISSING:
                return None
            raise
        return int(found["ContentLength"])

    def _asked(self, ask: Callable[[], T]) -> T:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return ask()
        except (ClientError, BotoCoreError) as error:
            code = _code(error)
            raise BucketRefused(bucket=self._bucket, why=code, code=code) from None  # a cause may quote an address


def _code(error: Exception) -> str:
    """What went wrong, in S3's own word, or the library's. Never its message, which may hold what nobody is to read."""
    told = getattr(error, "response", {}).get("Error", {}).get("Code")
    return str(told or type(error).__name__)[:100]


class _Object(io.RawIOBase):
    """An object, of which pieces are fetched as they are asked for."""

    def __init__(self, path: bytes, size: int, endpoint: str) -> None:
        self._path, self._size, self._endpoint, self._at = path, size, endpoint, 0

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
            Unread: it cannot be fetched.
        """
        last = min(self._at + len(into), self._size) - 1
        if last < self._at:
            return 0
        found = _fetched(self._path, last - self._at + 1, self._endpoint, f"bytes={self._at}-{last}")
        into[: len(found)] = found
        self._at += len(found)
        return len(found)


def fetch(places: Sequence[Place], *, endpoint: str, max_bytes: int) -> list[bytes | Skipped]:
    """The content of objects, side by side, in their order; what is too large is not asked for."""
    client(endpoint)  # made by one thread
    return list(_threads.map(partial(_content, endpoint=endpoint, max_bytes=max_bytes), places))


def _content(place: Place, *, endpoint: str, max_bytes: int) -> bytes | Skipped:
    if place.size > max_bytes:
        return Skipped(TOO_LARGE, f"{place.size} bytes; at most {max_bytes} are read")
    try:
        return _fetched(place.path, max_bytes, endpoint)
    except Unread as error:
        return error.skipped


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
            raise Unread(_why(_code(error))) from None
        except (BotoCoreError, HTTPError, OSError) as error:
            if attempt == ATTEMPTS - 1:
                raise Unread(Skipped(UNREADABLE, _code(error))) from None
            time.sleep(0.1 * 2**attempt)
    raise AssertionError


def _why(code: str) -> Skipped:
    if code in _MISSING:
        return Skipped(VANISHED)
    return Skipped(NO_PERMISSION) if code in _DENIED else Skipped(UNREADABLE, code)
