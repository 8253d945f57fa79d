"""Keys of epochs, each in a small file of its own, outside the database and its backups.

An epoch is what ends together: a month of retention and a class, as ``2027-03.severe``. Its key is made once, with the
first exhibit. When its time is over it is overwritten and removed, and a mark says for ever that it was. A key that
comes back beside its mark, out of a backup or from somebody's hand, is refused: what was destroyed stays so.

Overwriting reaches the place on a disk where the bytes were only where the file system and the disk write in place.
Where they do not (copy-on-write, flash, snapshots), the directory belongs onto an encrypted volume of its own.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from himaya.core import faults
from himaya.core.errors import HimayaError
from himaya.core.files import sync_directory

NAME = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])\.[a-z][a-z0-9-]{0,39}")
KEY = 32
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
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory

    def names(self) -> list[str]:
        """The epochs whose keys are here, in order."""
        return sorted(path.stem for path in self._directory.glob("*.key") if NAME.fullmatch(path.stem))

    def destroyed(self) -> list[str]:
        """The epochs whose keys were destroyed, in order."""
        return sorted(path.stem for path in self._directory.glob("*.gone") if NAME.fullmatch(path.stem))

    def is_destroyed(self, epoch: str) -> bool:
        """Whether the key of an epoch was destroyed; one look, however many were."""
        return self._paths(epoch)[1].exists()

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
            OSError: it could not be done; the key may still be there, beside the mark.
        """
        path, mark = self._paths(epoch)
        mark.touch(mode=0o600)
        sync_directory(self._directory)
        faults.point("epochs.marked")
        with suppress(FileNotFoundError):
            with path.open("r+b") as file:
                file.write(bytes(max(path.stat().st_size, _LENGTH)))
                file.flush()
                os.fsync(file.fileno())
            faults.point("epochs.overwritten")
            path.unlink()
        sync_directory(self._directory)

    def _paths(self, epoch: str) -> tuple[Path, Path]:
        if not NAME.fullmatch(epoch):
            raise ValueError(f"{epoch!r} is no epoch: a year, a month and a class, as 2027-03.severe")
        return self._directory / f"{epoch}.key", self._directory / f"{epoch}.gone"
