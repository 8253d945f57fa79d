"""The one way out: HTTP to others, guarded.

Whoever answers may be hostile, or slow, or somebody else than the name promised. So a name is looked up once and the
connection goes to the address that was looked at; an address of a private network needs a word of its own; redirects
are not followed; headers, bodies, what they unpack to, and time have an end; what failed and may be repeated is, with
a pause that doubles. (ASVS 5, 12.3 and 13.2; RFC 9110 for what may be repeated.)
"""

from __future__ import annotations

import json
import random
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import certifi
import httpcore
import httpx

from himaya.core.exchange import SourceTrouble
from himaya.core.outward.guard import TOTAL, Deadline, NotReached, Transport, conversation
from himaya.core.words import N_, Said

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 32 * 1024**2
"""Bytes of an answer, unpacked, where the caller says nothing else."""
ATTEMPTS = 4
LONGEST_WAIT = 60.0
"""Seconds of a Retry-After that are waited for."""
SLOWEST = 1000
"""Bytes a second, on the average of a minute, below which a download is given up."""
CHUNK = 64 * 1024
AGENT = "Himaya"
_AGAIN = frozenset({429, 502, 503, 504})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: ``status``, ``headers`` (looked up in any case), ``content`` (unpacked)."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def text(self) -> str:
        """The content as UTF-8; what is not is replaced."""
        return self.content.decode("utf-8-sig", "replace")

    def json(self) -> Any:
        """The content as JSON.

        Raises:
            SourceTrouble: it is none.
        """
        try:
            return json.loads(self.content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise SourceTrouble(why=Said("its answer is not JSON: {why}", why=str(error)[:200])) from None


class TooMuch(SourceTrouble):
    """The source cannot be read: {why}."""


class Client:
    """HTTP to one source. Not shared between threads.

    Args:
        private: whether addresses of private networks and of this machine may be reached, and plain http used.
        attempts: how often what may be repeated is tried.
        most: bytes of an answer, unpacked, that are taken where a call says nothing else.
        total: seconds for an answer.
        wait: called with the seconds to pause between two attempts; it may raise to end the conversation.
    """

    def __init__(
        self,
        *,
        private: bool = False,
        attempts: int = ATTEMPTS,
        most: int = MOST,
        total: float = TOTAL,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._private, self._attempts, self._most, self._total, self._wait = private, attempts, most, total, wait
        self._http = httpx.Client(
            transport=Transport(private=private, verify=_trusted()), follow_redirects=False, trust_env=False
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

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
        may_repeat = method in _IDEMPOTENT if repeatable is None else repeatable
        wanted = frozenset(expect)
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts
            try:
                with self._conversation(method, url, params, headers, auth, content) as came:
                    if came.status_code in wanted:
                        body = b"".join(_unpacked(came, self._most if most is None else most))
                        return Reply(came.status_code, came.headers, body)
                    pause = _pause(came, attempt)
                    if last or came.status_code not in _AGAIN or not (may_repeat or came.status_code in (429, 503)):
                        raise _trouble(came)
            except NotReached as error:  # nothing was said as yet
                if last:
                    raise SourceTrouble(why=str(error), mend=REACH) from None
                pause = _backed_off(attempt)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, httpx.ConnectError) as error:
                if last or "CERTIFICATE" in str(error).upper():
                    raise SourceTrouble(why=_words(error), mend=REACH) from None
                pause = _backed_off(attempt)
            except (httpx.HTTPError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
                if last or not may_repeat:
                    raise SourceTrouble(why=_words(error)) from None
                pause = _backed_off(attempt)
            self._wait(pause)
        raise AssertionError("unreachable")

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
        have, failures = to.seek(0, 2), 0
        while True:
            before = have
            try:
                return self._some(url, to, have, most, headers, auth, on_progress)
            except (
                NotReached,
                httpx.HTTPError,
                httpcore.TimeoutException,
                httpcore.NetworkError,
                httpcore.ProtocolError,
            ) as error:
                have = to.seek(0, 2)
                failures = 1 if have > before else failures + 1
                if failures >= self._attempts:
                    raise SourceTrouble(why=_words(error), mend=REACH) from None
            self._wait(_backed_off(failures))

    def _some(
        self,
        url: str,
        to: IO[bytes],
        have: int,
        most: int,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
        on_progress: Callable[[int], object],
    ) -> int:
        wanted = {**(headers or {}), "Accept-Encoding": "identity"}
        if have:
            wanted["Range"] = f"bytes={have}-"
        with self._conversation("GET", url, None, wanted, auth, None) as came:
            if came.status_code == 416 and came.headers.get("content-range", "") == f"bytes */{have}":
                return have
            if came.status_code == 200 and have:  # it knows no ranges
                to.seek(0)
                to.truncate()
                have = 0
            elif came.status_code not in (200, 206):
                raise _trouble(came)
            elif have and not came.headers.get("content-range", "").startswith(f"bytes {have}-"):
                raise SourceTrouble(why=N_("it answers with another part of the file than the one that was asked for"))
            until: Deadline = conversation.until
            for chunk in came.iter_raw():  # as it comes: what waited for more would be lost where the line breaks
                have += len(chunk)
                if have > most:
                    raise TooMuch(why=Said("the file is larger than {n} bytes", n=most), permanent=True)
                to.write(chunk)
                until.at = max(until.at, min(time.monotonic() + 60, until.at + len(chunk) / SLOWEST))
                on_progress(have)
            return have

    @contextmanager
    def _conversation(
        self,
        method: str,
        url: str,
        params: Mapping[str, str | int] | None,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
        content: bytes | None,
    ) -> Iterator[httpx.Response]:
        place = self._place(url)
        if params:
            place = place.copy_merge_params(params)
        sent = {"User-Agent": AGENT, "Accept-Encoding": "gzip", **(headers or {})}
        request = self._http.build_request(method, place, headers=sent, content=content, timeout=self._total)
        conversation.until = Deadline(self._total)
        try:
            came = self._http.send(request, auth=auth, stream=True)
            try:
                yield came
            finally:
                came.close()
        finally:
            conversation.until = None

    def _place(self, url: str) -> httpx.URL:
        try:
            place = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise SourceTrouble(
                why=Said("{url} is no address: {why}", url=url[:80], why=str(error)), permanent=True
            ) from None
        if place.scheme not in ("https", "http") or not place.host or place.userinfo:
            why = Said("{url} must begin with https:// and name a host and no user", url=url[:80])
            raise SourceTrouble(why=why, permanent=True)
        if place.scheme == "http" and not self._private:
            why = Said("{url} is not encrypted; only sources of a private network may be", url=url[:80])
            raise SourceTrouble(why=why, permanent=True)
        return place


REACH = N_("Check the address, the network of this node and, for a source in a private network, that it is allowed.")
LOGIN = N_("Check the user name, the password or key, and that the source has admitted this node.")


def _trusted() -> ssl.SSLContext:
    context = ssl.create_default_context()  # the system's authorities, or those of SSL_CERT_FILE
    if not context.get_ca_certs():
        context.load_verify_locations(certifi.where())
    return context


def _unpacked(came: httpx.Response, most: int) -> Iterator[bytes]:
    """The body, unpacked in steps of which none is large: a small answer may pretend to be a large one."""
    coding = came.headers.get("content-encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise SourceTrouble(why=N_("its answer is packed in a way that was not asked for"), permanent=True)
    unpack = zlib.decompressobj(31) if coding == "gzip" else None
    size = 0
    for raw in came.iter_raw(CHUNK):
        rest = raw
        while rest:
            try:
                piece = unpack.decompress(rest, CHUNK) if unpack else rest
            except zlib.error:
                raise SourceTrouble(why=N_("its answer cannot be unpacked")) from None
            rest = unpack.unconsumed_tail if unpack else b""
            size += len(piece)
            if size > most:
                raise TooMuch(why=Said("its answer is larger than {n} bytes", n=most), permanent=True)
            yield piece
    if unpack and not unpack.eof and size:
        raise SourceTrouble(why=N_("its answer was cut off"))


def _trouble(came: httpx.Response) -> SourceTrouble:
    status = came.status_code
    if came.is_redirect:
        where = came.headers.get("location", "")[:200]
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


def _pause(came: httpx.Response, attempt: int) -> float:
    asked = came.headers.get("retry-after", "")
    return min(float(asked), LONGEST_WAIT) if asked.isdecimal() and len(asked) < 8 else _backed_off(attempt)


def _backed_off(attempt: int) -> float:
    return min(2.0 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.7, 1.3)  # noqa: S311


def _words(error: Exception) -> str:
    if isinstance(error, NotReached):
        return str(error)
    if isinstance(error, (httpx.TimeoutException, httpcore.TimeoutException)):
        return N_("it took too long")
    if "CERTIFICATE" in str(error).upper():
        return Said("it does not prove who it is: {why}", why=str(error)[:200])
    return Said("the connection broke: {why}", why=str(error)[:200] or type(error).__name__)
