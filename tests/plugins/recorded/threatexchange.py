"""Meta ThreatExchange: two pages of updates, then a round with both kinds of tombstones."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.sources import Answer, Asked, Source

TOKEN = "1234567890|aBcDeFgHiJkLmNoPqRsTuVwXyZ+/12"
OURS = "1234567890"
GROUP = 777
PDQ = "32b290b6aaa22cefb42b0bbd5b23bc98d5e8ab2832125abd4a6db55a98858a62"
OTHER = "04585aa5b3e7b215cbb62e41938e618f89728db4f9beec3f13e2c39a2a1cb870"
MD5 = "900150983cd24fb0d6963f7d28e17f72"


def descriptor(number: str, owner: str, status: str = "MALICIOUS", *tags: str, **more: Any) -> dict[str, Any]:
    found = {"data": [{"id": "20", "text": tag} for tag in tags]}
    return {"id": number, "owner": {"id": owner}, "status": status, "tags": found, **more}


def update(number: str, value: str, kind: str, at: Any, *descriptors: Any, deleted: bool = False) -> dict[str, Any]:
    told = {"id": number, "indicator": value, "type": kind, "last_updated": at, "should_delete": deleted}
    return {**told, "descriptors": {"data": list(descriptors)}} if descriptors else told


FIRST = (
    [
        update("1", PDQ, "HASH_PDQ", 1760000000, descriptor("101", "10", "MALICIOUS", "demo")),
        update("2", MD5, "HASH_VIDEO_MD5", 1760000001, descriptor("102", "10")),
    ],
    [
        update("3", OTHER, "HASH_PDQ", 1760000002, descriptor("103", "11")),
        update("4", "https://example.org/1", "URI", 1760000003, descriptor("104", "11")),
    ],
)
SECOND = (
    [update("1", PDQ, "HASH_PDQ", 1760000100, descriptor("101", "10"), deleted=True)],
    [update("2", MD5, "HASH_VIDEO_MD5", 1760000101)],
)


class Recorded(Source):
    first = ("1", "2", "3", "4")
    second = ("3", "4")
    withdrawn = "1"

    def config(self, url: str) -> dict[str, Any]:
        return {"address": f"{url}/v21.0", "access_token": TOKEN, "privacy_group": GROUP}

    def answer(self, asked: Asked) -> Answer:
        told = {**asked.query, **dict(parse_qsl(asked.body.decode()))}
        if told.get("access_token") != TOKEN:
            error = {"message": "Invalid OAuth access token.", "type": "OAuthException", "code": 190}
            return Answer(json.dumps({"error": error}), status=400)
        if asked.method == "POST":
            return Answer('{"success": true}')
        if asked.path == f"/v21.0/{GROUP}/threat_updates/":
            return self.updates(asked)
        return self.indicator(asked.path.rpartition("/")[2])

    def updates(self, asked: Asked) -> Answer:
        if self.round == 2 and asked.query.get("start_time") != str(1760000003 - 60):
            return Answer(status=500)
        pages = FIRST if self.round == 1 else SECOND
        at = int(asked.query.get("after", "0"))
        return self.page(pages[at], asked, at + 1 if at + 1 < len(pages) else None)

    def page(self, updates: list[Any], asked: Asked, following: int | None) -> Answer:
        """As the Graph API writes it: the address of the next page has the token in it."""
        paging: dict[str, Any] = {"cursors": {"after": "abc"}}
        if following is not None:
            paging["next"] = f"{self.url}{asked.path}?{urlencode({**asked.query, 'after': following})}"
        return Answer(json.dumps({"data": updates, "paging": paging}))

    def indicator(self, number: str) -> Answer:
        found = next((one for page in FIRST for one in page if one["id"] == number), None)
        return Answer(json.dumps({"id": number, **({"descriptors": found["descriptors"]} if found else {})}))
