"""Where a connection may go, and how long it may last."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from himaya.core.errors import HimayaError
from himaya.core.words import N_

if TYPE_CHECKING:
    import ssl

CONNECT, TOTAL = 3.0, 30.0
"""Seconds to look up and reach a host; to have the whole of an answer."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotReached(HimayaError):
    """{host} cannot be reached: {why}."""

    status = 502


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
    """The addresses of a host, in the order of preference; looking them up takes :data:`CONNECT` seconds at most.

    Raises:
        NotReached: its name is not known, or not in time.
    """
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
        raise NotReached(host=host[:80], why=N_("its name could not be looked up in time")) from None
    if isinstance(found, OSError) or not found:
        raise NotReached(host=host[:80], why=N_("its name is not known"))
    return list(dict.fromkeys(found))


class Deadline:
    """Until when a conversation may last; a download moves it on as bytes arrive."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds from now."""
        return self.at - time.monotonic()


conversation = threading.local()
"""``until``: the :class:`Deadline` of what this thread is saying to somebody."""


class _Line(httpcore.NetworkStream):
    """A connection on which no read or write outlasts the deadline of the conversation in this thread."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _within(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        within = _within(timeout, httpcore.ConnectTimeout)
        return _Line(self._inner.start_tls(ssl_context, server_hostname, within))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _within(timeout: float | None, late: type[Exception]) -> float:
    until: Deadline | None = getattr(conversation, "until", None)
    left = until.left() if until else TOTAL
    if left <= 0:
        raise late("the time is up")
    return min(timeout or TOTAL, left)


class _Pinned(httpcore.NetworkBackend):
    """Looks a name up once, looks at every address, and goes to one of those."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        found = look_up(host, port)
        if not all(is_open(address, private=self._private) for address in found):
            raise NotReached(host=host[:80], why=N_("it lies in a private network, which is not allowed for it"))
        until = time.monotonic() + CONNECT
        for address in found[:4]:
            try:
                left = max(until - time.monotonic(), 0.05)
                return _Line(self._inner.connect_tcp(str(address), port, left, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise NotReached(host=host[:80], why=N_("nobody answers there"))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class Transport(httpx.BaseTransport):
    """httpx over a pool of pinned connections."""

    def __init__(self, *, private: bool, verify: ssl.SSLContext) -> None:
        backend = _Pinned(private=private)
        self._pool = httpcore.ConnectionPool(ssl_context=verify, max_connections=4, network_backend=backend)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, and give back what is answered, its body still to come."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        asked = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        came = self._pool.handle_request(asked)
        return httpx.Response(came.status, headers=came.headers, stream=_Stream(came), extensions=came.extensions)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, came: httpcore.Response) -> None:
        self._came = came

    def __iter__(self) -> Iterator[bytes]:
        yield from self._came.iter_stream()

    def close(self) -> None:
        self._came.close()
