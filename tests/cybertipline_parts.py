"""Files as they come to the CyberTipline, and what is refused."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.message import Message
from typing import IO


class Refused(Exception):
    """Answered with a code other than 0, and a status."""

    def __init__(self, code: int, why: str, status: int = 400) -> None:
        self.code, self.why, self.status = code, why, status
        super().__init__(why)


@dataclass(frozen=True)
class Upload:
    """A file of a report."""

    report_id: str
    md5: str
    sha256: str
    size: int


class Parts:
    """A body of ``multipart/form-data``, of which the part ``file`` is the last, read without keeping it."""

    def __init__(self, stream: IO[bytes], length: int, kind: str) -> None:
        message = Message()
        message["Content-Type"] = kind
        self._stream, self._left = stream, length
        self._line = f"--{message.get_param('boundary', '')}".encode()

    def read(self) -> Upload:
        fields: dict[str, str] = {}
        if self._next().rstrip(b"\r\n") != self._line:
            raise Refused(4000, "no boundary")
        while True:
            heads = b""
            while (line := self._next()) not in (b"\r\n", b""):
                heads += line
            name = re.search(rb'name="([^"]*)"', heads)
            if not name:
                raise Refused(4000, "a part without a name")
            if name[1] == b"file":
                return self._file(fields.get("id", ""))
            value = b""
            while (line := self._next()).rstrip(b"\r\n") != self._line:
                if not line:
                    raise Refused(4000, "cut off")
                value += line
            fields[name[1].decode()] = value.decode().strip()

    def _next(self) -> bytes:
        line = self._stream.readline(min(self._left, 65_536) + 1) if self._left else b""
        self._left -= len(line)
        return line

    def _file(self, report_id: str) -> Upload:
        end = b"\r\n" + self._line + b"--\r\n"
        size = self._left - len(end)
        md5, sha256, left = hashlib.md5(usedforsecurity=False), hashlib.sha256(), size
        while left > 0:
            piece = self._stream.read(min(left, 65_536))
            if not piece:
                raise Refused(1111, "File upload failed", 500)
            md5.update(piece)
            sha256.update(piece)
            left -= len(piece)
        if size < 0 or self._stream.read(len(end)) != end:
            raise Refused(4200, "the file does not end where it should")
        return Upload(report_id, md5.hexdigest(), sha256.hexdigest(), size)
