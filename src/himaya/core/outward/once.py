"""Something said to somebody once: where it must not arrive twice, and what may be too large for memory.

Nobody tries again in here. The error says whether it can have arrived: :class:`~.guard.NotReached` that it cannot,
:class:`~.guard.BrokenOff` that it may have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import httpx

from himaya.core.outward.addresses import address
from himaya.core.outward.guard import TOTAL, BrokenOff, Deadline, Transport
from himaya.core.outward.reply import Reply
from himaya.core.words import N_, Said

AGENT = "Himaya"
MOST = 1024**2
"""Bytes of an answer that are taken."""


def say(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    auth: tuple[str, str],
    content: bytes | Iterable[bytes] = b"",
    size: int = 0,
    private: bool = False,
    total: float = TOTAL,
) -> Reply:
    """Say it, and have the whole answer, whatever its status.

    Args:
        method: the method.
        url: an absolute address.
        headers: beside our own.
        auth: user and password, for HTTP Basic.
        content: the body; where it comes in pieces, they are sent as they come, and the time lasts while they move.
        size: bytes of a body that comes in pieces.
        private: whether addresses of private networks and of this machine may be reached.
        total: seconds for what is not a body in pieces.

    Raises:
        ValueError: the address is none that may be asked.
        NotReached: nothing was said.
        BrokenOff: something was, and there is no whole answer.
    """
    until = Deadline(total, math.inf)
    sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
    if isinstance(content, bytes):
        request = httpx.Request(method, address(url, private=private), headers=sent, content=content)
    else:
        sent["Content-Length"] = str(size)
        request = httpx.Request(method, address(url, private=private), headers=sent, content=_moving(content, until))
    request = next(httpx.BasicAuth(*auth).auth_flow(request))
    transport = Transport(private=private)
    try:
        with transport.answered(request, until) as came:
            return Reply(came.status_code, came.headers, _whole(came, until))
    finally:
        transport.close()


def _moving(content: Iterable[bytes], until: Deadline) -> Iterator[bytes]:
    for piece in content:
        until.came(len(piece))
        yield piece
    until.came(60_000)  # a minute for the other side to put away what came


def _whole(came: httpx.Response, until: Deadline) -> bytes:
    body = b""
    for piece in came.iter_raw():
        body += piece
        until.came(len(piece))
        if len(body) > MOST:
            raise BrokenOff(host="", why=Said("its answer is larger than {n} bytes", n=MOST))
    if came.headers.get("content-encoding", "identity").lower() != "identity":
        raise BrokenOff(host="", why=N_("its answer is packed in a way that was not asked for"))
    return body
