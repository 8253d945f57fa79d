"""Fetching what a ``url`` parameter names: only from hosts that the operator named, and only what they serve.

An address in a request makes this node call somebody in the caller's stead (server-side request forgery). So a host
has to be named; its name is looked up once, and the connection goes to the address that was looked at; an address of
a private network needs a word of its own; a redirect may lead to the same host alone; time and size have an end.

A process that serves has few threads, and one that fetches waits for somebody else. So half of them fetch at most:
hosts that are slow hold up who asks for them, and nobody else.
"""

from __future__ import annotations

import http.client
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from himaya.core.config import WEB_THREADS, config
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said

CONNECT, TOTAL = 3.0, 15.0
"""Seconds to look up and reach a host, and for everything."""
AT_ONCE = WEB_THREADS // 2
"""Fetches that one process has under way."""
QUICK = 1.0
"""Seconds after which a fetch counts as slow: nobody waits for its end."""
REDIRECTS = 3
LONGEST = 8000
CHUNK = 64 * 1024
PORTS = {"http": 80, "https": 443}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
        return _fetched(place, url, time.monotonic() + TOTAL)


def _fetched(place: _Place, url: str, until: float) -> Fetched:
    try:
        for _ in range(REDIRECTS + 1):
            came = _get(place, until)
            if isinstance(came, Fetched):
                return came
            onward = _place(urljoin(url, came))
            if onward.host != place.host:
                raise HostNotNamed(host=onward.host[:80])
            place, url = onward, urljoin(url, came)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswer(why=_why(error, late=time.monotonic() >= until)) from None
    raise NoAnswer(why=N_("it leads from one address to the next without an end"))


def _why(error: Exception, *, late: bool) -> str:
    if late:
        return N_("it took too long")
    return N_("it was cut off") if isinstance(error, http.client.IncompleteRead) else type(error).__name__


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


def is_open(address: Address, *, private: bool) -> bool:
    """Whether a connection may go there: to the public network; with ``private`` also to this machine and near ones.

    Addresses of the link (where clouds keep their metadata) and of groups are never open.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_open(address.ipv4_mapped, private=private)
        if address.sixtofour or address.teredo:  # they lead to an IPv4 address, whichever that is
            return False
    if address.is_loopback:
        return private
    if address.is_multicast or address.is_link_local or address.is_unspecified or address.is_reserved:
        return False
    return address.is_global or private


def look_up(host: str, port: int) -> list[Address]:
    """The addresses of a host, in the order of preference; looking them up takes :data:`CONNECT` seconds at most."""
    answers: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([ipaddress.ip_address(str(where[0]).partition("%")[0]) for *_, where in found])
        except (OSError, UnicodeError) as error:
            answers.put(OSError(str(error)))

    threading.Thread(target=ask, daemon=True, name="look-up").start()
    try:
        found = answers.get(timeout=CONNECT)
    except queue.Empty:
        raise NoAnswer(why=N_("its host's name could not be looked up in time")) from None
    if isinstance(found, OSError) or not found:
        raise NoAnswer(why=N_("its host's name is not known"))
    return list(dict.fromkeys(found))


# --- the conversation ------------------------------------------------------------------------------------------------


def _get(place: _Place, until: float) -> Fetched | str:
    """What is there, or where it leads."""
    line = _connect(place, until)
    cut = threading.Timer(max(until - time.monotonic(), 0), _cut, [line])
    cut.daemon = True
    cut.start()  # a server that sends a byte now and then would outlast any limit on a single read
    try:
        if isinstance(line, ssl.SSLSocket):
            line.do_handshake()
        talk = http.client.HTTPConnection(place.host, place.port)
        talk.default_port, talk.sock = PORTS[place.scheme], line
        headers = {"Accept": "image/*, video/*, */*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "Himaya"}
        talk.request("GET", place.target, headers={**headers, "Connection": "close"})
        with talk.getresponse() as answer:
            came = _read(answer)
        if time.monotonic() >= until:  # what was cut off looks whole where its length was not announced
            raise TimeoutError
        return came
    finally:
        cut.cancel()
        line.close()


def _connect(place: _Place, until: float) -> socket.socket:
    limit = min(until, time.monotonic() + CONNECT)
    found = look_up(place.host, place.port)
    if not all(is_open(address, private=place.private) for address in found):
        raise HostNotNamed(host=place.host[:80])
    for address in found[:4]:
        try:
            line = socket.create_connection((str(address), place.port), timeout=max(limit - time.monotonic(), 0.05))
        except OSError:
            continue
        line.settimeout(max(until - time.monotonic(), 0.05))
        return _wrapped(line, place) if place.scheme == "https" else line
    raise NoAnswer(why=N_("its host cannot be reached"))


def _wrapped(line: socket.socket, place: _Place) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    return context.wrap_socket(line, server_hostname=place.host, do_handshake_on_connect=False)


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)


def _read(answer: http.client.HTTPResponse) -> Fetched | str:
    if answer.status in (301, 302, 303, 307, 308) and (onward := answer.getheader("Location")):
        return onward
    if answer.status != 200:
        raise NoAnswer(why=Said("its host answered with status {status}", status=answer.status))
    if answer.getheader("Content-Encoding", "identity").lower() != "identity":
        raise NoAnswer(why=N_("its host sends it compressed, unasked"))
    limit = config().max_file_bytes
    if (answer.length or 0) > limit:
        raise FetchedTooLarge(limit=limit)
    content = b"".join(_chunks(answer, limit))
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)
    return Fetched(content, answer.getheader("Content-Type", ""))


def _chunks(answer: http.client.HTTPResponse, limit: int) -> Iterator[bytes]:
    size = 0
    while chunk := answer.read(CHUNK):
        size += len(chunk)
        if size > limit:
            raise FetchedTooLarge(limit=limit)
        yield chunk
