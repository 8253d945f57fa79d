"""Fetching what a ``url`` parameter names: only from hosts that the operator named, and only what they serve.

An address in a request makes this node call somebody in the caller's stead (server-side request forgery). So a host
has to be named, beside all that ``core.outward`` sees to; a redirect may lead to the same host alone.

A process that serves has few threads, and one that fetches waits for somebody else. So half of them fetch at most:
hosts that are slow hold up who asks for them, and nobody else.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import httpx

from himaya.core.config import WEB_THREADS, config
from himaya.core.errors import HimayaError
from himaya.core.outward.guard import BrokenOff, Deadline, NotOpen, NotReached, Transport, announced
from himaya.core.words import N_, Said

TOTAL = 15.0
"""Seconds for everything."""
AT_ONCE = WEB_THREADS // 2
"""Fetches that one process has under way."""
QUICK = 1.0
"""Seconds after which a fetch counts as slow: nobody waits for its end."""
REDIRECTS = 3
LONGEST = 8000
PORTS = {"http": 80, "https": 443}
HEADERS = {"Accept": "image/*, video/*, */*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "Himaya"}


class NotFetched(HimayaError):
    """What the url names cannot be fetched: {why}."""

    status = 400


class HostNotNamed(HimayaError):
    """This node does not fetch from {host!r}."""

    remedy = "Send the file itself (POST), or ask the operator to name the host in the setting hma_fetch_from."
    status = 403


class NoAnswer(HimayaError):
    """What the url names cannot be fetched: {why}."""

    status = 502


class FetchedTooLarge(HimayaError):
    """What the url names is larger than {limit} bytes."""

    remedy = "Compute the fingerprints where the file is, and send those."
    status = 413


class TooManyFetches(HimayaError):
    """This node is fetching from hosts that are slow, and takes on no more of it now."""

    remedy = "Try again later, or send the file itself (POST)."
    status = 503


class _Room:
    """Room for few fetches at a time. Who finds none waits while one of those under way may be done at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._begun: list[float] = []
        """When those began that are under way, the latest last."""

    @contextmanager
    def one(self) -> Iterator[None]:
        """Inside the block there is room for one more.

        Raises:
            TooManyFetches: there is none, and will be none soon.
        """
        with self._changed:
            while len(self._begun) >= AT_ONCE:
                if (left := self._begun[-1] + QUICK - time.monotonic()) <= 0:
                    raise TooManyFetches
                self._changed.wait(left)
            begun = time.monotonic()
            self._begun.append(begun)
        try:
            yield
        finally:
            with self._changed:
                self._begun.remove(begun)
                self._changed.notify()


_room = _Room()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came, and the media type that its server gave it."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class _Place:
    scheme: str
    host: str
    port: int
    target: str
    private: bool


def fetch(url: str) -> Fetched:
    """Get what an address names.

    Raises:
        NotFetched, HostNotNamed: it is no address, or not of a host that the operator named.
        NoAnswer, FetchedTooLarge: the host does not give it, or not in time; it is too large.
        TooManyFetches: as many as are allowed are under way, and slow.
    """
    place = _place(url)
    with _room.one():
        return _fetched(place, url, Deadline(TOTAL))


def _fetched(place: _Place, url: str, until: Deadline) -> Fetched:
    for _ in range(REDIRECTS + 1):
        came = _get(place, until)
        if isinstance(came, Fetched):
            return came
        url = _onward(url, came)
        onward = _place(url)
        if onward.host != place.host:
            raise HostNotNamed(host=onward.host[:80])
        place = onward
    raise NoAnswer(why=N_("it leads from one address to the next without an end"))


def _onward(url: str, to: str) -> str:
    try:
        return urljoin(url, to)
    except ValueError:
        raise NoAnswer(why=N_("it leads to what is no address")) from None


# --- which ones ------------------------------------------------------------------------------------------------------


def _place(url: str) -> _Place:
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise NotFetched(why=N_("it is no address")) from None
    if parts.scheme not in PORTS or not host or len(url) > LONGEST or parts.username is not None:
        why = N_("it must begin with http:// or https://, name a host and no user, and have at most 8,000 characters")
        raise NotFetched(why=why)
    port = PORTS[parts.scheme] if port is None else port
    named = [entry for entry in config().hma_fetch_from if _fits(entry, parts.scheme, host, port)]
    if not named:
        raise HostNotNamed(host=host[:80])
    query = f"?{parts.query}" if parts.query else ""
    target = quote((parts.path or "/") + query, safe="%/:=&?~+!$,;'@()*[]")
    return _Place(parts.scheme, host, port, target, any(entry.startswith("private:") for entry in named))


def _fits(entry: str, scheme: str, host: str, port: int) -> bool:
    """Whether the operator's entry names this host and port; without a port it means those of http and https."""
    name, _, given = re.fullmatch(r"(.+?)(:([0-9]+))?", entry.removeprefix("private:").lower()).groups()  # type: ignore[union-attr]
    if port != (int(given) if given else PORTS[scheme]):
        return False
    return host.endswith(name) and len(host) > len(name) if name.startswith(".") else host == name.strip("[]")


# --- the conversation ------------------------------------------------------------------------------------------------


def _get(place: _Place, until: Deadline) -> Fetched | str:
    """What is there, or where it leads."""
    request = _request(place)
    try:
        with (
            closing(Transport(private=place.private)) as transport,  # whose connection is not kept for another caller
            transport.answered(request, until) as answer,
        ):
            return _read(answer)
    except NotOpen:
        raise HostNotNamed(host=place.host[:80]) from None
    except NotReached as error:
        raise NoAnswer(why=Said("its host cannot be reached: {why}", why=error.facts["why"])) from None
    except BrokenOff as error:
        raise NoAnswer(why=error.why) from None


def _request(place: _Place) -> httpx.Request:
    host = f"[{place.host}]" if ":" in place.host else place.host
    address, target = f"{place.scheme}://{host}:{place.port}", {"target": place.target.encode("ascii")}
    try:
        return httpx.Request("GET", address, headers=HEADERS, extensions=target)
    except httpx.InvalidURL:
        raise NotFetched(why=N_("it is no address")) from None


def _read(answer: httpx.Response) -> Fetched | str:
    if answer.has_redirect_location:
        return answer.headers["location"]
    if answer.status_code != 200:
        raise NoAnswer(why=Said("its host answered with status {status}", status=answer.status_code))
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise NoAnswer(why=N_("its host sends it compressed, unasked"))
    return Fetched(b"".join(_chunks(answer, config().max_file_bytes)), answer.headers.get("content-type", ""))


def _chunks(answer: httpx.Response, limit: int) -> Iterator[bytes]:
    size = announced(answer) or 0
    if size > limit:
        raise FetchedTooLarge(limit=limit)
    size = 0
    for chunk in answer.iter_raw():
        size += len(chunk)
        if size > limit:
            raise FetchedTooLarge(limit=limit)
        yield chunk
