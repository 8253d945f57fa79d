"""Whoever reads slowly holds up himself, and nobody else."""

from __future__ import annotations

import socket
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

from tests.nodes import Node, environment_of, served
from tests.program import sha256

ROWS = 40_000
PATH = "/exchange/files/hotline.vics"
PARTNERS = ("north", "south", "east")


def stalled(at: str, path: str, key: str) -> socket.socket:
    """A client that asks, reads how the answer begins, and nothing more."""
    host = urlsplit(at)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(30)
    made.connect((host.hostname, host.port))
    made.sendall(f"GET {path} HTTP/1.1\r\nHost: {host.netloc}\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
    assert made.recv(100).startswith(b"HTTP/1.1 200")
    return made


def status(at: str, path: str, key: str = "") -> int:
    asked = urllib.request.Request(at + path, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(asked, timeout=20) as reply:
            return int(reply.status)
    except HTTPError as error:
        error.close()
        return error.code


def test_partners_who_stop_reading_hold_up_nobody_else(tmp_path: Path) -> None:
    node = Node(environment_of(tmp_path))
    (tmp_path / "rows.hashes").write_text("".join(f"{sha256(str(n))}\n" for n in range(ROWS)))
    node.run("lists", "create", "hotline")
    node.run("lists", "import", "hotline", tmp_path / "rows.hashes", "--signal", "sha256")
    keys = {name: node.run("partners", "add", name).stdout.strip() for name in PARTNERS}
    for name in PARTNERS:
        node.run("partners", "share", name, "hotline")
    with served(node) as at, ExitStack() as held:
        for key in keys.values():  # six in all: more than requests are worked on at a time
            for _ in range(2):
                held.enter_context(stalled(at, PATH, key))
        assert status(at, "/log/v1/checkpoint") == 200
        assert status(at, "/exchange/ncmec/v2/status", keys["north"]) in (200, 404)  # it still asks for little things
        assert status(at, PATH, keys["north"]) == 429
        held.close()
        for _ in range(40):
            if status(at, PATH, keys["north"]) == 200:
                break
        else:
            raise AssertionError("the places of those who are gone are never free again")
