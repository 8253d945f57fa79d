"""`himaya serve`, asked about hashes over the network: short way and full one side by side, and what holds for both."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from contextlib import ExitStack, closing
from hashlib import md5

from tests.cli.conftest import Node
from tests.cli.test_demo_and_serve import answers, free_port, stopped, until

FULL = {"Cookie": "way=full"}
"""A request with a cookie goes the full way."""


class Line:
    """A kept connection, and a key."""

    def __init__(self, port: int, secret: str) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def close(self) -> None:
        self._line.close()

    def post(self, *texts: str, **headers: str) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers without the date, and body of the answer about these texts."""
        asked = {"items": [{"signal": "md5", "value": md5(t.encode()).hexdigest()} for t in texts]}
        self._line.request("POST", "/api/v1/screen", json.dumps(asked), {**self._headers, **headers})
        answer = self._line.getresponse()
        return answer.status, [(n, v) for n, v in answer.getheaders() if n.lower() != "date"], answer.read()


def test_a_node_of_two_processes_answers_the_same_by_both_ways_and_follows_lists_and_keys(node: Node) -> None:
    secret = node.run("keys", "add", "program", "--scope", "screen").stdout.strip()
    running = node.begin("serve", "--port", port := free_port(), "--no-worker", env={"HIMAYA_WEB_WORKERS": "2"})
    text = "leaves"
    with stopped(running, signal.SIGTERM), ExitStack() as ends:
        until(lambda: answers(port), running)
        line = ends.enter_context(closing(Line(port, secret)))
        for texts in ((text,), (text, "tea"), tuple(f"{n}" for n in range(500))):
            short = [line.post(*texts) for _ in range(3)]
            assert short == [line.post(*texts, **FULL)] * 3
            assert short[0][0] == 200
        half = ends.enter_context(socket.create_connection(("127.0.0.1", port)))  # stops midway, and holds nobody up
        head = f"POST /api/v1/screen HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\n"
        half.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 90\r\n\r\n{{".encode())
        assert [line.post(text)[0] for _ in range(20)] == [200] * 20
        node.run("lists", "import", "hotline", "-", "--signal", "md5", input=md5(text.encode()).hexdigest())
        until(lambda: b'"hits": 1' in line.post(text)[2], running, seconds=5)
        assert json.loads(line.post("tea", text)[2])["answers"][1]["case"]
        node.run("keys", "revoke", secret.split("_")[1])
        until(lambda: line.post(text)[0] == 401, running, seconds=5)
    assert os.environ.get("HIMAYA_DATABASE_URL") or screened(node) >= 3 * 503


def screened(node: Node) -> int:
    """What the node says that it has screened; a process that ends has written what it counted."""
    import sqlite3

    with sqlite3.connect(node.data / "himaya.sqlite3") as connection:
        return int(connection.execute("SELECT SUM(number) FROM screening_daycount").fetchone()[0])
