"""A server on this machine that serves what a test says, and remembers who asked for what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Serve = Callable[[BaseHTTPRequestHandler], None]


class Served(ThreadingHTTPServer):
    """``port`` is where; ``asked`` are the paths, ``headers`` those of the last request."""

    def handle_error(self, *_: object) -> None:
        """A client that left is none of the test's business."""

    daemon_threads = True
    block_on_close = False
    port: int
    asked: list[str]
    headers: dict[str, str]


@contextmanager
def serving(pages: dict[str, Serve]) -> Iterator[Served]:
    """Inside the block, a server with these pages runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            server.headers = dict(self.headers.items())
            pages.get(self.path.partition("?")[0], status(404))(self)

        def log_message(self, *_: object) -> None:
            return

    server = Served(("127.0.0.1", 0), Handler)
    server.port, server.asked, server.headers = int(server.server_address[1]), [], {}
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def at(server: Served, path: str = "/a.jpg", host: str = "127.0.0.1") -> str:
    """The address of a page."""
    return f"http://{host}:{server.port}{path}"


def content(body: bytes, media_type: str = "image/jpeg", **headers: str) -> Serve:
    """A page with this body."""

    def serve(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in {"Content_Type": media_type, "Content_Length": str(len(body)), **headers}.items():
            if value:
                handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return serve


def status(number: int, **headers: str) -> Serve:
    """A page that is nothing but a status and headers."""

    def serve(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(number)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    return serve


def drip(first: bytes, drop: bytes, every: float) -> Serve:
    """A page that sends its beginning, and then a little now and then, without an end."""

    def serve(handler: BaseHTTPRequestHandler) -> None:
        gone = threading.Event()
        try:
            handler.wfile.write(first)
            while not gone.wait(every):
                handler.wfile.write(drop)
        except OSError:
            gone.set()

    return serve
