"""The other side: real servers on this machine that count what arrives, and lose some of their answers."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from tests.configured import free_port


class Lossy:
    """Loses one answer of every ``one_in``, after the message was taken; a seed says which."""

    def __init__(self, seed: int, one_in: int) -> None:
        self._count, self._one_in = random.Random(seed).randrange(max(one_in, 1)), one_in
        self._lock = threading.Lock()
        self.lost = 0

    def loses(self) -> bool:
        with self._lock:
            self._count += 1
            lost = self._one_in > 0 and self._count % self._one_in == 0
            self.lost += lost
            return lost


class Receiver:
    """Takes POSTs; the same key twice has one effect. ``effects`` counts them, ``posts`` counts the requests."""

    def __init__(self, *, seed: int = 0, one_in: int = 0, seconds: float = 0.01) -> None:
        self.effects: Counter[str] = Counter()
        self.posts: Counter[str] = Counter()
        self.lossy = Lossy(seed, one_in)
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                key = self.headers["Idempotency-Key"]
                with lock:
                    outer.posts[key] += 1
                    outer.effects[key] += not outer.effects[key]
                time.sleep(seconds)
                if outer.lossy.loses():
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(key)))
                self.end_headers()
                self.wfile.write(key.encode())

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A client that was killed in the middle is what this is about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Mailbox:
    """A mail server that takes every mail and hangs up without an answer after some. ``mails`` counts by Message-ID."""

    def __init__(self, *, seed: int = 0, one_in: int = 0) -> None:
        self.mails: Counter[str] = Counter()
        self.lossy = Lossy(seed, one_in)
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self._controller.start()
        self.port = self._controller.port

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails[str(message_from_bytes(envelope.content)["Message-ID"])] += 1
        if self.lossy.loses():
            server.transport.abort()
        return "250 accepted"

    def close(self) -> None:
        self._controller.stop()
