"""Another Himaya: a signed repository of a list, in two states; the second takes one item back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.repositories import KEY, ORGANISATION, TERMS, Keys, full, new_repository, said
from tests.sources import Answer, Asked, Source

from himaya.core.repository.files import write_delta
from himaya.core.statements import Statement

FIRST = said(1500)
GONE = FIRST[3]
LATER = said(2, seed=2)


def key(one: Statement) -> str:
    return f"{one.signal}:{one.value}@{one.organisation}"


class Recorded(Source):
    first = tuple(key(one) for one in FIRST)
    second = tuple(key(one) for one in (*FIRST, *LATER) if one != GONE)
    withdrawn = key(GONE)

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp())
        self._made, self._root = new_repository(self._folder / "repository", Keys())
        self._made.publish(ORGANISATION, full(self._folder / "files", 1, FIRST))
        self._told = 1

    def config(self, url: str) -> dict[str, Any]:
        return {"address": f"{url}/exchange/himaya/{KEY[0]}", "key": "a key", "root": self._root.decode()}

    def answer(self, asked: Asked) -> Answer:
        if self.round == 2 and self._told == 1:
            self._told = 2
            back = Statement(ORGANISATION, "LU", "retract", GONE.signal, GONE.value, at=GONE.at, reason="Taken back.")
            path = self._folder / "delta.gz"
            write_delta(path, [back, *LATER], terms=TERMS, organisation=ORGANISATION, since=1, sequence=2)
            self._made.publish(ORGANISATION, path)
        if asked.headers.get("authorization") != "Bearer a key":
            return Answer(status=401)
        found = self._made.store.served(asked.path.removeprefix(f"/exchange/himaya/{KEY[0]}/"))
        return Answer(status=404) if found is None else Answer(found.read_bytes())
