"""A MISP feed: three events, then a round in which one of them is gone, one has lost an attribute and one is new."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.sources import Answer, Asked, Source

from himaya.core import misp


def name(what: str) -> str:
    return str(uuid.uuid5(misp.NAMESPACE, f"test:{what}"))


def event(key: str, *attributes: str, at: int = 1_767_225_600) -> dict[str, Any]:
    told = [
        {"uuid": name(one), "type": "md5", "value": uuid.uuid5(misp.NAMESPACE, one).hex, "timestamp": str(at)}
        for one in attributes
    ]
    return {"Event": {"uuid": name(key), "info": key, "timestamp": str(at), "Attribute": told, "Tag": []}}


FIRST = [event("first", "a", "b"), event("second", "c", "d"), event("third", "e")]
SECOND = [event("first", "a", "b"), event("second", "d", at=1_767_300_000), event("fourth", "f")]


class Recorded(Source):
    first = tuple(name(one) for one in "abcde")
    second = tuple(name(one) for one in "abdf")
    withdrawn = name("c")

    def config(self, url: str) -> dict[str, Any]:
        return {"address": f"{url}/feed/"}

    def events(self) -> dict[str, dict[str, Any]]:
        return {one["Event"]["uuid"]: one for one in (FIRST if self.round == 1 else SECOND)}

    def answer(self, asked: Asked) -> Answer:
        events = self.events()
        if asked.path == "/feed/manifest.json":
            told = {
                key: {"info": one["Event"]["info"], "timestamp": one["Event"]["timestamp"]}
                for key, one in events.items()
            }
            return Answer(json.dumps(told))
        found = events.get(asked.path.removeprefix("/feed/").removesuffix(".json"))
        return Answer(json.dumps(found)) if found else Answer(status=404)
