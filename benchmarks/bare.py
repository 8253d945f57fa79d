"""The least that a web server with a Python application can do: what bounds the endpoint's requests a second.

``python -m benchmarks.bare PORT`` serves it as `himaya serve` serves the node.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

ANSWER = b"{}"


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Read the request's JSON, answer nothing."""
    json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(ANSWER)))])
    return [ANSWER]


@contextmanager
def serving() -> Iterator[int]:
    """The port, once it answers there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    root = Path(__file__).parent.parent
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.bare", str(port)], cwd=root)
    try:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(15)


if __name__ == "__main__":
    from granian import Granian
    from granian.constants import Interfaces

    Granian(
        "benchmarks.bare:application",
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=4,
        log_access=False,
        log_level="warning",  # type: ignore[arg-type]
    ).serve()
