"""The keys of the node in an archive of their own: a tar, encrypted with age to whoever keeps it.

It holds ``secrets.json``, ``himaya.toml`` (which may hold passwords), and the keys of epochs with the marks of those
that were destroyed. Without Django: it is opened before the node has the secret that Django wants.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import tarfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from himaya.core import clock, faults
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.files import rename, replace
from himaya.core.vault.epochs import MOVED, OWNER, EpochKeys, shortened
from himaya.core.vault.epochs import NAME as EPOCH
from himaya.core.vault.recipients import Identity, NotIdentity, NotOpened, decrypt, encrypt, identity
from himaya.core.vault.recipients import recipients as read_recipients
from himaya.core.words import N_
from himaya.site.backups import places
from himaya.site.secrets import NAME as SECRETS

FACTS, EPOCHS = "keys.json", "epochs/"
LONGEST = 512 * 1024**2
"""Bytes of an archive. What was moved under a key takes 180 bytes for each exhibit."""
_MEMBER = re.compile(rf"secrets\.json|himaya\.toml|keys\.json|epochs/(owner|({EPOCH.pattern})\.(key|gone|moved))")


class BadAgeIdentity(HimayaError):
    """{path} holds no identity of age: {why}."""

    remedy = "Give the file that himaya keys age, or age-keygen, wrote: a line begins with AGE-SECRET-KEY-1."


class KeysStayClosed(HimayaError):
    """The archive of keys {path} cannot be opened: {why}."""

    remedy = "Give the identity of one of those that it was encrypted to, or another copy of the archive."
    exit_code = 1


class ArchiveTooLarge(HimayaError):
    """The archive of keys would have {size} MiB, and of more than {most} MiB none is read again: none was written."""

    remedy = (
        "What was moved under keys fills it, and goes when they end. Until then copy the directory of epoch keys "
        "({directory}) with secrets.json and himaya.toml yourself: encrypted, and apart from the data."
    )
    status = 409


class NoRecipients(HimayaError):
    """Keys are written for somebody only."""

    remedy = "Name who keeps them: --recipient age1…, once for each. Such a key is made with: himaya keys age FILE"


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive of keys holds, opened."""

    path: Path
    made_at: datetime
    files: dict[str, bytes]

    def __repr__(self) -> str:
        """Without the keys."""
        return f"Archive({self.path})"

    @property
    def secret(self) -> str:
        """The secret of the node."""
        return str(json.loads(self.files[SECRETS])["secret_key"])

    @property
    def destroyed(self) -> list[str]:
        """The epochs that had been destroyed by then."""
        return sorted(name[len(EPOCHS) : -len(".gone")] for name in self.files if name.endswith(".gone"))

    @property
    def epochs(self) -> dict[str, bytes]:
        """Epoch → the file of its key."""
        ending = len(".key")
        return {name[len(EPOCHS) : -ending]: held for name, held in self.files.items() if name.endswith(".key")}

    @property
    def moved(self) -> dict[str, bytes]:
        """Epoch → the file of what was moved under its key."""
        every = ((name[len(EPOCHS) :], held) for name, held in self.files.items() if name.endswith(MOVED))
        return {name.removesuffix(MOVED): held for name, held in every}

    @property
    def owner(self) -> str:
        """Whose the directory of keys was; empty: it did not say."""
        return self.files.get(f"{EPOCHS}{OWNER}", b"").decode("ascii", "replace").strip()


def write(to: Path, *, recipients: Sequence[str]) -> tuple[Path, list[str]]:
    """Write the node's keys, encrypted, into a new file below ``to``; its path, and the epochs whose keys are in it.

    Raises:
        NoPlace, BackupRuns, NoRecipients, NotRecipients, ArchiveTooLarge: as their names say.
        OSError: it cannot be written; nothing of it is left.
    """
    if not recipients:
        raise NoRecipients
    readers = read_recipients("\n".join(recipients))
    places.check_for_keys(to)
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = clock.now()
    path = to / f"{places.KEYS_NAME}{at:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}{places.KEYS_ENDING}"
    closed, packed = io.BytesIO(), _packed(at)
    encrypt(io.BytesIO(packed), closed, recipients=readers)
    if (size := closed.tell()) > LONGEST:
        raise ArchiveTooLarge(size=in_mib(size), most=in_mib(LONGEST), directory=config().epoch_directory)
    faults.point("backup.keys")
    replace(path, (closed.getvalue(),))
    return path, sorted(_unpacked(path, packed).epochs)


def in_mib(size: int) -> int:
    """Bytes as MiB, of which one is begun."""
    return -(-size // 1024**2)


def read(path: Path, *, identities: Path) -> Archive:
    """Open an archive with the identities in a file.

    Raises:
        BadAgeIdentity, KeysStayClosed: as their names say.
    """
    mine, why = _identities(identities), object()
    try:
        with path.open("rb") as file:
            closed = file.read(LONGEST + 1)
        if len(closed) > LONGEST:
            raise KeysStayClosed(path=path, why=N_("it is too large to be one"))
    except OSError as error:
        raise KeysStayClosed(path=path, why=error.strerror) from error
    for one in mine:
        opened = io.BytesIO()
        try:
            decrypt(io.BytesIO(closed), opened, identity=one)
        except NotOpened as error:
            why = error.facts["why"]
            continue
        return _unpacked(path, opened.getvalue())
    raise KeysStayClosed(path=path, why=why)


@dataclass(frozen=True, slots=True)
class PutBack:
    """What became of keys of epochs: destroyed again, and set apart because nobody here says that they were."""

    again: list[str]
    apart: list[Path]


def put_back(archive: Archive | None, *, destroyed: Collection[str], aside: str, owner: str) -> PutBack:
    """Bring marks and keys of epochs into their directory: marks first, and never a key over a mark.

    No key that is here without a mark is destroyed on anybody's word: it is set apart, and a person is asked. An
    archive is signed by nobody: what it has as destroyed gets a mark only where there is no key.

    Args:
        archive: where the keys come from; None: only the marks are brought, and what has come back is destroyed again.
        destroyed: epochs that the ledger which was put back, and proved, knows as destroyed.
        aside: the name of the folder, beside the keys, for those that are set apart.
        owner: whose the directory is, as the database that was put back has it; empty: it does not say. Where it is
            another, and no archive comes, its volume is not mounted: then nothing is written.
    """
    held = archive.epochs if archive else {}
    directory = config().epoch_directory
    if not destroyed and not held and not directory.is_dir():
        return PutBack([], [])
    keys = EpochKeys(directory)
    if archive is None and owner and keys.owner != owner:
        return PutBack([], [])
    if archive is not None and (name := owner or archive.owner):
        keys.own(name, over=True)
    returned, marked = keys.returned(), set(keys.destroyed())
    for epoch in returned:
        keys.destroy(epoch)
    new = sorted(set(destroyed) - marked)
    apart = [_set_apart(directory, epoch, aside) for epoch in new if epoch in keys.names()]
    lost = sorted(set(archive.destroyed if archive else ()) - marked - {*keys.names(), *held})
    for epoch in (*new, *lost):
        keys.mark(epoch)
    faults.point("restore.marks")
    for epoch, content in held.items():
        keys.put_back(epoch, content)
    for epoch, content in (archive.moved if archive else {}).items():
        keys.put_back_moved(epoch, content)
    return PutBack(sorted({*returned, *({*marked, *new} & held.keys())}), apart)


def _set_apart(directory: Path, epoch: str, aside: str) -> Path:
    path = directory / aside / f"{epoch}.key"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    rename(directory / path.name, path)
    return path


def others_here(archive: Archive) -> list[Path]:
    """Secrets and keys that are here and are others than those in the archive: they would be replaced."""
    pairs = [(config().data / SECRETS, archive.files.get(SECRETS))]
    directory = config().epoch_directory
    pairs += [(directory / f"{epoch}.key", content) for epoch, content in archive.epochs.items()]
    return [path for path, content in pairs if content is not None and path.exists() and path.read_bytes() != content]


def put_back_secrets(archive: Archive, *, over: bool) -> bool:
    """Write ``secrets.json``; False, and nothing is written, where there is one and it is not to be written over."""
    path = config().data / SECRETS
    if path.exists() and not over:
        return False
    replace(path, (archive.files[SECRETS],))
    return True


def put_back_settings(archive: Archive) -> Path | None:
    """Write ``himaya.toml`` where there is none; it counts from now on. Its path, where it was written."""
    if places.SETTINGS in archive.files and not config().file.exists():
        config().file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace(config().file, (archive.files[places.SETTINGS],))
        config.cache_clear()
        return config().file
    return None


def _packed(at: datetime) -> bytes:
    out, digests = io.BytesIO(), {}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in _contents():
            digests[name] = hashlib.sha256(content).hexdigest()
            _add(tar, name, content)
        facts = {"format": "himaya-keys", "version": 1, "made_at": at.isoformat(), "sha256": digests}
        _add(tar, FACTS, json.dumps(facts, indent=1).encode())
    return out.getvalue()


def _contents() -> Iterator[tuple[str, bytes]]:
    yield SECRETS, (config().data / SECRETS).read_bytes()
    with suppress(FileNotFoundError):
        yield places.SETTINGS, config().file.read_bytes()
    directory = config().epoch_directory
    if directory.is_dir():
        gone = {f"{name}.gone" for name in EpochKeys(directory).destroyed()}
        for path in sorted(directory.iterdir()):
            if _MEMBER.fullmatch(f"{EPOCHS}{path.name}") and f"{path.stem}.gone" not in gone - {path.name}:
                with suppress(FileNotFoundError):  # destroyed meanwhile
                    content = path.read_bytes()
                    yield f"{EPOCHS}{path.name}", shortened(content) if path.suffix == MOVED else content


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    tar.addfile(member, io.BytesIO(content))


def _unpacked(path: Path, content: bytes) -> Archive:
    files = dict[str, bytes]()
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for member in tar:
                held = tar.extractfile(member) if member.isreg() else None
                if held is None or not _MEMBER.fullmatch(member.name):
                    raise KeysStayClosed(path=path, why=N_("it holds something that is no key"))
                files[member.name] = held.read()
        facts = json.loads(files.pop(FACTS))
        whole = {name: hashlib.sha256(held).hexdigest() for name, held in files.items()} == facts["sha256"]
        if facts["format"] != "himaya-keys" or not whole or SECRETS not in files:
            raise KeysStayClosed(path=path, why=N_("it is not whole"))
        return Archive(path, datetime.fromisoformat(facts["made_at"]), files)
    except (tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise KeysStayClosed(path=path, why=N_("it is no archive of keys")) from error


def _identities(path: Path) -> list[Identity]:
    """The private keys in a file: one of SSH, or those of age, one a line."""
    try:
        text = path.read_text("ascii")
        lines = [line for each in text.splitlines() if (line := each.strip()) and not line.startswith("#")]
        return [identity(one) for one in ([text] if "PRIVATE KEY" in text or not lines else lines)]
    except OSError as error:
        raise BadAgeIdentity(path=path, why=error.strerror) from error
    except ValueError as error:
        raise BadAgeIdentity(path=path, why=N_("a line of it is none")) from error
    except NotIdentity as error:
        raise BadAgeIdentity(path=path, why=error.facts["why"]) from error
