"""A source of lists in this process: answers like the real one, remembers what it was asked, breaks when told to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request: ``query`` has the first value of each parameter."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What is answered. ``headers`` are in addition to the length, which they may tell wrong."""

    body: bytes | str = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Lost(Exception):
    """Raised by :meth:`Source.answer`: the connection breaks, and nobody hears the answer."""


class Source:
    """Subclass it and write :meth:`answer`. ``cut_after``: so many answers are given whole, then connections break.

    ``round`` is 1 at first; a test moves it to 2, and the source answers as it would some time later. ``tls``:
    by https.
    """

    def __init__(self) -> None:
        self.round = 1
        self.asked: list[Asked] = []
        self.cut_after: int | None = None
        self.url = ""
        self.tls: ssl.SSLContext | None = None

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on loopback within the block; gives the address, without a slash at its end."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        if self.tls:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{server.server_port}"
        try:
            yield self.url
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(source: Source) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _hang_up(self) -> None:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

        def _any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            asked = Asked(self.command, parts.path, query, {k.lower(): v for k, v in self.headers.items()}, body)
            source.asked.append(asked)
            if source.cut_after is not None and len(source.asked) > source.cut_after:
                self._hang_up()
                return
            try:
                answer = source.answer(asked)
            except Lost:
                self._hang_up()
                return
            content = answer.body.encode() if isinstance(answer.body, str) else answer.body
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
