"""A line between two nodes on which bytes are counted."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

CHUNK = 256 * 1024


class Forwarder:
    """Takes connections on a free port and hands them on to ``port`` of loopback. Use as a context.

    Attributes:
        received: bytes that came back so far, heads of answers included.
    """

    def __init__(self, port: int) -> None:
        self._to, self.received = port, 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Forwarder:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                threading.Thread(target=self._pass, args=(near, far), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near), kwargs={"count": True}, daemon=True).start()

    def _pass(self, source: socket.socket, to: socket.socket, *, count: bool = False) -> None:
        with suppress(OSError):
            while some := source.recv(CHUNK):
                self.received += len(some) if count else 0
                to.sendall(some)
        with suppress(OSError):
            to.shutdown(socket.SHUT_WR)
