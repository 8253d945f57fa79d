"""Files of what the lists hold, one a signal, in ``index/`` of the data directory; a machine's processes share them.

A file is nothing but a quicker way to the state that the database had. It says which database, by an entry of the
ledger that stood there when it was written: where that entry is missing or another one, the database is not the one
that it was, and the file is passed over. One that is damaged, or written by another version, is passed over as well and
written anew. It is replaced as a whole, never changed: whoever has it open goes on reading the old one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from himaya.core import files, registry, search
from himaya.core.config import config
from himaya.core.search import BadIndexFile
from himaya.ledger import queries as ledger
from himaya.lists import queries as lists

Stamp = tuple[int, int, int]
"""What tells one file from another: number, length, time of writing in nanoseconds."""
ENDING, LOCK, AWAY = ".index", ".lock", ".away"

logger = logging.getLogger(__name__)


class Opened(NamedTuple):
    """A file's content, and the revision that it stands for."""

    content: search.SearchIndex | search.Prefixes
    revision: int


def directory() -> Path:
    """Where the files are."""
    return config().data / "index"


def path(signal: str) -> Path:
    """The file of a signal."""
    return directory() / f"{signal}{ENDING}"


def stamps() -> Mapping[str, Stamp]:
    """The files that are there, by signal."""
    found = {}
    with suppress(FileNotFoundError):
        for file in directory().iterdir():
            if file.suffix == ENDING and not file.name.startswith("."):
                with suppress(FileNotFoundError):
                    found[file.stem] = _stamp(file)
    return found


def read(signal: str) -> Opened | None:
    """The file of a signal; None where there is none that stands for this database as it is now."""
    file = path(signal)
    try:
        content = search.Prefixes.open(file) if registry.is_exact(signal) else search.open(file)
        revision = _revision(signal, content.note)
    except BadIndexFile as error:
        if file.exists():
            logger.warning("%s It is read from the database instead.", error)
        return None
    if revision is None:
        logger.warning(
            "The search index %s belongs to another database, or to a state of it that was taken back.", file
        )
        return None
    return Opened(content, revision)


def write(signal: str, content: search.SearchIndex | search.Prefixes, revision: int) -> None:
    """Write ``content``, which holds what the database held at ``revision``, and read it back before it counts.

    Raises:
        OSError: the disk is full, or the directory cannot be written.
        BadIndexFile: what was written is not what is read.
    """
    # The entry is read after the items: a database that has it has had these items.
    seq, digest = ledger.head()
    note = {"signal": signal, "revision": revision, "entry": [seq, digest]}
    directory().mkdir(mode=0o700, parents=True, exist_ok=True)
    new = directory() / f".{signal}.new"
    content.save(new, json.dumps(note).encode())
    _verify(signal, new)
    files.rename(new, path(signal))
    _mark_of(signal).unlink(missing_ok=True)


def wrong_with(signal: str) -> BadIndexFile | None:
    """Read a whole file and compare its checksum; takes seconds for tens of millions of items."""
    try:
        _verify(signal, path(signal))
    except BadIndexFile as error:
        return error
    return None


def put_away(signal: str) -> None:
    """Remove a file that is damaged, and leave a mark that there was one: it is to be written anew, however small."""
    _mark_of(signal).touch(mode=0o600)
    path(signal).unlink(missing_ok=True)


def is_away(signal: str) -> bool:
    """Whether a file was put away, and none has been written since."""
    return _mark_of(signal).exists()


def leftovers() -> list[Path]:
    """What killed processes left half-written; whoever holds the lock may remove it."""
    hidden = [file for file in directory().iterdir() if file.name.startswith(".")]
    return [file for file in hidden if file.name != LOCK and file.suffix != AWAY]


def _mark_of(signal: str) -> Path:
    return directory() / f".{signal}{AWAY}"


def _verify(signal: str, file: Path) -> None:
    if registry.is_exact(signal):
        search.Prefixes.verify(file)
    else:
        search.verify(file)


def _stamp(file: Path) -> Stamp:
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _revision(signal: str, note: bytes) -> int | None:
    """The revision that a note names, if its entry stands in the ledger here."""
    try:
        told = json.loads(note)
        seq, digest = told["entry"]
        revision = int(told["revision"])
        if told["signal"] != signal or revision > lists.revision():  # asked now: another process may be ahead of us
            return None
    except (ValueError, KeyError, TypeError):
        return None
    entry = ledger.entry(seq)
    return revision if entry is not None and entry.digest == digest else None
