"""What a backup says of itself: ``manifest.json``, and ``files.jsonl``, a line for each file beside the database."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from himaya.core.errors import HimayaError
from himaya.core.files import replace
from himaya.core.words import N_
from himaya.site.backups.copying import Piece

NAME = re.compile(r"himaya-[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-[0-9a-f]{8}")
MANIFEST, SUM, FILES = "manifest.json", "manifest.sha256", "files.jsonl"
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
"""Kind of a database → the file that holds it."""
LONGEST, LONGEST_LINE = 4 * 1024**2, 16 * 1024
"""Bytes of a manifest, of a line of the list of files."""
DIGEST = r"^[0-9a-f]{64}$"


class NoBackup(HimayaError):
    """{path} is no backup, and holds none that is complete."""

    remedy = "Name a directory that himaya backup --to wrote to, or one of those in it."
    status = 404


class SeveralNodes(HimayaError):
    """{path} holds backups of several nodes."""

    remedy = "Name the one that is meant: each is a directory in it."


class BackupDamaged(HimayaError):
    """The backup {path} cannot be used: {why}."""

    remedy = (
        "Nothing was put back. Take the one before it, or a copy of this one; and look at the disk that it lies on."
    )
    status = 422
    exit_code = 1


class NewerBackup(HimayaError):
    """The backup {path} was made by a newer version of this program ({program})."""

    remedy = "Install that version, or a later one, and put it back with that."
    exit_code = 3


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Database(_Part):
    """The database: its kind, its size in bytes and its SHA-256."""

    kind: Literal["sqlite", "postgresql"]
    size: int = Field(ge=0)
    sha256: str = Field(pattern=DIGEST)


class Ledger(_Part):
    """Where the ledger ended; ``first``, the digest of its first entry, tells one node's history from another's."""

    entries: int = Field(ge=0)
    head: str = Field(pattern=DIGEST)
    first: str = Field(pattern=r"^([0-9a-f]{64})?$")


class Log(_Part):
    """The log: its name, its leaves, and its last checkpoint as it was signed. Empty where there was none."""

    origin: str = ""
    size: int = 0
    checkpoint: str = ""


class Listed(_Part):
    """The list of files: how many, how many bytes they have, and the SHA-256 of the list."""

    count: int = Field(ge=0)
    size: int = Field(ge=0)
    sha256: str = Field(pattern=DIGEST)


class Manifest(_Part):
    """What is in a backup, and what it is a backup of."""

    format: Literal["himaya-backup"] = "himaya-backup"
    version: Literal[1] = 1
    name: str = Field(pattern=f"^{NAME.pattern}$")
    made_at: AwareDatetime
    program: str = Field(max_length=40)
    node: str = Field(max_length=80)
    database: Database
    files: Listed
    ledger: Ledger
    log: Log
    destroyed: tuple[str, ...] = Field(max_length=100_000)
    """Epochs whose keys had been destroyed by then: none of them may come back."""
    sealed: bool = True
    """Whether sealed files are in it."""


class Backup:
    """A complete backup in a directory.

    Raises:
        NoBackup, BackupDamaged, NewerBackup: as their names say.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.manifest = _read(place)

    @property
    def name(self) -> str:
        """Its name, which is that of its directory when it was made."""
        return self.manifest.name

    @property
    def made_at(self) -> datetime:
        """The moment whose state it holds."""
        return self.manifest.made_at

    @property
    def database(self) -> Path:
        """The file that holds the database."""
        return self.place / DATABASES[self.manifest.database.kind]

    def files(self) -> Iterator[tuple[str, Piece]]:
        """Path within the data directory → size and digest, in order of the paths' parts.

        Raises:
            BackupDamaged: a line cannot be read, or leads out of the data directory.
        """
        try:
            with (self.place / FILES).open("rb") as lines:
                while line := lines.readline(LONGEST_LINE):
                    yield self._listed(line)
        except OSError as error:
            raise BackupDamaged(path=self.place, why=f"{FILES}: {error.strerror}") from error

    def _listed(self, line: bytes) -> tuple[str, Piece]:
        try:
            path, size, sha256 = json.loads(line)
            piece = Piece(int(size), str(sha256))
            fits = isinstance(path, str) and not {"", ".", ".."} & set(path.split("/")) and "\0" not in path
        except (ValueError, TypeError) as error:
            raise BackupDamaged(path=self.place, why=N_("its list of files cannot be read")) from error
        if not fits:
            raise BackupDamaged(path=self.place, why=N_("its list of files leads out of the data directory"))
        return path, piece


def write(place: Path, told: Manifest) -> None:
    """Write the manifest, and its own digest as ``sha256sum`` does."""
    content = told.model_dump_json(indent=1).encode()
    replace(place / SUM, (f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n".encode(),))
    replace(place / MANIFEST, (content,))


def line(path: str, piece: Piece) -> bytes:
    """A file as the list has it."""
    return json.dumps([path, piece.size, piece.sha256]).encode() + b"\n"


def order(path: str) -> tuple[str, ...]:
    """What the list of files is sorted by."""
    return tuple(path.split("/"))


def found(place: Path) -> list[Backup]:
    """The complete backups below a directory, or itself where it is one; the newest first.

    Newest is the one whose ledger is the longest: it grows with every backup, and a clock may have been wrong.

    Raises:
        BackupDamaged, NewerBackup: ``place`` itself is one that cannot be used. Of others below it nothing is said.
    """
    if (place / MANIFEST).is_file():
        return [Backup(place)]
    whole = []
    for one in place.iterdir() if place.is_dir() else ():
        if NAME.fullmatch(one.name):
            try:
                whole.append(Backup(one))
            except HimayaError:
                continue
    return sorted(whole, key=lambda one: (one.manifest.ledger.entries, one.made_at, one.name), reverse=True)


def newest(place: Path, *, fits: Callable[[Ledger], bool] = lambda _: False) -> Backup:
    """The newest complete backup, of those whose ledger fits where there are any.

    Raises:
        NoBackup: there is none.
        SeveralNodes: there are those of several nodes, and none fits.
        BackupDamaged, NewerBackup: as :func:`found`.
    """
    every = found(place)
    if not every:
        raise NoBackup(path=place)
    whole = [one for one in every if fits(one.manifest.ledger)]
    if not whole and len({one.manifest.ledger.first for one in every}) > 1:
        raise SeveralNodes(path=place)
    return (whole or every)[0]


def _read(place: Path) -> Manifest:
    try:
        with (place / MANIFEST).open("rb") as file:
            content = file.read(LONGEST)
    except OSError as error:
        raise NoBackup(path=place) from error
    try:
        if (place / SUM).read_text("ascii").split()[:1] != [hashlib.sha256(content).hexdigest()]:
            raise BackupDamaged(path=place, why=N_("its manifest is not what it was"))
        told = json.loads(content)
        if isinstance(told, dict) and told.get("format") == "himaya-backup" and told.get("version") != 1:
            raise NewerBackup(path=place, program=str(told.get("program"))[:40])
        return Manifest.model_validate_json(content)
    except (ValidationError, ValueError, OSError) as error:
        raise BackupDamaged(path=place, why=N_("its manifest cannot be read")) from error
