"""The node's own secrets: made once, kept in a file that only its owner can read. It belongs to every backup."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from himaya.core.errors import HimayaError

NAME = "secrets.json"
SHORTEST = 32
"""Characters of a key that is taken; those made here have 86."""


class SecretsExposed(HimayaError):
    """The secrets file {path} can be read by others (mode {mode})."""

    remedy = "Run: chmod 600 {path}"
    status = 500
    exit_code = 3


class SecretsUnreadable(HimayaError):
    """The secrets file {path} cannot be used: {why}."""

    remedy = (
        "Restore it from your backup. Where there is none, move it away: a new one is made, everybody must sign in "
        "again, and every second factor must be taken away (himaya users reset NAME --second-factor lost)."
    )
    status = 500
    exit_code = 3


def secret_key(directory: Path) -> str:
    """The secret that signs sessions and that the key for second factors is derived from (``accounts.sealing``).

    It stands in ``directory/secrets.json`` and is generated there the first time.

    The file is created with mode 0600 before a byte is written to it, and two processes that start together end up
    with the same key: the loser of the race reads what the winner wrote.

    Raises:
        SecretsExposed: others may read the file.
        SecretsUnreadable: it is not what this function wrote, or may not be read.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / NAME
    if not path.exists():
        _write_once(path, {"secret_key": secrets.token_urlsafe(64)})
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise SecretsExposed(path=path, mode=oct(mode))
    try:
        key = json.loads(path.read_text("utf-8"))["secret_key"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise SecretsUnreadable(path=path, why=_why(error)) from error
    if not isinstance(key, str) or len(key) < SHORTEST:
        raise SecretsUnreadable(path=path, why="it holds no key that can be used")
    return key


def _why(error: Exception) -> str:
    """In words, and without a byte of the content."""
    if isinstance(error, OSError):
        return error.strerror or "it is not a file"
    return "it is not JSON" if isinstance(error, ValueError) else "it holds no key"


def _write_once(path: Path, content: dict[str, str]) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # fails where the file exists by now: never overwrites
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
