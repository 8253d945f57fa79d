"""Where a repository is read from: over HTTP here, out of one file in ``bundle``. Neither knows what it should say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import IO, Protocol

from tuf.api import exceptions
from tuf.api.metadata import Metadata, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface

from himaya.core.outward import Client, TooMuch
from himaya.core.repository.distrust import OtherList
from himaya.core.repository.states import MAX_METADATA, list_of
from himaya.core.words import printable

_ROOT = re.compile(r"metadata/[0-9]+\.root\.json")


class Absent(Exception):
    """There is no such file."""


class Longer(Exception):
    """It is longer than it may be."""


class Origin(Protocol):
    """Where a repository is read from. ``name`` is for people."""

    name: str

    def small(self, path: str, most: int) -> bytes:
        """A file that fits into memory.

        Raises:
            Absent, Longer: there is none; it has more than ``most`` bytes.
            HimayaError: it cannot be read.
        """

    def large(self, path: str, to: IO[bytes], length: int, on_progress: Callable[[int], object]) -> None:
        """Append to ``to``, which holds the beginning of a file already, what is missing of it.

        Raises:
            Absent, Longer: there is none; it has more than ``length`` bytes.
            HimayaError: it cannot be read; what has come stays in ``to``.
        """


class Line:
    """Over HTTP, by the guarded client.

    Args:
        url: the repository's address; ``metadata/`` and ``targets/`` are below it.
        client: for it.
        headers: sent with every request, to prove who we are.
        auth: user and password, for HTTP Basic.
    """

    def __init__(
        self,
        url: str,
        client: Client,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> None:
        self.name = self._url = url.rstrip("/")
        self._client, self._headers, self._auth = client, dict(headers or {}), auth

    def small(self, path: str, most: int) -> bytes:
        """See :class:`Origin`."""
        # Whether there is a newer root is asked every time, and stores of files say 403 of what they do not have.
        missing = (403, 404) if _ROOT.fullmatch(path) else (404,)
        how = {"headers": self._headers, "auth": self._auth}
        try:
            reply = self._client.get(f"{self._url}/{path}", most=most, expect=(200, *missing), **how)
        except TooMuch as error:
            raise Longer(error.facts["why"]) from None
        if reply.status in missing:
            raise Absent(path)
        return reply.content

    def large(self, path: str, to: IO[bytes], length: int, on_progress: Callable[[int], object]) -> None:
        """See :class:`Origin`; what was cut off goes on where it was (RFC 9110, ranges)."""
        how = {"headers": self._headers, "auth": self._auth, "on_progress": on_progress}
        try:
            self._client.download(f"{self._url}/{path}", to, most=length, **how)  # type: ignore[arg-type]
        except TooMuch as error:
            raise Longer(error.facts["why"]) from None


class Fetcher(FetcherInterface):
    """Hands TUF's client the files of an origin. ``last`` is the role that was asked for last.

    A timestamp of another list than ``of`` is not handed on: the client would remember its version, and what is of the
    right one would be a rollback from then on. To look before it is verified is enough: what it says is signed.
    """

    def __init__(self, origin: Origin, of: str = "") -> None:
        self._origin, self._of, self.last = origin, of, ""

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError  # files of lists are not fetched by it

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """A metadata file."""
        name = url.rpartition("/")[2].removesuffix(".json")
        self.last = name.partition(".")[2] or name
        try:
            content = self._origin.small(url, min(max_length, MAX_METADATA))
        except Absent:
            raise exceptions.DownloadHTTPError(f"{name} is missing", 404) from None
        except Longer as error:
            raise exceptions.DownloadLengthMismatchError(f"{name}: {error}") from None
        if name == "timestamp" and self._of:
            self._refuse_another(content)
        return content

    def _refuse_another(self, timestamp: bytes) -> None:
        with suppress(DeserializationError):  # the client says so
            other = list_of(Metadata[Timestamp].from_bytes(timestamp).signed)
            if other and other != self._of:
                raise OtherList(source=self._origin.name, other=printable(other), list=self._of)
