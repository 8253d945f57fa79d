"""Project Arachnid Shield: answers about PDQ hashes."""

from __future__ import annotations

import base64
import json
from typing import Any, ClassVar

from tests.sources import Answer, Asked, Source

LOGIN = "Basic " + base64.b64encode(b"node:Shield pass").decode()


def coded(value: str) -> str:
    return base64.b64encode(bytes.fromhex(value)).decode()


def result(classification: str, match: str | None = None) -> dict[str, Any]:
    return {
        "classification": classification,
        "match_type": match,
        "near_match_details": [],
        "is_match": match is not None,
    }


class Recorded(Source):
    known = (
        "32b290b6aaa22cefb42b0bbd5b23bc98d5e8ab2832125abd4a6db55a98858a62",
        "04585aa5b3e7b215cbb62e41938e618f89728db4f9beec3f13e2c39a2a1cb870",
    )
    unknown = (
        "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22",
        "9b3a0f5e1c2d4b6a79880f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a",
    )
    answers: ClassVar[dict[str, dict[str, Any]]] = {
        coded(known[0]): result("csam", "exact"),
        coded(known[1]): result("harmful-abusive-material", "near"),
        coded(unknown[1]): result("test", "exact"),
    }

    def config(self, url: str) -> dict[str, Any]:
        return {"address": url, "user": "node", "password": "Shield pass"}

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != LOGIN:
            return Answer('{"detail": "Invalid username/password."}', status=401)
        if (asked.method, asked.path) != ("POST", "/v1/pdq/"):
            return Answer('{"detail": "Not found."}', status=404)
        hashes = json.loads(asked.body)["hashes"]
        return Answer(
            json.dumps({"scanned_hashes": {one: self.answers.get(one, result("no-known-match")) for one in hashes}})
        )
