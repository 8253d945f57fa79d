"""How long it takes until every process of a node honours a change of a list: an item that is added, or withdrawn."""

from __future__ import annotations

import http.client
import json
import os
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.node import Figure, list_file, node

ITEMS, CHANGES, PATIENCE = 100_000, 20, 30
ITEMS_OF = "/api/v1/lists/bench/items"
STREAK = 12
"""Answers in a row that must agree: enough for two processes to have been asked."""


def run() -> Iterator[Figure]:
    with node() as made:
        list_file(made.folder / "list.csv", ITEMS)
        made.run("lists", "create", "bench")
        made.run("lists", "import", "bench", str(made.folder / "list.csv"))
        secret = made.run(
            "keys", "add", "bench", "--scope", "screen", "--scope", "lists:read", "--scope", "lists:write"
        ).strip()
        made.env["HIMAYA_WEB_WORKERS"] = "2"
        with made.serving() as (port, _):
            added, withdrawn = _changes(port, secret)
            yield Figure("added item honoured by every process", ITEMS, "s", added, less=True)
            yield Figure("withdrawn item honoured by every process", ITEMS, "s", withdrawn, less=True)


def _changes(port: int, secret: str) -> tuple[list[float], list[float]]:
    """Items that are added and, once every process knows of them, withdrawn: the seconds of each change."""
    rng = random.Random(os.getpid())
    added, withdrawn = [], []
    for _ in range(CHANGES):
        value = rng.randbytes(32).hex()
        _ask(port, secret, "POST", ITEMS_OF, {"items": [{"signal": "pdq", "value": value}]})
        added.append(_until(port, secret, value, there=True))
        [item] = _ask(port, secret, "GET", f"{ITEMS_OF}?signal=pdq&value={value}")["items"]
        change = {"state": "withdrawn", "reason": "a benchmark"}
        _ask(port, secret, "PATCH", f"/api/v1/items/{item['id']}", change)
        withdrawn.append(_until(port, secret, value, there=False))
    return added, withdrawn


def _until(port: int, secret: str, value: str, *, there: bool) -> float:
    """Seconds until the first of ``STREAK`` answers in a row that all say so."""
    began, streak = time.perf_counter(), 0
    first = began
    while streak < STREAK:
        asked = {"items": [{"signal": "pdq", "value": value}], "open_cases": False}
        hits = _ask(port, secret, "POST", "/api/v1/screen", asked)["hits"]
        first = first if streak else time.perf_counter()
        streak = streak + 1 if bool(hits) == there else 0
        assert time.perf_counter() - began < PATIENCE, f"{value} is not honoured after {PATIENCE} seconds"
    return first - began


def _ask(port: int, secret: str, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
    """A line of its own for each question: the system chooses the process that takes it."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    line.request(method, path, json.dumps(body) if body else None, headers)
    answer = line.getresponse()
    told = answer.read()
    line.close()
    assert answer.status < 300, told
    return json.loads(told)  # type: ignore[no-any-return]
