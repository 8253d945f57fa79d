"""A TAXII 2.1 collection: three pages of two objects, then a round in which one indicator is revoked, one is new."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.sources import Answer, Asked, Source

from himaya.core import stix

TYPE = "application/taxii+json;version=2.1"
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LOGIN = "Basic " + base64.b64encode(b"node:word").decode()


def indicator(key: str, **how: Any) -> dict[str, Any]:
    signals = [("md5", stix.identifier("x", key)[3:].replace("-", ""))]
    return stix.indicator(signals, stix.Terms(), key=key, **{"created": AT, "modified": AT, **how})


def time(n: int) -> str:
    return (AT + timedelta(seconds=n)).isoformat(timespec="microseconds").replace("+00:00", "Z")


KEYS = {key: indicator(key)["id"] for key in "abcde"}
FIRST = [
    (1, stix.identity()), (2, indicator("a")), (3, indicator("b")), (3, indicator("c")), (4, indicator("d")),
]  # fmt: skip
SECOND = [
    (10, indicator("a", modified=AT + timedelta(days=1), revoked=True)), (11, indicator("e")), (12, stix.extension()),
]  # fmt: skip


class Recorded(Source):
    first = tuple(KEYS[key] for key in "abcd")
    second = tuple(KEYS[key] for key in "bcde")
    withdrawn = KEYS["a"]
    page = 2

    def config(self, url: str) -> dict[str, Any]:
        return {"api_root": f"{url}/api1/", "collection": COLLECTION, "user": "node", "password": "word"}

    def objects(self) -> list[tuple[int, dict[str, Any]]]:
        return FIRST + (SECOND if self.round == 2 else [])

    def answer(self, asked: Asked) -> Answer:
        told: dict[str, Any]
        if asked.headers.get("authorization") != LOGIN:
            return Answer(status=401)
        if asked.headers.get("accept") != TYPE:
            return Answer(status=406)
        if (asked.path, asked.method) == (f"/api1/collections/{COLLECTION}/", "GET"):
            told = {"id": COLLECTION, "title": "Known material", "can_read": True, "can_write": False}
            return Answer(json.dumps(told), headers={"Content-Type": TYPE})
        if asked.path != f"/api1/collections/{COLLECTION}/objects/" or asked.method != "GET":
            return Answer(status=404)
        after = asked.query.get("added_after", "")
        things = [(at, thing) for at, thing in self.objects() if time(at) > after]
        start = int(asked.query.get("next", "0"))
        some = things[start : start + min(self.page, int(asked.query["limit"]))]
        told = {"more": start + len(some) < len(things)}
        if told["more"]:
            told["next"] = str(start + len(some))
        if some:
            told["objects"] = [thing for _, thing in some]
        headers = {"Content-Type": TYPE}
        if some:
            headers |= {"X-TAXII-Date-Added-First": time(some[0][0]), "X-TAXII-Date-Added-Last": time(some[-1][0])}
        return Answer(json.dumps(told), headers=headers)
