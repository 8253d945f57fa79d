"""No test talks to the world: connections may go to this machine alone."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any


class NetworkIsOffError(Exception):
    """A test tried to reach an address that is not of this machine."""


def is_here(host: object) -> bool:
    """Whether ``host``, a name or an address, is this machine."""
    if host in (None, "", b"", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _check(host: object) -> None:
    if not is_here(host):
        raise NetworkIsOffError(f"a test tried to reach {host!r}; start a server on 127.0.0.1 instead")


def turn_off() -> None:
    """From now on, in this process, every way out of this machine raises. Sockets in the file system are untouched."""
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _guarded(name, getattr(socket.socket, name)))
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **more: Any) -> Any:
        _check(host)
        return look_up(host, *args, **more)

    socket.getaddrinfo = getaddrinfo


def _guarded(name: str, original: Any) -> Any:
    def call(self: socket.socket, *args: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _check(args[-1][0])
        return original(self, *args)

    call.__name__ = name
    return call
