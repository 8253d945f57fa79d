"""A file of hashes: at an address, or in a directory of this machine, a stick for instance.

A file says everything there is: what it does not name any more is gone. So a file that is cut off, empty or something
else must never be taken for one that names less; it is trouble, and what stood before stands.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import Any, BinaryIO, ClassVar, Self, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from himaya.core import config as settings
from himaya.core import files, registry
from himaya.core.errors import BadSignal, in_words
from himaya.core.exchange import MAX_KEY, Entry, Exchange, Page, SourceTrouble
from himaya.core.labels import Labelled
from himaya.core.outward import Client
from himaya.core.ports import BadListFile, ItemRow, Refusal
from himaya.core.statements import BASES, JURISDICTION, ORGANISATION
from himaya.core.words import N_, Said, printable, storable

PAGE_SIZE = 1000
PAGE_BYTES = 8 * 1024**2
"""Characters of the values of a page, whichever is reached first: the frames of a long video take two million."""
MAX_NAME = 40
_VOCABULARIES: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("organisation", ORGANISATION.fullmatch), ("jurisdiction", JURISDICTION.fullmatch), ("basis", BASES.__contains__)
)  # fmt: skip
"""What a row may say beside the value, and which words are of it."""
_NO_HEAD = (204, 400, 401, 403, 404, 405, 501)
"""What a server answers that does not tell about a file without giving it; whether it gives it, is seen then."""
_STRANGE = N_(
    "Import the file by hand: each line that cannot be read is shown there. Or correct the format that is set."
)
_SHRUNK = N_(
    "Ask the source whether so much was withdrawn. If so, allow more to be missing at once, and read it again."
)


class Config(BaseModel):
    """Where the file is, and how it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(
        "", max_length=2000, title=N_("Address"), description=N_("https://…; empty for a file of this machine.")
    )
    user: str = Field("", max_length=200, title=N_("User name"), description=N_("Where the address asks for one."))
    password: SecretStr = Field(
        SecretStr(""), title=N_("Password"), description=N_("Of that user, where the address asks for one.")
    )
    directory: str = Field(
        "",
        max_length=1000,
        title=N_("Directory"),
        description=N_("In which the file lies, from / on: where a stick is mounted. Nothing outside it is read."),
    )
    path: str = Field(
        "", max_length=1000, title=N_("Path"), description=N_("Of the file within the directory: lists/hashes.csv.")
    )
    format: str = Field(
        "",
        max_length=40,
        title=N_("Format"),
        description=N_("Name of a list format; empty: as the file's ending says."),
    )
    signal: str = Field(
        "",
        max_length=40,
        title=N_("Signal"),
        description=N_("What the values are, where the file does not say: sha256."),
    )
    largest: int = Field(
        4 * 1024**3, ge=1, title=N_("Largest size"), description=N_("In bytes; a larger file is not read.")
    )
    missing: int = Field(
        50,
        ge=0,
        le=100,
        title=N_("May be missing at once"),
        description=N_("Per cent of the entries; where more are missing than that, the file is taken to be cut off."),
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.address) == bool(self.directory or self.path):
            raise ValueError(N_("give either an address, or a directory and a path"))
        if not self.address:
            parts = PurePosixPath(self.path).parts
            if not self.directory.startswith("/") or not parts or self.path.startswith("/") or ".." in parts:
                why = N_("the directory begins with /, and the path leads from it down to the file, without ..")
                raise ValueError(why)
        if self.format and self.format not in registry.formats():
            known = ", ".join(registry.formats())
            raise ValueError(Said("there is no format {name}; there are {known}", name=repr(self.format), known=known))
        if self.signal and self.signal not in registry.signals():
            known = ", ".join(registry.signals())
            raise ValueError(Said("there is no signal {name}; there are {known}", name=repr(self.signal), known=known))
        return self


class File(Exchange):
    """Every format that can be imported can be subscribed to."""

    name: ClassVar[str] = "file"
    label: ClassVar[str] = N_("A file, at an address or on a stick")
    Config: ClassVar[type[BaseModel]] = Config
    terms: ClassVar[str] = N_("Whoever keeps the file says who may read it, and what may be done with it.")
    here: ClassVar[tuple[str, ...]] = ("directory",)

    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        """The whole file, in pages; one page without changes where it is the file of the last round."""
        config = cast("Config", config)
        before = json.loads(checkpoint) if checkpoint else {}
        with _opened(config, client, before.get("same", "")) as source:
            if source is None:
                yield Page(checkpoint=checkpoint)
                return
            try:
                yield from _pages(config, source, before.get("entries", 0), json.loads(resume) if resume else {})
            except BadListFile as error:
                why = error.facts["why"] if not source.local else N_("it does not begin as such a list does")
                said = Said("the file is not a {format} list: {why}", format=error.facts["format"], why=why)
                raise SourceTrouble(why=said, mend=_STRANGE, permanent=True) from None

    def check(self, config: BaseModel, client: Client) -> str:
        """Whether the file is there; nothing of it is read."""
        config = cast("Config", config)
        if config.address:
            seen = _seen(config, client)
            return N_("it has such a file") if seen else N_("it answers, and tells nothing of the file")
        with _local(config, "") as source:
            return Said("the file is there, {n} bytes", n=source.size if source else 0)


@dataclass(frozen=True, slots=True)
class _Source:
    """An opened file. ``same`` tells it from what it was or will be; empty where nothing does."""

    stream: BinaryIO
    same: str
    size: int
    local: bool


@contextmanager
def _opened(config: Config, client: Client, before: str) -> Iterator[_Source | None]:
    """The file; None where it is still the one called ``before``."""
    try:
        with _remote(config, client, before) if config.address else _local(config, before) as source:
            yield source
    except (OSError, sqlite3.Error) as error:
        why = Said("the file cannot be kept or read here: {why}", why=getattr(error, "strerror", "") or str(error))
        raise SourceTrouble(why=why, mend=N_("See that the disk has room, and that it is whole.")) from None


# --- at an address ---------------------------------------------------------------------------------------------------


@contextmanager
def _remote(config: Config, client: Client, before: str) -> Iterator[_Source | None]:
    seen = _seen(config, client)
    tag, changed, length = (seen.get(name, "") for name in ("etag", "last-modified", "content-length"))
    same = _identity(config, tag or f"{changed}/{length}") if tag or changed else ""
    if same and same == before:
        yield None
        return
    validator = changed if not tag or tag.startswith("W/") else tag  # a weak one does not hold for parts (RFC 9110 §13)
    with TemporaryFile(dir=settings.config().data) as stream:
        headers = {"If-Range": validator} if validator else {}
        size = client.download(config.address, stream, most=config.largest, headers=headers, auth=_login(config))
        if length.isdecimal() and int(length) not in (0, size):
            why = Said("the file has {size} bytes, and {wanted} were announced", size=size, wanted=length[:20])
            raise SourceTrouble(why=why)
        stream.seek(0)
        yield _Source(cast("BinaryIO", stream), same, size, local=False)


def _seen(config: Config, client: Client) -> dict[str, str]:
    """What the server tells about the file without giving it; empty where it tells nothing."""
    plain = {"Accept-Encoding": "identity"}  # as it will be downloaded: a packed one has another length
    reply = client.ask("HEAD", config.address, headers=plain, auth=_login(config), expect=(200, *_NO_HEAD))
    return {name.lower(): text[:300] for name, text in reply.headers.items()} if reply.status == 200 else {}


def _login(config: Config) -> tuple[str, str] | None:
    return (config.user, config.password.get_secret_value()) if config.user else None


# --- in a directory --------------------------------------------------------------------------------------------------


@contextmanager
def _local(config: Config, before: str) -> Iterator[_Source | None]:
    directory = Path(config.directory).resolve()
    own = settings.config().data.resolve()
    if directory == own or own in directory.parents or directory in own.parents:
        why = N_("the directory holds what belongs to the node itself, or lies in it")
        raise SourceTrouble(why=why, mend=N_("Name a directory that is there for lists alone."), permanent=True)
    try:
        number = files.open_unlinked(os.fsencode(directory / config.path), os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise _not_there(error) from None
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode):
        os.close(number)
        raise SourceTrouble(why=N_("what lies there is no file"), mend=_LOOK, permanent=True)
    with os.fdopen(number, "rb") as stream:
        if found.st_size > config.largest:
            raise SourceTrouble(why=Said("the file is larger than {n} bytes", n=config.largest), permanent=True)
        same = _identity(config, _size_and_time(number))
        if same == before:
            yield None
            return
        yield _Source(stream, same, found.st_size, local=True)


def _size_and_time(number: int) -> str:
    found = os.fstat(number)
    return f"{found.st_size}/{found.st_mtime_ns}"


_LOOK = N_("Look whether directory and path are right, whether the stick is there, and whether the node may read it.")


def _not_there(error: OSError) -> SourceTrouble:
    if error.errno == errno.ELOOP:
        why = N_("on the way to the file there is a link, which is not followed")
        return SourceTrouble(why=why, mend=N_("Name the place where the file really is."), permanent=True)
    why = Said("the file cannot be opened: {why}", why=in_words(error) or type(error).__name__)
    return SourceTrouble(why=why, mend=_LOOK)


def _identity(config: Config, told: str) -> str:
    """Of a file as it is read with these settings."""
    how = (config.address, config.directory, config.path, config.format, config.signal, told)
    return hashlib.sha256("\0".join(how).encode()).hexdigest()


# --- its rows --------------------------------------------------------------------------------------------------------


def _pages(config: Config, source: _Source, entries: int, note: dict[str, Any]) -> Iterator[Page]:
    """The file in pages. Behind a page of the same file reading goes on; of another one it begins anew."""
    skip = note["rows"] if source.same and note.get("same") == source.same else 0
    anew, size, rows = bool(note) and not skip, 0, 0
    changes: list[Entry | Refusal] = []
    with _Reader(config, source) as reader:
        for rows, change in enumerate(reader, 1):
            if rows <= skip:
                continue
            changes.append(change)
            size += len(change.signals[0][1]) if isinstance(change, Entry) else 0
            if len(changes) == PAGE_SIZE or size > PAGE_BYTES:
                resume = json.dumps({"same": source.same, "rows": rows}) if source.same else ""
                yield Page(tuple(changes), resume=resume, anew=anew)
                anew, size, changes = False, 0, []
        reader.finish(entries)
        checkpoint = json.dumps({"same": source.same, "entries": reader.entries})
        label = reader.rows.label
        yield Page(tuple(changes), checkpoint=checkpoint, complete=True, total=rows, anew=anew, tlp=label)


class _Reader:
    """Rows as changes, and whether all of them together are a list.

    A row without a reference is known by what it says. Where two rows have one reference, the second is, too: none may
    take the place of the other. Which there have been is kept on disk, for there may be millions.
    """

    def __init__(self, config: Config, source: _Source) -> None:
        self._config, self._source = config, source
        ending = PurePosixPath(urlsplit(config.address).path or config.path).suffix.lower()
        fitting = (format_.name for format_ in registry.formats().values() if ending in format_.accepts)
        self._format = registry.format_(config.format or next(fitting, "hashes"))
        self._signals = registry.signals()
        named = ending.removeprefix(".")
        self._fixed = config.signal or (named if named in self._signals else "")
        self._references = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # a file without a name
        self._references.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;"
            "CREATE TABLE seen (reference TEXT PRIMARY KEY) WITHOUT ROWID;"
        )
        self.entries = self._refused = 0
        self.rows = Labelled(self._format.read(self._source.stream))
        self._last: Entry | Refusal | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._references.close()

    def __iter__(self) -> Iterator[Entry | Refusal]:
        for row in self.rows:
            self._last = change = row if isinstance(row, Refusal) else self._change(row)
            self.entries += isinstance(change, Entry)
            self._refused += isinstance(change, Refusal)
            if isinstance(change, Refusal) and self._source.local:  # whoever sets a path may not be who may read it
                change = Refusal(change.line, change.why)
            yield change

    def finish(self, before: int) -> None:
        """Whether the whole of it can be believed, where the last round had ``before`` entries."""
        if not self.entries or self._refused > self.entries:
            n = self.entries + self._refused
            why = Said("of {n} lines of the file, {refused} cannot be read", n=n, refused=self._refused)
            raise SourceTrouble(why=why, mend=_STRANGE, permanent=True)
        if isinstance(self._last, Refusal) and self._format.media_type.startswith("text/") and self._is_cut():
            raise SourceTrouble(why=N_("the file ends in the middle of a line"))
        if (
            self._source.local
            and _identity(self._config, _size_and_time(self._source.stream.fileno())) != self._source.same
        ):
            raise SourceTrouble(why=N_("the file was changed while it was read"))
        least = before * (100 - self._config.missing)
        if self.entries * 100 < least:
            why = Said("the file names {n} entries, and the last one named {before}", n=self.entries, before=before)
            raise SourceTrouble(why=why, mend=_SHRUNK, permanent=True)

    def _is_cut(self) -> bool:
        self._source.stream.seek(-1, os.SEEK_END)
        return self._source.stream.read(1) != b"\n"

    def _change(self, row: ItemRow) -> Entry | Refusal:
        if row.negative:
            return _refused(row, N_("it is known to be benign; a source says what is on a list alone"))
        name = row.signal.strip().lower() or self._fixed or self._guess(row.value)
        if not name:
            return _refused(row, N_("no signal reads this value"))
        if not storable(row.value + name):
            return _refused(row, N_("it is no text"))
        if len(name) > MAX_NAME:
            return _refused(row, Said("{field} is longer than {n} characters", field="signal", n=MAX_NAME))
        for field, vocabulary in _VOCABULARIES:
            if (said := getattr(row, field)) and not vocabulary(said):
                return _refused(row, Said("{field} is {said}, which is none", field=field, said=printable(said[:40])))
        value = row.value.strip()
        if signal := self._signals.get(name):
            try:
                value = signal.parse(value)
            except BadSignal as error:
                return _refused(row, cast("str", error.facts["why"]))
        key = f"{name}:{value}"
        if len(key) > MAX_KEY:
            key = f"{name}:sha256:{hashlib.sha256(value.encode()).hexdigest()}"
        if reference := printable(row.reference.strip()):
            if len(reference) > MAX_KEY:
                return _refused(row, Said("{field} is longer than {n} characters", field="reference", n=MAX_KEY))
            key = reference if self._is_new(reference) else key
        return _entry(row, key, name, row.value)

    def _is_new(self, reference: str) -> bool:
        return self._references.execute("INSERT OR IGNORE INTO seen VALUES (?)", (reference,)).rowcount == 1

    def _guess(self, value: str) -> str:
        fitting = [name for name, signal in self._signals.items() if signal.guessed(value)]
        if len(fitting) > 1:
            why = Said("it does not say what its values are; they could be {names}", names=" / ".join(fitting))
            raise SourceTrouble(why=why, mend=N_("Set the signal."), permanent=True)
        return fitting[0] if fitting else ""


def _refused(row: ItemRow, why: str) -> Refusal:
    return Refusal(row.line, why, printable(row.value[:80])[:80])


def _entry(row: ItemRow, key: str, name: str, value: str) -> Entry:
    """The class where this node knows it; else it is noted, as is where the row comes from."""
    scheme = registry.schemes().get(row.scheme)
    known = scheme is not None and scheme.get(row.code) is not None
    remarks = (row.note, "" if known else f"{row.scheme} {row.code}".strip(), row.source.strip())
    return Entry(
        key,
        ((name, value),),
        scheme=row.scheme if known else "",
        code=row.code if known else "",
        organisation=row.organisation,
        jurisdiction=row.jurisdiction,
        basis=row.basis,
        at=row.at,
        until=row.until,
        note=printable("; ".join(filter(None, remarks)))[:500],
    )


PLUGIN = File()
