"""A repository in one file, for a stick: for nodes without a line.

An uncompressed tar of plain files (POSIX ustar), the same bytes for the same content: the metadata, the files of lists
under their digest, and of a transparency log, where one is given, the checkpoint and the proofs of these files. It is
verified by the client that reads a line, with the pinned root; nothing is ever unpacked under a name that the file
chose.

On a line a timestamp is good for a day; the post takes longer. So timestamp and snapshot are signed once more for the
stick, for weeks and marked as such, and a follower on a line refuses them.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import IO, BinaryIO

from himaya.core import files
from himaya.core.errors import HimayaError, in_words
from himaya.core.repository.chains import BrokenChain, Part
from himaya.core.repository.following import MAX_FILES, Follower
from himaya.core.repository.origins import Absent, Longer
from himaya.core.repository.publishing import MAX_SIGNATORIES, Repository
from himaya.core.words import N_, Said

LIFE = timedelta(days=30)
"""How long a bundle is good; not longer than what the signatories signed."""
CHECKPOINT = "checkpoint"
MAX_CHECKPOINT = 64 * 1024
MAX_MEMBERS = 2 * MAX_FILES + MAX_SIGNATORIES + 100
NAME = re.compile(
    r"metadata/(timestamp|[0-9]{1,10}\.[a-z0-9][a-z0-9.-]{0,59})\.json|(files|proofs)/[0-9a-f]{64}|checkpoint"
)
"""How a member may be named: nothing here leads anywhere."""
_BLOCK, _CHUNK = 512, 1024**2
_TARGET = re.compile(r"targets/[^/]+/[^/]+/([0-9a-f]{64})\.[a-z0-9.-]+")


class BadBundle(HimayaError):
    """The bundle {path} cannot be taken: {why}."""

    remedy = "Nothing of it counts. Copy it anew, or ask for another one."
    status = 422


@dataclass(frozen=True, slots=True)
class Written:
    """A bundle that was written: how many files of lists it has, its bytes, and until when it can be taken.

    ``unknown``: lists that are in it whole, as the state that the receiver is said to have is none of what is served.
    """

    parts: tuple[Part, ...]
    size: int
    until: datetime
    unknown: tuple[str, ...] = ()


def write(
    repository: Repository,
    path: Path,
    *,
    have: Mapping[tuple[str, str], int] | None = None,
    lists: Iterable[str] | None = None,
    checkpoint: bytes = b"",
    prove: Callable[[Sequence[str]], Iterable[tuple[str, bytes]]] = lambda _: (),
    life: timedelta = LIFE,
) -> Written:
    """Put a repository into one file, in constant memory.

    Args:
        repository: with the keys of snapshot and timestamp at hand.
        path: the file, which is there whole or not at all.
        have: list and organisation → the state that the receiver has; what leads on from there goes in, which may be
            nothing. Where a state is not named, the full file goes in.
        lists: of which lists; None: of all. The others' metadata goes in all the same, or the whole could not be
            verified.
        checkpoint: of a transparency log, with its cosignatures.
        prove: gives for the SHA-256 of files, in the order asked, that and the proof that it stands in that log.
        life: how long it can be taken.

    Raises:
        KeyNotHere: a key is missing.
        OSError: it cannot be written.
    """
    chosen = None if lists is None else set(lists)
    with repository.store.alone():
        parts, unknown = list[Part](), list[str]()
        for (list_, organisation), held in sorted(repository.holdings().items()):
            if chosen is None or list_ in chosen:
                state = (have or {}).get((list_, organisation))
                parts += _way(held.way, state)
                unknown += [] if state is None or held.has(state) else [list_]
        metadata, until = repository.for_stick(life)
        contents = [(f"metadata/{name}", content) for name, content in metadata.items()]
        contents += [(CHECKPOINT, checkpoint)] if checkpoint else []
        places = {part.target.hashes["sha256"]: repository.store.file(part.target) for part in parts}
        shown = ((f"proofs/{digest}", content) for digest, content in prove(sorted(places)))
        kept = sorted((f"files/{digest}", place) for digest, place in places.items())
        files.replace(path, _packed(chain(sorted(contents), shown), kept))
    return Written(tuple(parts), path.stat().st_size, until, tuple(unknown))


@contextmanager
def opened(
    path: Path,
    *,
    directory: Path,
    root: bytes,
    pinned: Mapping[str, Collection[str]] = MappingProxyType({}),
    of: str = "",
) -> Iterator[tuple[Follower, bytes, Stick]]:
    """Read a bundle of a stranger: a follower of the repository in it; the checkpoint (empty where there is none),
    which is not verified here; what else there is, as ``proofs/<sha256>``.

    Args:
        path: the bundle.
        directory: keeps what was seen of this repository by stick, from one bundle to the next.
        root: the pinned ``root.json``.
        pinned: as ``Follower`` has it.
        of: as ``Follower`` has it.

    Raises:
        BadBundle: it is none, or has what it must not have.
        NotTrusted: from the follower.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadBundle(path=path, why=in_words(error)) from error
    with file:
        stick = Stick(path, file)
        try:
            checkpoint = stick.small(CHECKPOINT, MAX_CHECKPOINT)
        except Absent:
            checkpoint = b""
        except Longer as error:
            raise BadBundle(path=path, why=in_words(error)) from None
        yield Follower(directory, stick, root=root, by_stick=True, pinned=pinned, of=of), checkpoint, stick


class Stick:
    """The members of a bundle by name: an origin."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.name, self._file = path.name, file
        self._members = dict(_members(path, file))

    def small(self, path: str, most: int) -> bytes:
        """See ``origins.Origin``."""
        start, size = self._find(path)
        if size > most:
            raise Longer(Said("{path} has {n} bytes", path=path, n=size))
        self._file.seek(start)
        return self._file.read(size)

    def large(self, path: str, to: IO[bytes], length: int, on_progress: Callable[[int], object]) -> None:
        """See ``origins.Origin``."""
        found = _TARGET.fullmatch(path)
        start, size = self._find(f"files/{found[1]}" if found else path)
        if size > length:
            raise Longer(Said("{path} has {n} bytes", path=path, n=size))
        have = to.seek(0, os.SEEK_END)
        self._file.seek(start + have)
        while have < size and (chunk := self._file.read(min(_CHUNK, size - have))):
            to.write(chunk)
            have += len(chunk)
            on_progress(have)

    def _find(self, name: str) -> tuple[int, int]:
        if name not in self._members:
            raise Absent(name)
        return self._members[name]


def _members(path: Path, file: BinaryIO) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name → where it begins, and its bytes. Read without ``tarfile``, which follows extensions that we never write."""
    end, at, seen = file.seek(0, os.SEEK_END), 0, set[str]()
    while True:
        file.seek(at)
        block = file.read(_BLOCK)
        if len(block) < _BLOCK:
            raise BadBundle(path=path, why=N_("it is cut off, or no bundle"))
        if block == bytes(_BLOCK):
            return
        name, size = _header(path, block)
        if name in seen:
            raise BadBundle(path=path, why=Said("it has {name} twice", name=name))
        if len(seen) >= MAX_MEMBERS:
            raise BadBundle(path=path, why=Said("it has more than {n} parts", n=MAX_MEMBERS))
        seen.add(name)
        start = at + _BLOCK
        at = start + (size + _BLOCK - 1) // _BLOCK * _BLOCK
        if at > end:
            raise BadBundle(path=path, why=N_("it is cut off, or no bundle"))
        yield name, (start, size)


def _header(path: Path, block: bytes) -> tuple[str, int]:
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    name = block[:100].rstrip(b"\0").decode("ascii", "replace")
    if block[257:263] != b"ustar\0" or _octal(block[148:156]) != total:
        raise BadBundle(path=path, why=N_("it is damaged, or no bundle"))
    if block[156:157] != b"0" or block[345:500].strip(b"\0"):
        raise BadBundle(path=path, why=N_("it has a part that is no plain file"))
    if not NAME.fullmatch(name):
        raise BadBundle(path=path, why=Said("it has a part that is named {name}", name=ascii(name)))
    size = _octal(block[124:136])
    if size is None:
        raise BadBundle(path=path, why=N_("it is damaged, or no bundle"))
    return name, size


def _octal(field: bytes) -> int | None:
    digits = field.rstrip(b" \0")
    return int(digits, 8) if re.fullmatch(rb"[0-7]{1,11}", digits) else None


def _packed(contents: Iterable[tuple[str, bytes]], places: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    for name, content in contents:
        yield _head(name, len(content))
        yield content
        yield bytes(-len(content) % _BLOCK)
    for name, place in places:
        size = place.stat().st_size
        yield _head(name, size)
        with place.open("rb") as file:
            yield from iter(lambda: file.read(_CHUNK), b"")
        yield bytes(-size % _BLOCK)
    yield bytes(2 * _BLOCK)


def _head(name: str, size: int) -> bytes:
    about = tarfile.TarInfo(name)
    about.size, about.mode = size, 0o644
    return about.tobuf(tarfile.USTAR_FORMAT)


def _way(way: Callable[[int | None], tuple[Part, ...]], have: int | None) -> tuple[Part, ...]:
    try:
        return way(have)
    except BrokenChain:
        return way(None)
