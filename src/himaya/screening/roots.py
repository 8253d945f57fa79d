"""The paths that a scan is asked for, and how paths are kept in the database."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from himaya.core.buckets import named
from himaya.core.errors import HimayaError
from himaya.core.words import printable


class NoSuchPath(HimayaError):
    """There is no file or folder {path}."""

    remedy = "Check the spelling, and that you may enter the folders above it."


class UnreadablePath(HimayaError):
    """{path} cannot be read: {why}."""


def resolved(paths: Sequence[str]) -> list[str]:
    """The roots of a scan, as they are kept; one that lies within another, or stands there twice, is not among them.

    Raises:
        NoSuchPath, UnreadablePath, NotABucket: as their names say.
    """
    return _outermost([_bucket(path) if path.startswith("s3://") else _root(path) for path in paths])


def _bucket(path: str) -> str:
    bucket, prefix = named(path)
    return escaped(f"s3://{bucket}/{prefix}".encode("utf-8", "surrogatepass"))


def _root(path: str) -> str:
    try:
        return escaped(os.fsencode(Path(path).resolve(strict=True)))
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: it holds a NUL
        raise NoSuchPath(path=printable(path)) from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
        raise UnreadablePath(path=printable(path), why=getattr(error, "strerror", "") or error) from error


def _outermost(roots: list[str]) -> list[str]:
    """No file counts twice. Of a bucket, a prefix is the beginning of keys, whether a slash follows or not."""

    def within(root: str, other: str) -> bool:
        if other.startswith("s3://"):
            return root != other and root.startswith(other)
        return root != other and f"{root}/".startswith(f"{other.rstrip('/')}/")

    once = list(dict.fromkeys(roots))
    return [root for root in once if not any(within(root, other) for other in once)]


def shown(roots: Sequence[str]) -> str:
    """Several of them."""
    return ", ".join(map(shown_root, roots))


def shown_root(root: str) -> str:
    """A root as it is kept with a scan, for people: written as other places are."""
    return printable(os.fsdecode(unescaped(root)))


def escaped(path: bytes) -> str:
    """Text that any database and JSON can hold: bytes that are no UTF-8 are escaped, and so is the backslash."""
    return path.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def unescaped(text: str) -> bytes:
    """What was escaped."""
    return re.sub(
        rb"\\(\\|x[0-9a-f]{2})",
        lambda found: b"\\" if found[1] == b"\\" else bytes([int(found[1][1:], 16)]),
        text.encode(),
    )
