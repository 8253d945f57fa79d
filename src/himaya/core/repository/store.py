"""The directory of a repository: what lies where, and what may be thrown away.

``metadata/`` has ``timestamp.json`` and, under their version, all other roles (``7.snapshot.json``); ``targets/`` has
the files of lists under their digest (``hotline/example.org/<sha256>.full-7.gz``). All but the timestamp never change,
so that it alone says what the whole is: whoever reads while something is published sees the old or the new.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from himaya.core import clock, faults, files
from himaya.core.errors import HimayaError
from himaya.core.repository.ceremony import read_root
from himaya.core.words import N_, Said

GRACE = timedelta(days=1)
"""How long what nothing names any more stays: somebody may be in the middle of fetching it, on a poor line."""
_CHUNK = 1024**2
_ROOT = re.compile(r"([0-9]{1,10})\.root\.json")
_SERVED = re.compile(
    r"metadata/(timestamp|[0-9]{1,10}\.[a-z0-9][a-z0-9.-]{0,59})\.json"
    r"|targets/[a-z0-9][a-z0-9-]{0,59}/[a-z0-9][a-z0-9.-]{0,59}/[0-9a-f]{64}\.(full|delta)-[0-9-]{1,21}\.gz"
)


class RepositoryDamaged(HimayaError):
    """The repository in {directory} cannot be read: {why}."""

    remedy = "Restore the directory from a backup; followers keep what they have meanwhile."
    status = 500
    exit_code = 3


class Store:
    """Reads and writes the directory. What it reads is our own, so it is not verified here."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.metadata, self.targets = directory / "metadata", directory / "targets"

    def served(self, path: str) -> Path | None:
        """The file for the path of a request below the repository's address; None: there is none."""
        if not _SERVED.fullmatch(path):
            return None
        found = self.directory / path
        return found if found.is_file() else None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else, in whatever process, changes the repository within the block; waits until that is so."""
        for folder in (self.metadata, self.targets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.directory / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def exists(self) -> bool:
        """Whether there is a repository; one that was not begun to its end is none."""
        return (self.metadata / "timestamp.json").is_file()

    def roots(self) -> list[Path]:
        """Every root there was, the first one first."""
        # An organisation may be named x.root, and its metadata 3.x.root.json.
        found = {int(name[1]): path for path in self.metadata.glob("*.json") if (name := _ROOT.fullmatch(path.name))}
        return [found[version] for version in sorted(found)]

    def root(self) -> Metadata[Root]:
        """The root in force."""
        known = self.roots()
        if not known:
            raise RepositoryDamaged(directory=self.directory, why=N_("it has no root"))
        return read_root(known[-1].read_bytes())

    def timestamp(self) -> Metadata[Timestamp]:
        """The timestamp in force."""
        return self._read("timestamp.json")

    def snapshot(self) -> Metadata[Snapshot]:
        """The snapshot in force."""
        return self._read(f"{self.timestamp().signed.snapshot_meta.version}.snapshot.json")

    def role(self, name: str, snapshot: Snapshot) -> bytes | None:
        """The metadata of a role as it was signed; None: it has signed nothing as yet."""
        about = snapshot.meta.get(f"{name}.json")
        return self._bytes(f"{about.version}.{name}.json") if about and about.hashes else None

    def file(self, target: TargetFile) -> Path:
        """Where a file of a list lies."""
        folder, _, name = target.path.rpartition("/")
        return self.targets / folder / f"{target.hashes['sha256']}.{name}"

    def write(self, name: str, content: bytes) -> None:
        """Write a metadata file."""
        files.replace(self.metadata / name, [content])
        faults.point("repository.metadata")

    def take(self, target: TargetFile, path: Path) -> None:
        """Copy a file of a list into its place. A file that is there already is the same: its name is its digest."""
        place = self.file(target)
        if place.is_file() and place.stat().st_size == target.length:
            return
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("rb") as file:
            files.replace(place, iter(lambda: file.read(_CHUNK), b""))
        faults.point("repository.file")

    def has(self, target: TargetFile) -> bool:
        """Whether a file of a list is here."""
        return "sha256" in target.hashes and self.file(target).is_file()

    def named(self, snapshot: Snapshot, roles: Mapping[str, bytes]) -> set[Path]:
        """The files that this state of the repository consists of."""
        found = {self.metadata / "timestamp.json", self.metadata / f"{snapshot.version}.snapshot.json", *self.roots()}
        for name, content in roles.items():
            found.add(self.metadata / f"{snapshot.meta[f'{name}.json'].version}.{name}.json")
            signed = Metadata[Targets].from_bytes(content).signed
            found.update(self.file(target) for target in signed.targets.values())
        return found

    def drop(self, paths: Iterable[Path]) -> None:
        """From now on nothing names these: their time begins to run."""
        at = clock.now().timestamp()
        for path in paths:
            with suppress(FileNotFoundError):
                os.utime(path, (at, at))

    def sweep(self, keep: set[Path]) -> int:
        """Remove what is not to be kept and has not been for :data:`GRACE`; how much that was."""
        until, gone = (clock.now() - GRACE).timestamp(), 0
        for folder in (self.metadata, self.targets):
            for path in sorted(folder.rglob("*"), reverse=True):
                with suppress(OSError):
                    if path.is_dir():
                        if path.stat().st_mtime < until:
                            path.rmdir()  # where it is empty
                    elif path not in keep and path.stat().st_mtime < until:
                        path.unlink()
                        gone += 1
        return gone

    def _bytes(self, name: str) -> bytes:
        try:
            return (self.metadata / name).read_bytes()
        except OSError as error:
            why = Said("{file}: {why}", file=name, why=error.strerror or str(error))
            raise RepositoryDamaged(directory=self.directory, why=why) from error

    def _read(self, name: str) -> Metadata[Any]:
        try:
            return Metadata.from_bytes(self._bytes(name))
        except RepositoryError as error:
            why = Said("{file}: {why}", file=name, why=str(error))
            raise RepositoryDamaged(directory=self.directory, why=why) from error
