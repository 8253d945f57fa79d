"""One bucket, asked; an object that is written in parts, and one that is read through cuts of the line."""

from __future__ import annotations

import hashlib
import io
import secrets
import time
from base64 import b64encode
from typing import Any, cast
from uuid import UUID

from himaya.core.buckets import ATTEMPTS, MISSING, BucketRefused, client, code
from himaya.core.vault.stores.port import AlreadyStored, StoreFailed
from himaya.core.words import N_

MOST_PARTS = 10_000
"""Parts of an object: as many as S3 takes."""
_TOKEN = "himaya-writing"  # noqa: S105 - the name of a mark
_EXISTS = {"PreconditionFailed", "412"}


class Server:
    """The calls of S3 about one bucket; what goes wrong is said in our words."""

    def __init__(self, place: str, bucket: str, endpoint: str) -> None:
        self.place, self._bucket, self._endpoint = place, bucket, endpoint

    def ask(self, call: str, **asked: object) -> Any:
        """What the server answers.

        Raises:
            StoreFailed: it refuses, or does not answer; ``code`` is its own word.
            MissingExtra: the library is not installed.
        """
        try:
            server = client(self._endpoint)
        except BucketRefused as error:
            raise StoreFailed(place=self.place, why=error.facts["why"], code="Settings") from None
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(server, call)(Bucket=self._bucket, **asked)
        except (BotoCoreError, ClientError, OSError) as error:
            why = code(error)
            raise StoreFailed(place=self.place, why=why, code=why) from None  # a cause may quote an address

    def head(self, key: str, version: str = "") -> dict[str, Any] | None:
        """What the server says of an object; None: there is none."""
        try:
            found = self.ask("head_object", Key=key, **({"VersionId": version} if version else {}))
        except StoreFailed as error:
            if error.facts["code"] in MISSING:
                return None
            raise
        return cast(dict[str, Any], found)

    def abort(self, key: str, number: str) -> None:
        """Have nothing stay of an object that is being written."""
        try:
            self.ask("abort_multipart_upload", Key=key, UploadId=number)
        except StoreFailed as error:
            if error.facts["code"] != "NoSuchUpload":
                raise


def _sum(part: bytes) -> str:
    return b64encode(hashlib.sha256(part).digest()).decode()


class Upload(io.RawIOBase):
    """An object that is being written: in one request where it is small, else in parts."""

    def __init__(self, server: Server, key: str, part: int, *, over: bool, terms: dict[str, object]) -> None:
        self._server, self._key, self._size, self._terms = server, key, part, terms
        self._if = {} if over else {"IfNoneMatch": "*"}
        self._token = secrets.token_hex(16)
        self._held, self._written, self._number = bytearray(), 0, ""
        self._parts: list[dict[str, object]] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, part: Any) -> int:
        """As a file's, but for that it takes all.

        Raises:
            StoreFailed: the server does not take it.
        """
        given = memoryview(part).cast("B")
        self._held += given
        self._written += len(given)
        while len(self._held) >= self._size:
            self._send(bytes(memoryview(self._held)[: self._size]))
            del self._held[: self._size]
        return len(given)

    def _send(self, part: bytes) -> None:
        if not self._number:
            begun = self._server.ask(
                "create_multipart_upload", Key=self._key, ChecksumAlgorithm="SHA256", **self._about()
            )
            self._number = begun["UploadId"]
        if len(self._parts) == MOST_PARTS:
            raise StoreFailed(place=self._server.place, why=N_("the file is larger than it takes"), code="TooLarge")
        number, digest = len(self._parts) + 1, _sum(part)
        about = {"Key": self._key, "UploadId": self._number, "PartNumber": number}
        answer = self._server.ask("upload_part", Body=part, ChecksumSHA256=digest, **about)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest})

    def end(self, name: UUID) -> None:
        """Have all of it stand.

        Raises:
            AlreadyStored: somebody was faster.
            StoreFailed: the server does not take it, or has something else then.
        """
        try:
            self._stand()
        except StoreFailed as error:  # what is tried again after an answer was lost finds itself
            if not self._stands():
                if error.facts["code"] in _EXISTS:
                    raise AlreadyStored(name=name, place=self._server.place) from None
                raise
        if not self._stands():
            raise StoreFailed(place=self._server.place, why=N_("it does not have what it acknowledged"), code="Lost")

    def _stand(self) -> None:
        if not self._number:
            body = bytes(self._held)
            self._server.ask(
                "put_object", Key=self._key, Body=body, ChecksumSHA256=_sum(body), **self._about(), **self._if
            )
            return
        if self._held:
            self._send(bytes(self._held))
        about = {"Key": self._key, "UploadId": self._number, "MultipartUpload": {"Parts": self._parts}}
        self._server.ask("complete_multipart_upload", **about, **self._if)

    def _stands(self) -> bool:
        found = self._server.head(self._key) or {}
        same = found.get("Metadata", {}).get(_TOKEN) == self._token
        return bool(same and found["ContentLength"] == self._written)

    def abort(self) -> None:
        """Have nothing of it stay."""
        if self._number:
            self._server.abort(self._key, self._number)

    def _about(self) -> dict[str, object]:
        return {"Metadata": {_TOKEN: self._token}, "ContentType": "application/octet-stream", **self._terms}


class Reading(io.RawIOBase):
    """An object, read in one answer as long as nobody seeks and nothing breaks, always the same version."""

    def __init__(self, server: Server, key: str, found: dict[str, Any]) -> None:
        self._server, self._size, self._at, self._body = server, int(found["ContentLength"]), 0, cast(Any, None)
        version = {"VersionId": found["VersionId"]} if "VersionId" in found else {}
        self._asked = {"Key": key, "IfMatch": found["ETag"], **version}

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As a file's."""
        at = max(offset + (0, self._at, self._size)[whence], 0)
        if at != self._at:
            self._drop()
        self._at = at
        return at

    def readinto(self, into: Any) -> int:
        """As a file's; where the line is cut, it is asked on from there.

        Raises:
            StoreFailed: it cannot be had.
        """
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        wanted = min(len(into), self._size - self._at)
        if wanted <= 0:
            return 0
        for attempt in range(ATTEMPTS):
            try:
                if self._body is None:
                    self._body = self._server.ask("get_object", Range=f"bytes={self._at}-", **self._asked)["Body"]
                if piece := self._body.read(wanted):
                    into[: len(piece)] = piece
                    self._at += len(piece)
                    return len(piece)
                why = "EndOfBody"
            except (BotoCoreError, HTTPError, OSError) as error:
                why = code(error)
            self._drop()
            time.sleep(0.1 * 2**attempt)
        raise StoreFailed(place=self._server.place, why=why, code=why)

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        """As a file's."""
        self._drop()
        super().close()
