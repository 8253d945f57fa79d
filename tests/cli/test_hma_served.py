"""HMA's API on the server that a node runs: who is near is known by the connection; numbers hold over a crash."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.conftest import Node, copied
from tests.cli.test_demo_and_serve import answers, until
from tests.configured import free_port

OPEN = {"HIMAYA_HMA_OPEN_TO": '["127.0.0.1/32"]', "HIMAYA_HMA_OPEN_AS": "coop"}
A, B = "0" * 31 + "1", "0" * 31 + "2"
Call = Callable[..., tuple[int, Any]]


@contextmanager
def served(node: Node) -> Iterator[Call]:
    """Inside the block the node is served; it is killed in the end, as by a power cut."""
    port = free_port()
    running = node.begin("serve", "--no-worker", "--port", port, env=OPEN)
    try:
        until(lambda: answers(port), running)

        def call(method: str, path: str, body: Any = None, *, by: str = "127.0.0.1", **headers: str) -> tuple[int, Any]:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(by, 0))
            sent = {"Content-Type": "application/json", **{name.replace("_", "-"): v for name, v in headers.items()}}
            line.request(method, f"/hma{path}", json.dumps(body) if body is not None else None, sent)
            answer = line.getresponse()
            told = answer.status, json.loads(answer.read())
            line.close()
            return told

        yield call
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()


def test_a_served_node_in_hma_s_place(prepared: Node, tmp_path: Path) -> None:
    node = copied(prepared, tmp_path / "node")
    node.run("keys", "add", "coop", "--scope", "screen", "--scope", "lists:read", "--scope", "lists:write")
    with served(node) as call:
        assert call("GET", "/c/banks", by="127.0.0.2")[0] == 401
        assert call("GET", "/c/banks", by="127.0.0.2", X_Forwarded_For="127.0.0.1")[0] == 401
        assert call("GET", "/c/banks", X_Forwarded_For="127.0.0.1")[0] == 401
        assert call("POST", "/c/banks", {"name": "KNOWN"})[0] == 201
        both = call("POST", "/c/bank/KNOWN/signal", {"md5": A, "sha1": "0" * 40})[1]["id"]
    with served(node) as call:
        assert call("POST", "/c/bank/KNOWN/signal", {"md5": A, "sha1": "0" * 40})[1]["id"] == both
        assert call("POST", "/c/bank/KNOWN/signal", {"md5": B, "sha1": "0" * 40})[1]["id"] == both + 1
        told = call("GET", f"/m/lookup?signal_type=md5&signal={A}")
        assert told == (200, {"KNOWN": [{"bank_content_id": both, "distance": "0"}]})
    assert "each following from the one before" in node.run("ledger", "verify").stderr
