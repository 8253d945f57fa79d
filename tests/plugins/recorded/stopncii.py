"""StopNCII: two pages, then a round in which one record is withdrawn and another deleted."""

from __future__ import annotations

import json
from typing import Any

from tests.sources import Answer, Asked, Source

PDQ = "32b290b6aaa22cefb42b0bbd5b23bc98d5e8ab2832125abd4a6db55a98858a62"
OTHER = "04585aa5b3e7b215cbb62e41938e618f89728db4f9beec3f13e2c39a2a1cb870"
MD5 = "900150983cd24fb0d6963f7d28e17f72"


def record(value: str, kind: Any, status: Any, at: Any, **more: Any) -> dict[str, Any]:
    cases = {"77777777-2222-4333-8444-555555555555": status}
    told = {"lastModtimestamp": at, "hashValue": value, "hashStatus": status, "signalType": kind}
    return {**told, "caseNumbers": cases, **more}


def page(records: list[dict[str, Any]], token: str | None, following: int) -> Answer:
    return Answer(
        json.dumps(
            {
                "count": len(records),
                "nextSetTimestamp": following,
                "nextPageToken": token,
                "hasMoreRecords": token is not None,
                "hashRecords": records,
            }
        ),
        headers={"Content-Type": "application/json"},
    )


FEEDBACK = {"CSPFeedbacks": [{"source": "ExampleCSP", "feedbackValue": "Blocked", "tags": ["test"]}]}
FIRST = (
    [record(PDQ, "ImagePDQ", "Active", 1759999999, **FEEDBACK), record(MD5, "VideoMD5", "Received", 1759999998)],
    [record(OTHER, "ImagePDQ", "Active", 1760000001), record("https://example.org/1", "URL", "Active", 1760000002)],
)
SECOND = (
    [record(PDQ, "ImagePDQ", "Withdrawn", 1760000100)],
    [record(MD5, "VideoMD5", "Deleted", 1760000101)],
)  # fmt: skip


class Recorded(Source):
    first = (f"ImagePDQ:{PDQ}", f"VideoMD5:{MD5}", f"ImagePDQ:{OTHER}", "URL:https://example.org/1")
    second = (f"ImagePDQ:{OTHER}", "URL:https://example.org/1")
    withdrawn = f"ImagePDQ:{PDQ}"

    def config(self, url: str) -> dict[str, Any]:
        return {
            "address": f"{url}/v1",
            "subscription_key": "subscription",
            "fetch_key": "fetch",
            "feedback_key": "feedback",
            "member": "Our Node",
        }

    def answer(self, asked: Asked) -> Answer:
        endpoint = asked.path.removeprefix("/v1/")
        keys = {"FetchHashes": ("GET", "fetch"), "SubmitFeedback": ("POST", "feedback")}
        if endpoint not in keys:
            return Answer(status=404)
        method, key = keys[endpoint]
        if (
            asked.headers.get("x-functions-key") != key
            or asked.headers.get("ocp-apim-subscription-key") != "subscription"
        ):
            return Answer(status=401)
        if asked.method != method:
            return Answer(status=405)
        if method == "POST":
            return Answer(json.dumps({"accepted": 1}))
        pages, until = (FIRST, 1760000002) if self.round == 1 else (SECOND, 1760000101)
        if self.round == 2 and asked.query["startTimestamp"] != "1760000002":
            return Answer(status=400)
        if asked.query.get("nextPageToken") == "cursor-1":
            return page(pages[1], None, until)
        return page(pages[0], "cursor-1", until - 1)
