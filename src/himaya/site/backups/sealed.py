"""Sealed files as a backup has them, beside what the database that is connected says was stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from himaya.core.vault.stores.local import ENDING
from himaya.evidence import queries
from himaya.site.backups.manifest import Backup, order
from himaya.site.backups.places import SEALED, sealed_elsewhere


def path_of(name: UUID) -> str:
    """Where a sealed file lies in a backup, and in the data directory."""
    digits = str(name)
    return f"{SEALED}/{digits[:2]}/{digits[2:4]}/{digits}{ENDING}"


def stored_as(path: str) -> str:
    """The SHA-256 that the sealed file of a path has, as the database says; empty: it knows none there."""
    with suppress(ValueError):  # what was being written is no file of anything
        name = UUID(Path(path).name.removesuffix(ENDING))
        return queries.sealed_digest(name) if path_of(name) == path else ""
    return ""


def wanted() -> Iterator[tuple[str, str]]:
    """Path and SHA-256 of every sealed file that something needs, in the order of a backup's list.

    None where they lie elsewhere: then no backup has them.
    """
    if not sealed_elsewhere():
        for name, digest in queries.sealed_files():
            yield path_of(name), digest


def misfits(backup: Backup) -> Iterator[tuple[UUID, bool]]:
    """Sealed files that something needs and that a backup lacks (False), or lists with other content (True)."""
    listed = ((path, piece) for path, piece in backup.files() if path.startswith(f"{SEALED}/"))
    at = next(listed, None)
    for path, digest in wanted():
        while at is not None and order(at[0]) < order(path):
            at = next(listed, None)
        if at is None or at[0] != path:
            yield UUID(Path(path).name.removesuffix(ENDING)), False
        elif at[1].sha256 != digest:
            yield UUID(Path(path).name.removesuffix(ENDING)), True
