"""A peer on loopback that answers byte for byte what a test says, and remembers what it was asked."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path

Turn = bytes | Callable[[socket.socket], object]
"""What is answered to one request: bytes, after which the connection ends, or who speaks on it himself."""


class Peer:
    """``asked`` are the heads of the requests with what came along, in their order; ``url`` is where."""

    def __init__(self, turns: tuple[Turn, ...], tls: Path | None) -> None:
        self.asked: list[str] = []
        self.over = threading.Event()
        """Set once the test is done with it: whoever speaks without an end looks here."""
        self.answer: Callable[[str], bytes] | None = None
        """In the place of turns, what to answer to the head of a request."""
        self._turns = chain(turns, repeat(turns[-1]))
        self._lock = threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self._context and tls:
            self._context.load_cert_chain(tls)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def serve(self) -> None:
        while not self.over.is_set():
            with suppress(OSError):
                threading.Thread(target=self._speak, args=[self._door.accept()[0]], daemon=True).start()

    def _speak(self, line: socket.socket) -> None:
        with suppress(OSError), line:
            said = self._context.wrap_socket(line, server_side=True) if self._context else line
            with said:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (more := said.recv(65536)):
                        return
                    head += more
                with self._lock:
                    self.asked.append(head.decode("latin-1"))
                    turn = self.answer(self.asked[-1]) if self.answer else next(self._turns)
                if isinstance(turn, bytes):
                    said.sendall(turn)
                else:
                    turn(said)

    def close(self) -> None:
        self.over.set()
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()


@contextmanager
def peer(*turns: Turn, tls: Path | None = None) -> Iterator[Peer]:
    """Inside the block a peer answers, one turn a request, and the last turn from then on."""
    made = Peer(turns, tls)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(5)


def answer(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    """An answer as it goes over the line. Underscores in the names of headers are dashes; an empty one is left out."""
    lines = {"Content_Length": str(len(body)), "Connection": "close", **headers}
    told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value)
    return f"HTTP/1.1 {status} Said\r\n{told}\r\n".encode() + body


def endlessly(first: bytes, then: bytes, every: float = 0) -> Callable[[socket.socket], None]:
    """Say ``first``, and then the same again and again, until nobody listens any more."""

    def speak(line: socket.socket) -> None:
        line.sendall(first)
        pause = threading.Event()
        while not pause.wait(every):
            line.sendall(then)

    return speak
