"""Sealed files as a backup has them, beside what the database that is connected says was stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from himaya.evidence import queries
from himaya.site.backups.manifest import Backup, order
from himaya.site.backups.places import SEALED
from himaya.site.backups.storing import name_of, path_of


def stored_as(path: str) -> str:
    """The SHA-256 that the sealed file of a path has, as the database says; empty: it knows none there."""
    name = name_of(path)
    return queries.sealed_digest(name) if name and path_of(name) == path else ""


def beside(there: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The paths that are there, and those that something needs, in order; each with the SHA-256 as it was stored, which
    is empty where nothing needs it.
    """
    needed = ((path_of(name), digest) for name, digest in queries.sealed_files())
    at = next(needed, None)
    for path in there:
        while at is not None and order(at[0]) < order(path):
            yield at
            at = next(needed, None)
        if at is not None and at[0] == path:
            yield at
            at = next(needed, None)
        else:
            yield path, ""
    while at is not None:
        yield at
        at = next(needed, None)


def misfits(backup: Backup) -> Iterator[tuple[UUID, str, bool]]:
    """Sealed files that something needs, with the SHA-256 as they were stored, and that a backup lacks (False) or has
    otherwise (True).
    """
    listed = ((path, piece) for path, piece in backup.files() if path.startswith(f"{SEALED}/"))
    at = next(listed, None)
    for name, digest in queries.sealed_files():
        path = path_of(name)
        while at is not None and order(at[0]) < order(path):
            at = next(listed, None)
        if at is None or at[0] != path:
            yield name, digest, False
        elif at[1].sha256 != digest:
            yield name, digest, True
