"""A short way past the framework for the one question that is asked thousands of times a second.

Whether a program may ask, and with which headers it is answered, the full way alone decides: what it said of a request
less than a second ago holds for the next ones that bring the same key, host, language and media type. Whatever is not
of the ordinary kind, or goes wrong, is handed on untouched. (docs/decisions/0016-a-short-way-for-hashes.md)
"""

from __future__ import annotations

import hashlib
import io
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from himaya.accounts import revocations
from himaya.accounts.keys import CALLER
from himaya.core import clock
from himaya.core.config import config
from himaya.screening.api import plain

if TYPE_CHECKING:
    from datetime import datetime
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from himaya.screening.api.shapes import ScreenAsked

PATH = "/api/v1/screen"
HOLDS = 1.0
"""Seconds for which a decision of the full way holds; a key that was revoked elsewhere is refused after these."""
LARGEST = 4 * 2**20
"""Bytes of a body that is read into memory here."""
MOST = 1000
"""Decisions that are kept."""
PATIENCE = 0.02
"""Seconds that a small request waits for the one before it."""
DECIDES = ("CONTENT_TYPE", "HTTP_HOST", "HTTP_ACCEPT_LANGUAGE", "HTTP_X_FORWARDED_PROTO", "wsgi.url_scheme")
"""What a decision and its headers depend on, beside the key. A test reads which headers the full way looks at."""
UNUSUAL = ("HTTP_COOKIE", "HTTP_IDEMPOTENCY_KEY", "HTTP_TRANSFER_ENCODING")
"""Requests with one of these go the full way."""

log = logging.getLogger(__name__)
Headers = list[tuple[str, str]]
Name = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The full way answered: by this key, at this time, with these headers before and after the length."""

    expires_at: datetime
    since: float
    revoked: int
    before: Headers
    after: Headers

    def holds(self) -> bool:
        """Whether the full way would still say the same."""
        young = time.monotonic() - self.since < HOLDS
        return young and self.revoked == revocations.number() and self.expires_at > clock.now()


class Shortcut:
    """A WSGI application (PEP 3333) in front of another, the full way."""

    def __init__(self, full: WSGIApplication, *, first: Callable[[], None] = lambda: None) -> None:
        """``first``: to be done before the full way is asked; cheap, for it is done each time."""
        self._full, self._first = full, first
        self._decisions: dict[Name, Decision] = {}
        self._turn = Turn()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer."""
        if environ.get("PATH_INFO") != PATH or not _is_ordinary(environ):
            return self._full(environ, start_response)
        with self._turn.take() if len(environ["CONTENT_LENGTH"]) < len("10000") else nullcontext():
            name, answer = self._short(_name(environ), environ, start_response)
        return [answer] if answer is not None else self._ask_full(name, environ, start_response)

    def _short(self, name: Name, environ: WSGIEnvironment, start_response: StartResponse) -> tuple[Name, bytes | None]:
        """The answer, where the full way need not give it; and under which name to remember what that decides."""
        if self._decision(name) is None:
            return name, None
        length = int(environ["CONTENT_LENGTH"])
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        asked = plain.read(body) if len(body) == length else None
        if asked is None:
            return name, None
        name = (*name, *asked.lists)
        decision = self._decision(name)
        answer = _answer(asked) if decision else None
        if decision and answer is not None:
            start_response("200 OK", [*decision.before, ("Content-Length", str(len(answer))), *decision.after])
        return name, answer

    def _decision(self, name: Name) -> Decision | None:
        found = self._decisions.get(name)
        return found if found and found.holds() else None

    def _ask_full(self, name: Name, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Go the full way, and remember what it decided."""
        self._first()
        since, revoked = time.monotonic(), revocations.number()

        def start(status: str, headers: Headers, *more: Any) -> Callable[[bytes], object]:
            fields, key = [field for field, _ in headers], environ.get(CALLER)
            if status == "200 OK" and key is not None and "Set-Cookie" not in fields:
                at = fields.index("Content-Length")
                if len(self._decisions) >= MOST:
                    self._decisions.clear()
                self._decisions[name] = Decision(key.expires_at, since, revoked, headers[:at], headers[at + 1 :])
            return start_response(status, headers, *more)

        return self._full(environ, start)


class Turn:
    """One small request at a time.

    The interpreter runs one thread at a time in any case; threads that wait for a lock leave it alone, while those that
    wait for the interpreter take it from the one that works whenever it lets go for a microsecond, and every such
    exchange costs as much as the request. Whoever is held up, as by a client that stops in the middle of its request,
    opens a lane of his own and of those who come after him.
    """

    def __init__(self) -> None:
        self._lane = threading.Lock()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for the one before, though not for long."""
        lane = self._lane
        if not lane.acquire(timeout=PATIENCE):
            lane = self._lane = threading.Lock()
            lane.acquire()
        try:
            yield
        finally:
            lane.release()


def _is_ordinary(environ: WSGIEnvironment) -> bool:
    length = environ.get("CONTENT_LENGTH", "")
    return (
        environ["REQUEST_METHOD"] == "POST"
        and not environ.get("QUERY_STRING")
        and length.isdecimal()
        and int(length[:20]) <= min(LARGEST, config().max_request_bytes)
        and environ.get("CONTENT_TYPE", "").startswith("application/json")
        and environ.keys().isdisjoint(UNUSUAL)
    )


def _name(environ: WSGIEnvironment) -> Name:
    """What the decision on a request depends on; of the key only a digest is kept."""
    secret = hashlib.sha256(environ.get("HTTP_AUTHORIZATION", "").encode()).digest()
    return (secret, *map(environ.get, DECIDES))


def _answer(asked: ScreenAsked) -> bytes | None:
    try:
        return plain.plain_answer(asked)
    except Exception:  # the full way meets the same, and says it in words
        log.debug("handed on", exc_info=True)
        return None
