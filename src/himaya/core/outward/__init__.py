"""The one way out: HTTP to others, guarded.

Whoever answers may be hostile, or slow, or somebody else than the name promised. So a name is looked up once and the
connection goes to the address that was looked at; an address of a private network needs a word of its own; redirects
are not followed; headers, bodies, what they unpack to, and time have an end; what failed and may be repeated is, with
a pause that doubles. (ASVS 5, 12.3 and 13.2; RFC 9110 for what may be repeated.)
"""

from __future__ import annotations

import io
import logging
import math
import random
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import IO, TYPE_CHECKING, Any, TypeVar

import httpx

from himaya.core.errors import in_words
from himaya.core.exchange import SourceTrouble
from himaya.core.outward.addresses import address
from himaya.core.outward.guard import SLOWEST, TOTAL, BrokenOff, Deadline, NotReached, Transport, announced, trusted
from himaya.core.outward.reply import Reply
from himaya.core.words import N_, Said, printable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Client", "Reply", "TooMuch", "address", "trusted"]
MOST = 32 * 1024**2
"""Bytes of an answer, unpacked, where the caller says nothing else."""
ATTEMPTS = 4
LONGEST_WAIT = 60.0
"""Seconds of a Retry-After that are waited for."""
CHUNK = 64 * 1024
"""Bytes that are unpacked in one step."""
AGENT = "Himaya"
Outcome = TypeVar("Outcome")
for _noisy in ("httpx", "httpcore"):  # below this they write whole addresses and headers: keys, too
    logging.getLogger(_noisy).setLevel(logging.WARNING)
_AGAIN = frozenset({429, 502, 503, 504})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class TooMuch(SourceTrouble):
    """The source cannot be read: {why}."""


class Client:
    """HTTP to one source. Not shared between threads.

    Args:
        private: whether addresses of private networks and of this machine may be reached, and plain http used.
        plain: whether plain http may be used with anybody: what is sent is no secret, and what comes proves itself.
        attempts: how often what may be repeated is tried.
        most: bytes of an answer, unpacked, that are taken where a call says nothing else.
        total: seconds for an answer. One that takes longer is not asked for again: it would hold up others as long.
        longest: seconds for one that keeps arriving, and not too slowly; ``total`` where None.
        wait: called with the seconds to pause between two attempts; it may raise to end the conversation.
        keep: a directory that outlasts it, see :attr:`keep`.
        on_progress: called with each part of an answer that comes, and before each pause, so that whoever waits for a
            long one can show that it goes on.
        tls: what its certificate is proved by, and ours where it asks for one; the system's authorities where None.
    """

    def __init__(
        self,
        *,
        private: bool = False,
        plain: bool = False,
        attempts: int = ATTEMPTS,
        most: int = MOST,
        total: float = TOTAL,
        longest: float | None = None,
        wait: Callable[[float], object] = time.sleep,
        keep: Path | None = None,
        on_progress: Callable[[], object] = lambda: None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._private, self._attempts, self._most, self._total, self._wait = private, attempts, most, total, wait
        self._longest, self._transport, self._keep = longest, Transport(private=private, tls=tls), keep
        self._plain = plain
        self._on_progress = on_progress

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def keep(self) -> Path:
        """A directory for whoever speaks a protocol that has a memory of its own; it outlasts the client."""
        if self._keep is None:
            raise SourceTrouble(why=N_("there is no place to keep what was seen of it"), permanent=True)
        self._keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._keep

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def get(self, url: str, **how: Any) -> Reply:
        """GET; see :meth:`ask`."""
        return self.ask("GET", url, **how)

    def post(self, url: str, **how: Any) -> Reply:
        """POST; see :meth:`ask`."""
        return self.ask("POST", url, **how)

    def put(self, url: str, **how: Any) -> Reply:
        """PUT; see :meth:`ask`."""
        return self.ask("PUT", url, **how)

    def ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        content: bytes | None = None,
        most: int | None = None,
        expect: Iterable[int] = (200,),
        repeatable: bool | None = None,
    ) -> Reply:
        """Ask and have the whole answer.

        Args:
            method: the method.
            url: an absolute address.
            params: of the query, added to those that the address has.
            headers: beside our own.
            auth: user and password, for HTTP Basic.
            content: the body.
            most: bytes of the answer that are taken.
            expect: the statuses that are answers; any other is trouble.
            repeatable: whether asking twice has the effect of asking once; by the method where None.

        Raises:
            SourceTrouble: no answer, or none of those expected. ``permanent`` where trying again cannot help.
        """
        wanted = frozenset(expect)

        def once() -> Reply:
            until = Deadline(self._total, self._longest)
            with self._answered(method, url, params, headers, auth, content, until) as came:
                if came.status_code not in wanted:
                    raise _Declined(came)
                body = io.BytesIO()  # which gives away what it holds, and does not copy it
                for piece in _unpacked(came, self._most if most is None else most, until):
                    body.write(piece)
                    self._on_progress()
                return Reply(came.status_code, came.headers, body.getvalue())

        return self._persistently(once, method in _IDEMPOTENT if repeatable is None else repeatable)

    def download(
        self,
        url: str,
        to: IO[bytes],
        *,
        most: int,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        on_progress: Callable[[int], object] = lambda _: None,
    ) -> int:
        """Append to ``to`` what is missing of a file, by ranges (RFC 9110 §14): what was cut off goes on where it was.

        Args:
            url: the file, which must not change under its address.
            to: opened binary for appending; what it holds already is the beginning.
            most: bytes of the whole that are taken.
            headers: beside our own.
            auth: user and password, for HTTP Basic.
            on_progress: called with the bytes there are.

        Returns:
            The bytes there are.

        Raises:
            SourceTrouble: as :meth:`ask`; what has come stays in ``to``.
        """
        reached, since = to.seek(0, 2), time.monotonic()

        def moved() -> bool:
            """Whether more came since the last time, and not so slowly that it would never end."""
            nonlocal reached, since
            have, now = to.seek(0, 2), time.monotonic()
            if have - reached < SLOWEST * max(now - since, 1):
                return False
            reached, since = have, now
            return True

        def some() -> bool:
            return self._some(url, to, most, headers, auth, on_progress)

        while not self._persistently(some, True, moved):
            if not moved():
                raise SourceTrouble(why=N_("it gives the file in parts that are too small"))
        return to.seek(0, 2)

    def _some(
        self,
        url: str,
        to: IO[bytes],
        most: int,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
        on_progress: Callable[[int], object],
    ) -> bool:
        """Append some of what is missing; whether that was all."""
        have, until = to.seek(0, 2), Deadline(self._total, math.inf)
        wanted = {**(headers or {}), "Accept-Encoding": "identity"}
        if have:
            wanted["Range"] = f"bytes={have}-"
        with self._answered("GET", url, None, wanted, auth, None, until) as came:
            if came.status_code == 416 and came.headers.get("content-range", "") == f"bytes */{have}":
                return True
            if came.status_code not in (200, 206):
                raise _Declined(came)
            if came.headers.get("content-encoding", "identity").lower() != "identity":
                raise SourceTrouble(why=UNASKED, permanent=True)
            if came.status_code == 200 and have:  # it knows no ranges
                have = to.truncate(to.seek(0))
            whole = _whole(came, have)
            if (whole or 0) > most:
                raise _too_large(most)
            for chunk in came.iter_raw():  # as they come: what were gathered to larger ones would be lost with the line
                have += len(chunk)
                if have > most:
                    raise _too_large(most)
                to.write(chunk)
                until.came(len(chunk))
                on_progress(have)
                self._on_progress()
            return whole is None or have >= whole

    def _persistently(
        self, once: Callable[[], Outcome], may_repeat: bool, moved: Callable[[], bool] = lambda: False
    ) -> Outcome:
        """Do it, and again where that may help; ``moved`` tells that the last attempt was not in vain."""
        failures = 0
        while True:
            try:
                return once()
            except NotReached as error:
                why = Said("{host} cannot be reached: {why}", **error.facts)
                trouble = SourceTrouble(why=why, mend=REACH, permanent=error.permanent, unsaid=True)
                again, asked = not (error.permanent or error.late), None
            except BrokenOff as error:
                trouble = SourceTrouble(why=error.why, late=error.late)
                again, asked = may_repeat and not error.late, None
            except _Declined as error:
                trouble, asked = error.trouble, error.pause
                again = error.status in _AGAIN and (may_repeat or error.status in (429, 503))
            if moved():
                failures, again = 0, not trouble.permanent
            failures += 1
            if not again or failures >= self._attempts:
                raise trouble
            self._on_progress()
            self._wait(_backed_off(failures) if asked is None else asked)

    def _answered(
        self,
        method: str,
        url: str,
        params: Mapping[str, str | int] | None,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
        content: bytes | None,
        until: Deadline,
    ) -> AbstractContextManager[httpx.Response]:
        place = self._place(url)
        if params:
            place = place.copy_merge_params(params)
        sent = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "gzip", **(headers or {})}
        request = httpx.Request(method, place, headers=sent, content=content)
        if auth:
            request = next(httpx.BasicAuth(*auth).auth_flow(request))
        return self._transport.answered(request, until)

    def _place(self, url: str) -> httpx.URL:
        try:
            return address(url, private=self._private, plain=self._plain)
        except ValueError as error:
            raise SourceTrouble(why=in_words(error), mend=ADDRESS, permanent=True, unsaid=True) from None


ADDRESS = N_(
    "Correct the address. A source in a private network or on this machine must be allowed to lie there: --private at"
    " the command line, or a box that an administrator alone sees."
)
REACH = N_(
    "Check the address and the network of this node. A source in a private network or on this machine must be allowed"
    " to lie there: --private at the command line, or a box that an administrator alone sees."
)
LOGIN = N_("Check the user name, the password or key, and that the source has admitted this node.")


UNASKED = N_("its answer is packed in a way that was not asked for")


class _Declined(Exception):
    """It answered, though not with what was asked for."""

    def __init__(self, came: httpx.Response) -> None:
        asked = came.headers.get("retry-after", "")
        self.status, self.trouble = came.status_code, _trouble(came)
        self.pause = min(float(asked), LONGEST_WAIT) if re.fullmatch(r"[0-9]{1,8}", asked) else None
        """Seconds that it wants us to wait, where it says so."""
        super().__init__(self.status)


def _too_large(most: int) -> TooMuch:
    return TooMuch(why=Said("what it sends is larger than {n} bytes", n=most), permanent=True)


def _whole(came: httpx.Response, have: int) -> int | None:
    """The length of the file in bytes, of which ``have`` are here, where the answer says so.

    Raises:
        SourceTrouble: it is another part of the file.
    """
    if came.status_code == 206:
        part = re.fullmatch(r"bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15}|\*)", came.headers.get("content-range", ""))
        if not part or int(part[1]) != have:
            raise SourceTrouble(why=N_("it answers with another part of the file than the one that was asked for"))
        return None if part[2] == "*" else int(part[2])
    return announced(came)


def _unpacked(came: httpx.Response, most: int, until: Deadline) -> Iterator[bytes]:
    """The body, unpacked in steps of which none is large: a small answer may pretend to be a large one."""
    coding = came.headers.get("content-encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise SourceTrouble(why=UNASKED, permanent=True)
    unpack = zlib.decompressobj(31) if coding == "gzip" else None
    packed, size = announced(came) or 0, 0
    if packed > most:
        raise _too_large(most)
    packed = 0
    for raw in came.iter_raw():
        until.came(len(raw))
        packed, rest = packed + len(raw), raw
        while rest:
            try:
                piece = unpack.decompress(rest, CHUNK) if unpack else rest
            except zlib.error:
                raise SourceTrouble(why=N_("its answer cannot be unpacked")) from None
            if unpack and unpack.unused_data:  # it would be kept, however much comes
                raise SourceTrouble(why=N_("its answer goes on behind its end"))
            rest = unpack.unconsumed_tail if unpack else b""
            size += len(piece)
            if max(size, packed) > most:
                raise _too_large(most)
            yield piece
    if unpack and packed and not unpack.eof:
        raise SourceTrouble(why=N_("it was cut off"))


def _trouble(came: httpx.Response) -> SourceTrouble:
    status = came.status_code
    if came.has_redirect_location:
        where = printable(came.headers["location"][:200])
        why = Said("it leads on to {where}, which is not followed", where=where)
        return SourceTrouble(
            why=why, mend=N_("Ask the source whether it has moved, and set the new address."), permanent=True
        )
    if status in (401, 403):
        why = Said("it does not admit this node (status {status})", status=status)
        return SourceTrouble(why=why, mend=LOGIN, permanent=True)
    return SourceTrouble(
        why=Said("it answered with status {status}", status=status),
        permanent=400 <= status < 500 and status not in (408, 425, 429),
    )


def _backed_off(attempt: int) -> float:
    return min(2.0 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.7, 1.3)  # noqa: S311
