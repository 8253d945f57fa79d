"""Where a connection may go, how long it may last, and what is said when it fails.

All that httpcore raises ends here (:func:`_translated`): whoever uses this meets :class:`NotReached`, :class:`NotOpen`
and :class:`BrokenOff`, and nothing else.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certifi
import httpcore
import httpx

from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said

CONNECT, TOTAL = 3.0, 30.0
"""Seconds to look up and reach a host; to have the whole of an answer."""
SLOWEST = 1000
"""Bytes a second, on the average of a minute, below which what may take longer is given up."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotReached(HimayaError):
    """{host} cannot be reached: {why}."""

    status = 502

    def __init__(self, *, host: str, why: str, permanent: bool = False, late: bool = False) -> None:
        self.permanent = permanent
        """True where trying again cannot help."""
        self.late = late
        """True where the time was up: trying again would hold up whoever waits as long again."""
        super().__init__(host=host[:80], why=why)


class NotOpen(NotReached):
    """{host} may not be reached: {why}."""


class BrokenOff(HimayaError):
    """{host} did not answer: {why}."""

    status = 502

    def __init__(self, *, host: str, why: str, late: bool = False) -> None:
        self.why, self.late = why, late
        """``late`` as of :class:`NotReached`."""
        super().__init__(host=host[:80], why=why)


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


def _at(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def look_up(host: str, port: int) -> list[Address]:
    """The addresses of a host, in the order of preference; looking them up takes :data:`CONNECT` seconds at most.

    Raises:
        NotReached: its name is not known, or not in time.
    """
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:  # a name
        seconds = _within(CONNECT, httpcore.ConnectTimeout)
    answers: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([ipaddress.ip_address(str(where[0]).partition("%")[0]) for *_, where in found])
        except (OSError, UnicodeError) as error:
            answers.put(OSError(str(error)))

    threading.Thread(target=ask, daemon=True, name="look-up").start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise NotReached(host=host, why=N_("its name could not be looked up in time")) from None
    if isinstance(found, OSError) or not found:
        raise NotReached(host=host, why=N_("its name is not known"))
    return list(dict.fromkeys(found))


class Deadline:
    """Until when a conversation may last.

    Args:
        seconds: from now.
        latest: seconds from now until when it moves on as bytes arrive; where None, it does not.
    """

    def __init__(self, seconds: float, latest: float | None = None) -> None:
        self.at = time.monotonic() + seconds
        self._latest = self.at if latest is None else time.monotonic() + latest

    def left(self) -> float:
        """Seconds from now."""
        return self.at - time.monotonic()

    def came(self, size: int) -> None:
        """So many bytes did: it lasts as much longer as they may take, a minute from now at most."""
        self.at = max(self.at, min(time.monotonic() + 60, self.at + size / SLOWEST, self._latest))


_conversation = threading.local()
"""``until``: the :class:`Deadline` of what this thread is saying to somebody."""


class _Line(httpcore.NetworkStream):
    """A connection on which no read or write outlasts the deadline of the conversation in this thread."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        line: socket.socket = self._inner.get_extra_info("socket")
        rest = memoryview(buffer)
        while rest:  # not by the inner stream: there each piece that is taken begins the time anew
            within = _within(timeout, httpcore.WriteTimeout)
            try:
                line.settimeout(within)
                rest = rest[line.send(rest) :]
            except TimeoutError as error:
                raise httpcore.WriteTimeout(error) from error
            except OSError as error:
                raise httpcore.WriteError(error) from error

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
    until: Deadline | None = getattr(_conversation, "until", None)
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
            why = N_("it lies in a private network, which is not allowed for it")
            raise NotOpen(host=_at(host, port), why=why, permanent=True)
        until = time.monotonic() + _within(CONNECT, httpcore.ConnectTimeout)
        for address in found[:4]:
            try:
                left = max(until - time.monotonic(), 0.05)
                return _Line(self._inner.connect_tcp(str(address), port, left, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise NotReached(host=_at(host, port), why=N_("nobody answers there"))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


@contextmanager
def _translated(host: str) -> Iterator[None]:
    """Whatever httpcore raises in the block, as ours. Until a connection stands, nothing was said."""
    try:
        yield
    except httpcore.ConnectTimeout:
        raise NotReached(host=host, why=LATE, late=True) from None
    except httpcore.ConnectError as error:
        told = error.args[0] if error.args else None
        if isinstance(told, ssl.SSLCertVerificationError):
            forged = Said("it does not prove who it is: {why}", why=told.verify_message.rstrip("."))
            raise NotReached(host=host, why=forged, permanent=True) from None
        raise NotReached(host=host, why=Said("the connection failed: {why}", why=_brief(error))) from None
    except httpcore.TimeoutException:
        raise BrokenOff(host=host, why=LATE, late=True) from None
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        cut = isinstance(error, httpcore.NetworkError) or "without sending" in str(error)
        why = N_("it was cut off") if cut else Said("it does not speak HTTP as it should: {why}", why=_brief(error))
        raise BrokenOff(host=host, why=why) from None


LATE = N_("it took too long")


def _brief(error: Exception) -> str:
    return str(error)[:200].rstrip(".") or type(error).__name__


def trusted() -> ssl.SSLContext:
    """The system's authorities, or those of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``; where there are none, Mozilla's."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and not (paths.capath and any(Path(paths.capath).iterdir())):
        context.load_verify_locations(certifi.where())
    return context


class Transport(httpx.BaseTransport):
    """httpx over pools of pinned connections, one pool a scheme. It follows nothing, keeps no cookies, logs nothing.

    The request's extension ``target`` sets path and query as they go over the line.

    Args:
        private: whether addresses of private networks and of this machine may be reached.
        tls: in place of :func:`trusted`.
    """

    def __init__(self, *, private: bool, tls: ssl.SSLContext | None = None) -> None:
        self._private, self._tls = private, tls
        self._pools: dict[str, httpcore.ConnectionPool] = {}

    @contextmanager
    def answered(self, request: httpx.Request, until: Deadline) -> Iterator[httpx.Response]:
        """The answer, its body still to come, which is let go of at the end of the block.

        Reading it (:meth:`httpx.Response.iter_raw`) raises the same errors as this.

        Raises:
            NotReached: nothing was said.
            BrokenOff: the connection broke or the time was up; what was asked for may have been done.
        """
        around: Deadline | None = getattr(_conversation, "until", None)
        _conversation.until = until
        try:
            came = self.handle_request(request)
            try:
                yield came
            finally:
                came.close()
        finally:
            _conversation.until = around

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
        with _translated(request.url.host):
            came = self._pool(request.url.scheme).handle_request(asked)
        return httpx.Response(came.status, headers=came.headers, stream=_Stream(came, request.url.host))

    def _pool(self, scheme: str) -> httpcore.ConnectionPool:
        if scheme not in self._pools:  # reading the authorities takes longer than a short conversation without TLS
            self._pools[scheme] = httpcore.ConnectionPool(
                ssl_context=(self._tls or trusted()) if scheme == "https" else None,
                max_connections=4,
                network_backend=_Pinned(private=self._private),
            )
        return self._pools[scheme]

    def close(self) -> None:
        """Let go of the connections."""
        for pool in self._pools.values():
            pool.close()


def announced(came: httpx.Response) -> int | None:
    """The bytes of the body as they go over the line, where the answer tells beforehand."""
    length = came.headers.get("content-length", "")
    return int(length) if re.fullmatch(r"[0-9]{1,15}", length) else None


class _Stream(httpx.SyncByteStream):
    def __init__(self, came: httpcore.Response, host: str) -> None:
        self._came, self._host = came, host

    def __iter__(self) -> Iterator[bytes]:
        with _translated(self._host):
            yield from self._came.iter_stream()

    def close(self) -> None:
        self._came.close()
