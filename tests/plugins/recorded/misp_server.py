"""A MISP server: two pages, then a round in which one attribute is deleted and one is new."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.sources import Answer, Asked, Source

from himaya.core import misp
from himaya.plugins.exchanges import misp_server

AT = 1_767_225_600
KEY = "aBcDeF0123456789aBcDeF0123456789aBcDeF01"


def attribute(n: int, at: int = AT, **more: Any) -> dict[str, Any]:
    value = uuid.uuid5(misp.NAMESPACE, str(n)).hex
    return {"id": str(n), "uuid": name(n), "type": "md5", "value": value, "timestamp": str(at + n), **more}


def name(n: int) -> str:
    return str(uuid.uuid5(misp.NAMESPACE, f"test:{n}"))


FIRST = [attribute(n) for n in range(misp_server.PAGE_SIZE + 5)]
SECOND = [attribute(0, AT + 100_000, deleted=True), *FIRST[1:], attribute(5000, AT + 100_000)]


class Recorded(Source):
    first = tuple(name(n) for n in range(len(FIRST)))
    second = (*first[1:], name(5000))
    withdrawn = name(0)

    def config(self, url: str) -> dict[str, Any]:
        return {"address": url, "key": KEY}

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != KEY:
            return Answer(status=403)
        if (asked.method, asked.path) == ("GET", "/servers/getVersion"):
            return Answer(json.dumps({"version": "2.5.34"}))
        if (asked.method, asked.path) != ("POST", "/attributes/restSearch"):
            return Answer(status=404)
        question = json.loads(asked.body)
        since = int(question.get("timestamp", 0))
        found = [one for one in (FIRST if self.round == 1 else SECOND) if int(one["timestamp"]) >= since]
        start = (question["page"] - 1) * question["limit"]
        return Answer(json.dumps({"response": {"Attribute": found[start : start + question["limit"]]}}))
