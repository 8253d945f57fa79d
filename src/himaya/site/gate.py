"""How many requests are worked on at a time, whatever number of answers is still being read."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Gate:
    """A WSGI application (PEP 3333) in front of another: so many at once come in, the others wait their turn.

    The server has more threads than that. One that writes a long answer to somebody who does not read it waits outside,
    and keeps nobody from coming in.
    """

    def __init__(self, behind: WSGIApplication, *, at_once: int) -> None:
        self._behind = behind
        self._turns: SimpleQueue[None] = SimpleQueue()
        for _ in range(at_once):
            self._turns.put(None)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, in turn; what is written later is not waited for."""
        self._turns.get()
        try:
            return self._behind(environ, start_response)
        finally:
            self._turns.put(None)
