"""How long it takes until every process of a node honours a change of a list: an item that is added, or withdrawn."""

from __future__ import annotations

import http.client
import json
import os
import random
import time
from collections.abc import Iterator

from benchmarks.node import Figure, list_file, node

ITEMS, CHANGES = 100_000, 20
STREAK = 12
"""Answers in a row that must agree: enough for two processes to have been asked."""


def run() -> Iterator[Figure]:
    with node() as made:
        list_file(made.folder / "list.csv", ITEMS)
        made.run("lists", "create", "bench")
        made.run("lists", "import", "bench", str(made.folder / "list.csv"))
        secret = made.run("keys", "add", "bench", "--scope", "screen", "--scope", "lists:write").strip()
        made.env["HIMAYA_WEB_WORKERS"] = "2"
        with made.serving() as (port, _):
            yield Figure("added item honoured by every process", ITEMS, "s", _seconds(port, secret), less=True)


def _seconds(port: int, secret: str) -> list[float]:
    rng, found = random.Random(os.getpid()), []
    for _ in range(CHANGES):
        value = rng.randbytes(32).hex()
        _ask(port, secret, "/api/v1/lists/bench/items", {"items": [{"signal": "pdq", "value": value}]})
        began, streak = time.perf_counter(), 0
        first = began
        while streak < STREAK:
            asked = {"items": [{"signal": "pdq", "value": value}], "open_cases": False}
            hits = _ask(port, secret, "/api/v1/screen", asked)["hits"]
            first = first if streak else time.perf_counter()
            streak = streak + 1 if hits else 0
        found.append(first - began)
    return found


def _ask(port: int, secret: str, path: str, body: dict[str, object]) -> dict[str, int]:
    """A line of its own for each question: the system chooses the process that takes it."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    line.request("POST", path, json.dumps(body), headers)
    answer = line.getresponse()
    told = answer.read()
    line.close()
    assert answer.status < 300, told
    return json.loads(told)  # type: ignore[no-any-return]
