"""Getting Django and the database ready for a command."""

from __future__ import annotations

import fcntl
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

RUNNING = "running.lock"
"""File in the data directory that whoever works with the node keeps locked, together with others who do."""
_held: dict[Path, int] = {}
"""Lock files that this process keeps locked → their numbers."""
LOCK = 0x48494D41
"""Number of the advisory lock of PostgreSQL under which one process at a time prepares the database."""


def actor() -> str:
    """Who acts at the command line, as the ledger names them: the user of the operating system."""
    import getpass

    try:
        return f"cli:{getpass.getuser()}"[:100]
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"


def django() -> None:
    """Load settings and rooms; the database is not touched.

    Raises:
        BadConfig, SecretsExposed, SecretsUnreadable: as their names say.
        HalfRestored: a backup was not put back as far as its secrets, and others would be made now.
    """
    os.umask(0o077)  # whatever this process writes is its owner's alone
    import django as framework

    from himaya.core.config import config
    from himaya.site.secrets import NAME

    if not (config().data / NAME).exists():
        refuse_half_restored()
    gc.disable()  # what is loaded stays, and collections would look at it again and again
    try:
        framework.setup()
    finally:
        gc.freeze()
        gc.enable()


def database() -> None:
    """Load Django and see that the database is prepared; an empty one is prepared now.

    Raises:
        HalfRestored: a backup was not put back to its end.
        NodeReplaced: one is being put back.
        NotReady: it was prepared by an older version.
        TooNew: it was prepared by a newer one.
    """
    django()
    hold()
    refuse_half_restored()
    from himaya.site.cli.trouble import NotReady, TooNew

    state = standing()
    if state in ("empty", "older"):
        with _alone():  # another process may be preparing it just now
            state = standing()
            if state == "empty":
                _migrate()
                state = "ready"
    if state == "newer":
        raise TooNew
    if state == "older":
        raise NotReady


def refuse_half_restored() -> None:
    """See that no backup was begun to be put back, and not ended.

    Raises:
        HalfRestored: one was.
    """
    from himaya.site.backups.preparing import half_done
    from himaya.site.cli.trouble import HalfRestored

    half = half_done()
    if half is not None:
        raise HalfRestored(backup=half.backup, aside=half.aside or "-")


def standing() -> Literal["empty", "older", "ready", "newer"]:
    """How the database relates to this version of the program. Changes nothing."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    applied = executor.loader.applied_migrations
    assert applied is not None
    ours = {app for app, _ in executor.loader.disk_migrations}
    replaced = {key for one in executor.loader.replacements.values() for key in one.replaces}
    known = executor.loader.disk_migrations.keys() | replaced
    if any(key[0] in ours and key not in known for key in applied):
        return "newer"
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "older" if applied else "empty"
    return "ready"


def migrate() -> None:
    """Bring the database to this version; safe to repeat, and to do in several processes at once."""
    with _alone():
        _migrate()


def _migrate() -> None:
    from django.core.management import call_command
    from django.db import connection

    from himaya.ledger import append_only
    from himaya.lists import lasting

    call_command("migrate", verbosity=0, interactive=False)
    append_only.install(connection)
    lasting.install(connection)


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other process prepares the database: one of this machine by file, any by the server's lock."""
    from django.db import connection

    from himaya.core.config import config

    descriptor = os.open(config().data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            if connection.vendor == "postgresql" and connection.connection is not None:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    finally:
        os.close(descriptor)


def hold() -> None:
    """Show, until this process ends, that somebody works with the node: a lock of many holders, which the kernel takes
    from those who die.

    Raises:
        NodeReplaced: somebody puts a backup back, or removes the node.
    """
    from himaya.core.config import config
    from himaya.site.cli.trouble import NodeReplaced

    path = config().data / RUNNING
    if path in _held:
        return
    number = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        raise NodeReplaced(data=config().data) from None
    _held[path] = number


@contextmanager
def nobody_running(data: Path) -> Iterator[bool]:
    """Whether nobody works with the node in ``data``; where nobody does, nobody begins to until the end."""
    try:
        held = os.open(data / RUNNING, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (FileNotFoundError, NotADirectoryError):  # there is none
        yield True
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        yield False
        return
    try:
        yield True
    finally:
        os.close(held)


def write_config() -> Path | None:
    """Write the commented configuration file where there is none; its path, or None where one is there already."""
    from himaya.core.config import config
    from himaya.core.template import template

    path = config().file
    if path.exists():
        return None
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(template())
    return path
