"""Keys of epochs, each in a small file of its own, outside the database and its backups.

An epoch is what ends together: a month of retention and a class, as ``2027-03.severe``. Its key is made once, with the
first exhibit. When its time is over it is overwritten and removed, and a mark says for ever that it was. A key that
comes back beside its mark, out of a backup or from somebody's hand, is refused: what was destroyed stays so.

Whose the directory is, a file in it says, so that nothing is written where its volume is not mounted. Beside the key of
an epoch lies what was moved under it from another one: a backup of the data from before that knows the other one only.

Overwriting reaches the place on a disk where the bytes were only where the file system and the disk write in place.
Where they do not (copy-on-write, flash, snapshots), the directory belongs onto an encrypted volume of its own.
"""

from __future__ import annotations

import os
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from uuid import UUID

from himaya.core import faults
from himaya.core.errors import HimayaError
from himaya.core.files import replace, sync_directory

NAME = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])\.[a-z][a-z0-9-]{0,39}")
KEY = 32
OWNER, MOVED = "owner", ".moved"
"""The file that says whose the directory is; the ending of files with what was moved under a key."""
EMPTIED = b" "
"""A line of such a file that was emptied, at its shortest; one without anything is none."""
_LINE = re.compile(rb"([0-9a-f-]{36}) ([0-9a-f-]{36}) ([A-Za-z0-9+/=]{1,400})")
_HEAD = b"himaya epoch key 1\n"
_LENGTH = len(_HEAD) + 2 * KEY + 1


class EpochDestroyed(HimayaError):
    """The key of epoch {epoch} was destroyed: what it closed can never be opened again."""

    status = 410


class EpochLost(HimayaError):
    """There is no key of epoch {epoch} here, and none was destroyed."""

    remedy = "Put back the directory of epoch keys ({directory}): it is kept apart from the database and its backups."
    status = 503
    exit_code = 3


class EpochReturned(HimayaError):
    """The key of epoch {epoch} was destroyed, and is here again: {path}."""

    remedy = "Somebody put it back, or an old copy was restored. Find out who, and destroy it again."
    status = 503
    exit_code = 3


class BadEpochKey(HimayaError):
    """{path} is not the key of an epoch: it is damaged or cut."""

    remedy = "Put it back from where the epoch keys are kept twice."
    status = 503
    exit_code = 3


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved under the key of an epoch: the number of an exhibit; that of what its key opens; that key, wrapped
    anew, which is of no use without the epoch's.
    """

    exhibit: UUID
    of: UUID
    wrapped: bytes


def moved_in(lines: Iterable[bytes]) -> Iterator[Moved]:
    """What the lines of a file tell of what was moved; a line that was cut off, or emptied, tells nothing."""
    for line in lines:
        if found := _LINE.fullmatch(line.strip()):
            with suppress(ValueError):
                exhibit, of, wrapped = (part.decode() for part in found.groups())
                yield Moved(UUID(exhibit), UUID(of), b64decode(wrapped, validate=True))


def joined_lines(here: bytes, copy: bytes) -> bytes:
    """What two files tell of what was moved. Such a file only grows, and its lines are emptied in place: as far as both
    went together, what is empty in either stays so. What was cut off at the end of one is left out.
    """
    ours, others = here.split(b"\n")[:-1], copy.split(b"\n")[:-1]
    ended, together = set[bytes](), 0
    for mine, other in zip(ours, others, strict=False):
        if mine != other:
            if not (mine and other) or (mine.strip() and other.strip()):
                break  # here they went on apart, as two that were put back from one copy
            ended.add((mine.strip() or other.strip())[:36])
        together += 1
    if together < min(len(ours), len(others)):
        known = set(ours)
        more = [line for line in others[together:] if _LINE.fullmatch(line) and line not in known]
    else:
        more = others[together:]
    lines = (EMPTIED if line[:36] in ended else line for line in (*ours, *more))
    return b"".join(line + b"\n" for line in lines)


def shortened(content: bytes) -> bytes:
    """Such a file with each line that was emptied at its shortest, in its place."""
    return re.sub(rb"(?m)^ +$", EMPTIED, content)


def key_in(content: bytes, *, path: Path) -> bytes:
    """The key in the content of its file.

    Raises:
        BadEpochKey: it is none; names ``path``.
    """
    key = content[len(_HEAD) :].strip()
    if len(content) != _LENGTH or not content.startswith(_HEAD) or not re.fullmatch(rb"[0-9a-f]{64}", key):
        raise BadEpochKey(path=path)
    return bytes.fromhex(key.decode())


class EpochKeys:
    """The keys in a directory, which is made where there is none (0700).

    Several processes may use it at once. A name is a year, a month and a class; anything else is a ``ValueError``.

    Args:
        directory: where they are.
        check: asked before a key is made or destroyed; raises where this is not the directory that it should be.
    """

    def __init__(self, directory: Path, *, check: Callable[[EpochKeys], object] = lambda _: None) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory, self._check = directory, check

    @property
    def directory(self) -> Path:
        """Where they are."""
        return self._directory

    @property
    def owner(self) -> str:
        """Whose it is, as somebody wrote into it; empty: nobody has."""
        with suppress(FileNotFoundError):
            return (self._directory / OWNER).read_text("ascii", "replace").strip()
        return ""

    def own(self, owner: str, *, over: bool = False) -> str:
        """Write down whose it is, where nobody has, or ``over`` what somebody did; whose it is then. Of two who do it
        at once, both are told the same.
        """
        content = f"{owner}\n".encode()
        if over:
            replace(self._directory / OWNER, (content,))
        else:
            self._make(self._directory / OWNER, content)
        return self.owner

    def names(self) -> list[str]:
        """The epochs whose keys are here, in order."""
        return sorted(path.stem for path in self._directory.glob("*.key") if NAME.fullmatch(path.stem))

    def destroyed(self) -> list[str]:
        """The epochs whose keys were destroyed, in order."""
        return sorted(path.stem for path in self._directory.glob("*.gone") if NAME.fullmatch(path.stem))

    def is_destroyed(self, epoch: str) -> bool:
        """Whether the key of an epoch was destroyed; one look, however many were."""
        return self._paths(epoch)[1].exists()

    def is_missing(self, epoch: str) -> bool:
        """Whether there is neither the key of an epoch nor a mark that it was destroyed; one look."""
        return not any(path.exists() for path in self._paths(epoch))

    def returned(self) -> list[str]:
        """Epochs whose keys were destroyed and are here all the same."""
        return sorted(set(self.names()) & set(self.destroyed()))

    def key(self, epoch: str) -> bytes:
        """The key of an epoch.

        Raises:
            EpochDestroyed, EpochLost, EpochReturned, BadEpochKey: as their names say.
        """
        path, mark = self._paths(epoch)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            if mark.exists():
                raise EpochDestroyed(epoch=epoch) from None
            raise EpochLost(epoch=epoch, directory=self._directory) from None
        if mark.exists():
            raise EpochReturned(epoch=epoch, path=path)
        return key_in(content, path=path)

    def key_for(self, epoch: str) -> bytes:
        """The key of an epoch, made where there is none yet; of two who make it at once, both get the same.

        Raises:
            EpochDestroyed, EpochReturned, BadEpochKey: as their names say.
        """
        path, mark = self._paths(epoch)
        if not path.exists() and not mark.exists():
            self._check(self)
            self._make(path, _HEAD + secrets.token_hex(KEY).encode() + b"\n")
        return self.key(epoch)

    def put_back(self, epoch: str, content: bytes) -> bool:
        """Bring the file of a key back from a copy; False, and nothing is written, where there is one, or a mark.

        Raises:
            BadEpochKey: it is no such file.
        """
        path, mark = self._paths(epoch)
        if mark.exists() or path.exists():
            return False
        if len(content) != _LENGTH or not content.startswith(_HEAD):
            raise BadEpochKey(path=path)
        self._make(path, content)
        return True

    def _make(self, path: Path, content: bytes) -> None:
        number, name = mkstemp(prefix=".new.", dir=self._directory)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # somebody was faster: theirs is the key
                os.link(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
        sync_directory(self._directory)

    def destroy(self, epoch: str) -> None:
        """Overwrite and remove a key, and leave the mark that it was. Repeated, it does what is left to do.

        The mark comes first: whatever is killed in between, the key is of no use from then on.

        Raises:
            EpochLost: there is neither a key nor a mark; nothing was changed.
            OSError: it could not be done; the key may still be there, beside the mark.
        """
        path, mark = self._paths(epoch)
        self._check(self)
        if not path.exists() and not mark.exists():
            raise EpochLost(epoch=epoch, directory=self._directory)
        self.mark(epoch)
        faults.point("epochs.marked")
        with suppress(FileNotFoundError):
            with path.open("r+b") as file:
                file.write(bytes(max(path.stat().st_size, _LENGTH)))
                file.flush()
                os.fsync(file.fileno())
            faults.point("epochs.overwritten")
            path.unlink()
        self._moved(epoch).unlink(missing_ok=True)
        sync_directory(self._directory)

    def mark(self, epoch: str) -> None:
        """Leave the mark that a key was destroyed, though it was elsewhere."""
        self._paths(epoch)[1].touch(mode=0o600)
        sync_directory(self._directory)

    def add_moved(self, epoch: str, some: Iterable[Moved]) -> None:
        """Write down what was moved under the key of an epoch; it is on the disk when this returns."""
        path = self._moved(epoch)
        lines = [f"{one.exhibit} {one.of} {b64encode(one.wrapped).decode()}\n" for one in some]
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
            file.write("".join(("\n", *lines)).encode())  # a line of its own, whatever was cut off before
            file.flush()
            os.fsync(file.fileno())
        sync_directory(self._directory)

    def moved(self, epoch: str) -> Iterator[Moved]:
        """What was moved under the key of an epoch, in the order in which it was."""
        with suppress(FileNotFoundError), self._moved(epoch).open("rb") as file:
            yield from moved_in(file)

    def put_back_moved(self, epoch: str, content: bytes) -> None:
        """Bring the lines of such a file back from a copy, where there is no mark: beside those that are here."""
        path, mark, here = self._moved(epoch), self._paths(epoch)[1], b""
        with suppress(FileNotFoundError):
            here = path.read_bytes()
        joined = joined_lines(here, content)
        if joined != here and not mark.exists():
            replace(path, (joined,))

    def forget_moved(self, exhibits: Collection[UUID]) -> None:
        """Empty the lines of exhibits, in place, under whatever key they were once: these end. All files are read, so
        all that end together are named together; a file that names none of them is left as it is.
        """
        names = {str(one).encode() for one in exhibits}
        for epoch in self.names() if names else ():
            with suppress(FileNotFoundError), self._moved(epoch).open("r+b") as file:
                at, found = 0, False
                for line in iter(file.readline, b""):
                    if line[:36] in names:
                        file.seek(at)
                        file.write(b" " * len(line.rstrip(b"\n")))
                        file.seek(at + len(line))
                        found = True
                    at += len(line)
                if found:
                    file.flush()
                    os.fsync(file.fileno())

    def _moved(self, epoch: str) -> Path:
        return self._paths(epoch)[0].with_name(f"{epoch}{MOVED}")

    def _paths(self, epoch: str) -> tuple[Path, Path]:
        if not NAME.fullmatch(epoch):
            raise ValueError(f"{epoch!r} is no epoch: a year, a month and a class, as 2027-03.severe")
        return self._directory / f"{epoch}.key", self._directory / f"{epoch}.gone"
