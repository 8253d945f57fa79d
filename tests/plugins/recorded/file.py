"""A CSV file at an address: with ETag and ranges, as web servers give files; a second version lacks some rows."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.sources import Answer, Asked, Source

HEADER = "signal,value,scheme,code,source,reference,note\r\n"


def value(n: int) -> str:
    return hashlib.sha256(f"row {n}".encode()).hexdigest()


def csv(numbers: Any) -> bytes:
    """Every third row has no reference."""
    rows = (f"sha256,{value(n)},,,,{key(n) if n % 3 else ''},\r\n" for n in numbers)
    return (HEADER + "".join(rows)).encode()


def key(n: int) -> str:
    return f"ref-{n}" if n % 3 else f"sha256:{value(n)}"


class Recorded(Source):
    """``content`` of the file by round; ``validators``: how it tells its versions apart; ``head``: whether it does."""

    first = tuple(key(n) for n in range(1500))
    second = tuple(key(n) for n in range(1, 1500))
    withdrawn = key(0)
    path = "/lists/hashes.csv"
    head = True
    ranges = True

    def __init__(self) -> None:
        super().__init__()
        self.content = {1: csv(range(1500)), 2: csv(range(1, 1500))}

    def config(self, url: str) -> dict[str, Any]:
        return {"address": url + self.path}

    def validators(self) -> dict[str, str]:
        return {"ETag": f'"{hashlib.sha256(self.content[self.round]).hexdigest()[:16]}"'}

    def answer(self, asked: Asked) -> Answer:
        if asked.path != self.path:
            return Answer(status=404)
        if asked.method == "HEAD" and not self.head:
            return Answer(status=405)
        content, told = self.content[self.round], self.validators()
        wanted = asked.headers.get("range", "")
        same = asked.headers.get("if-range") in told.values()
        if self.ranges and wanted.startswith("bytes=") and same:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            place = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return Answer(content[start:], status=206, headers={**told, "Content-Range": place})
        return Answer(content, headers=told)
