"""Repositories of lists as tests need them: keys, statements of nothing, and a server that can be made hostile."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Targets

from himaya.core.outward import Client
from himaya.core.repository import ceremony, files, keys
from himaya.core.repository.following import Follower
from himaya.core.repository.origins import Line
from himaya.core.repository.pieces import Terms
from himaya.core.repository.publishing import Repository
from himaya.core.repository.states import States
from himaya.core.statements import Statement

ORGANISATION, OTHER = "hotline.example", "police.example"
KEY = ("known", ORGANISATION)
TERMS = Terms("known", "Known material", "amber", 31, "two organisations in two jurisdictions")
SAID_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def said(number: int, *, seed: int = 1, organisation: str = ORGANISATION, basis: str = "national") -> list[Statement]:
    """So many statements about drawn values."""
    chance = random.Random(seed)
    return [
        Statement(
            organisation, "LU", "vouch", "pdq", chance.randbytes(32).hex(), "interpol", "baseline", basis, SAID_AT,
            reference=str(seed * 1_000_000 + n),
        )
        for n in range(number)
    ]  # fmt: skip


@dataclass
class Keys:
    """Of one repository: three root keys, an online key for each role, and one for each of two signatories."""

    root: list[CryptoSigner] = field(default_factory=lambda: [keys.new() for _ in range(3)])
    online: dict[str, CryptoSigner] = field(default_factory=lambda: {role: keys.new() for role in ceremony.ONLINE})
    own: dict[str, CryptoSigner] = field(default_factory=lambda: {name: keys.new() for name in (ORGANISATION, OTHER)})

    @property
    def ring(self) -> list[CryptoSigner]:
        """The keys that a node has at hand."""
        return [*self.online.values(), *self.own.values()]

    def new_root(self, *, previous: bytes | None = None, by: Sequence[int] = (0, 1), **more: object) -> bytes:
        """A finished root, signed by some of the three."""
        online = {role: [signer.public_key] for role, signer in self.online.items()}
        chosen = [signer.public_key for signer in self.root]
        proposal = ceremony.propose(chosen, online=online, name="A node", previous=previous, **more)  # type: ignore[arg-type]
        for one in by:
            proposal = ceremony.sign(proposal, self.root[one])
        return ceremony.finish(proposal)


def new_repository(directory: Path, held: Keys) -> tuple[Repository, bytes]:
    """A repository that admits both signatories and serves nothing as yet, and its root."""
    root = held.new_root()
    made = Repository.create(directory, root=root, ring=held.ring)
    for name, signer in held.own.items():
        made.add_signatory(name, [signer.public_key])
    return made, root


def full(folder: Path, sequence: int, statements: Sequence[Statement], *, organisation: str = ORGANISATION) -> Path:
    """A full file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{organisation}-full-{sequence}"
    files.write_full(path, statements, terms=TERMS, organisation=organisation, sequence=sequence)
    return path


def delta(folder: Path, since: int, sequence: int, statements: Sequence[Statement]) -> Path:
    """A delta."""
    folder.mkdir(exist_ok=True)
    path = folder / f"delta-{since}-{sequence}"
    files.write_delta(path, statements, terms=TERMS, organisation=ORGANISATION, since=since, sequence=sequence)
    return path


class Shelf:
    """Serves a directory on loopback, with ranges; what a test puts into its fields makes it break or lie.

    Attributes:
        directory: what is served.
        instead: path → bytes that are served in place of the file.
        packed: path → bytes that are served in place of the file as something that gzip has packed.
        endless: paths that never end, and announce ten gigabytes.
        leads: path → where it redirects to.
        cut_after: the next file of a list breaks off after so many bytes, once.
        asked: path and range of every request.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.instead: dict[str, bytes] = {}
        self.packed: dict[str, bytes] = {}
        self.endless: set[str] = set()
        self.leads: dict[str, str] = {}
        self.cut_after: int | None = None
        self.asked: list[tuple[str, str]] = []
        self.sent = 0

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The address, within the block."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@contextmanager
def following(shelf: Shelf, directory: Path, root: bytes) -> Iterator[Follower]:
    """A follower of what the shelf serves, which does not wait before it tries again."""
    with shelf.serving() as url, Client(private=True, attempts=2, wait=lambda _: None) as client:
        yield Follower(directory, Line(url, client), root=root)


def _handler(shelf: Shelf) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            shelf.asked.append((path, self.headers.get("Range", "")))
            if path in shelf.leads:
                self._answer(302, b"", Location=shelf.leads[path])
            elif path in shelf.endless:
                self._endless()
            elif path in shelf.packed:
                self._answer(200, shelf.packed[path], **{"Content-Encoding": "gzip"})
            elif path in shelf.instead:
                self._file(shelf.instead[path])
            elif (shelf.directory / path).is_file():
                self._file((shelf.directory / path).read_bytes())
            else:
                self._answer(404, b"")

        def _file(self, content: bytes) -> None:
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
            headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
            if self.path.startswith("/targets/") and shelf.cut_after is not None:
                most, shelf.cut_after = shelf.cut_after, None
                self._head(200, len(content) - start, headers)
                self.wfile.write(content[start : start + most])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self._answer(206 if start else 200, content[start:], **headers)

        def _endless(self) -> None:
            self._head(200, 10 * 1024**3, {})
            with suppress(OSError):
                for _ in range(10 * 1024**3 // 65536):
                    shelf.sent += self.wfile.write(bytes(65536))
            self.close_connection = True

        def _answer(self, status: int, content: bytes, **headers: str) -> None:
            self._head(status, len(content), headers)
            self.wfile.write(content)

        def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler


class Stage:
    """A repository with one list, a shelf that serves it, and a follower that has seen its first state."""

    def __init__(self, folder: Path, *, at: Path) -> None:
        self.folder, self.held = folder, Keys()
        self.made, self.root = new_repository(at, self.held)
        self.made.publish(ORGANISATION, full(folder / "w", 1, said(50)))
        self.shelf, self.directory = Shelf(at), at
        self.follower: Follower

    def sign_role(self, change: Callable[[Targets], object], name: str = ORGANISATION) -> None:
        """Publish what a signatory, who holds his key and has gone bad, signs: no check of ours is in his way."""
        states = States(self.directory, self.held.ring)
        signed = states.next(name)
        change(signed)
        delegator = states.targets()
        with states.store.alone():
            states.commit({name: states.signed(name, signed, [delegator])})

    def put(self, path: str, content: bytes) -> None:
        place = self.directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def fetch(self, have: int | None = None) -> list[Any]:
        found = []
        for one in self.follower.fetch(*KEY, to=self.folder / "t", have=have):
            with self.follower.statements(one) as (_, statements):
                found += list(statements)
        return found


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A stage whose follower has seen the first state."""
    made = Stage(folder, at=folder / "r")
    with following(made.shelf, folder / "f", made.root) as made.follower:
        made.follower.refresh()
        yield made
