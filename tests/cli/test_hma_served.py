"""HMA's API on the server that a node runs: who is near is known by the connection; numbers hold over a crash."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.conftest import Node, copied
from tests.cli.test_demo_and_serve import answers, until
from tests.configured import free_port

from himaya.core.config import WEB_THREADS
from himaya.hma import fetching

OPEN = {"HIMAYA_HMA_OPEN_TO": '["127.0.0.1/32"]', "HIMAYA_HMA_OPEN_AS": "coop"}
A, B = "0" * 31 + "1", "0" * 31 + "2"
Call = Callable[..., tuple[int, Any]]


@contextmanager
def served(node: Node, **settings: str) -> Iterator[Call]:
    """Inside the block the node is served; it is killed in the end, as by a power cut."""
    port = free_port()
    running = node.begin("serve", "--no-worker", "--port", port, env=OPEN | settings)
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
    scopes = ("--scope", "screen", "--scope", "lists:read", "--scope", "lists:write")
    assert "--owner USERNAME" in node.run("keys", "add", "coop", *scopes, status=2).stderr
    node.run("users", "add", "lea", "--role", "lead")
    node.run("keys", "add", "coop", *scopes, "--owner", "lea")
    node.run("keys", "add", "scanner", "--scope", "screen")
    listed = node.run("keys", "list").stdout
    assert re.search(r"coop +│? *lea", listed), listed
    assert re.search(r"scanner +│? *no owner", listed), listed
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


def test_hosts_that_never_answer_do_not_stop_the_node(prepared: Node, tmp_path: Path) -> None:
    """More questions than there are threads, each about a file of a host that takes the connection and is mute."""
    node = copied(prepared, tmp_path / "node")
    node.run("keys", "add", "coop", "--scope", "screen")
    with socket.create_server(("127.0.0.1", 0), backlog=16) as mute:
        port = mute.getsockname()[1]
        with served(node, HIMAYA_HMA_FETCH_FROM=f'["private:127.0.0.1:{port}"]') as call:
            ask = f"/h/hash?url=http://127.0.0.1:{port}/a.jpg"
            with ThreadPoolExecutor(2 * WEB_THREADS) as threads:
                asked = [threads.submit(call, "GET", ask) for _ in range(2 * WEB_THREADS)]
                lines = [mute.accept()[0] for _ in range(fetching.AT_ONCE)]
                begun = time.monotonic()
                assert call("GET", "/c/banks")[0] == 403, "the key may not; and that is answered"
                waited = time.monotonic() - begun
                told = sorted(one.result()[0] for one in asked)
            for line in lines:
                line.close()
    assert waited < fetching.TOTAL / 2
    assert told == [502] * fetching.AT_ONCE + [503] * (2 * WEB_THREADS - fetching.AT_ONCE)
