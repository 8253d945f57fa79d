"""Keeping the files of the search index: writing them anew as the lists change, and seeing that they are whole.

A thread of the worker does it, one on a machine: whoever holds the lock. A process that is killed at it leaves a file
without a name that counts, and the file that was there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

from himaya.core.search import BadIndexFile
from himaya.screening import live, snapshots

SMALL = 10_000
"""Fewer changes than these are read from the database in no time."""
SHARE = 20
"""A file is written anew once as many items changed as a twentieth of what it holds,"""
OLD = 300.0
"""or once more than a few changed and it is so many seconds old: whoever starts reads them from the database."""
PAUSE = 2.0
"""Seconds between two looks."""
CHECK = 24 * 3600.0
"""Seconds between two readings of all files as a whole."""

logger = logging.getLogger(__name__)


def due(view: live.View) -> list[str]:
    """Signals whose file should be written anew."""
    return [name for name in view.parts if _is_due(view, name)]


def _is_due(view: live.View, name: str) -> bool:
    number, stamp = view.beside[name], view.files.get(name)
    if stamp is None and len(view.parts[name]) and (view.files or snapshots.is_away(name)):
        return True  # where no signal has a file, the lists may be too small to need any
    if number <= SMALL:
        return False
    written = stamp[2] / 1e9 if stamp else 0.0
    return number > len(view.parts[name]) // SHARE or time.time() - written > OLD


def keep() -> bool:
    """Write every file that is due; False where another process is at it.

    Raises:
        OSError: a file cannot be written.
    """
    signals = due(live.view())
    if not signals:
        return True
    with locked() as ours:
        if ours:
            for signal in signals:
                live.merge(signal)
        return ours


def check() -> list[BadIndexFile]:
    """Read every file whole and put damaged ones away, so that they are written anew; what was wrong with them.

    For whoever holds the lock: what was left half-written is removed as well.
    """
    found = []
    for file in snapshots.leftovers():
        file.unlink(missing_ok=True)
    for signal in snapshots.stamps():
        error = snapshots.wrong_with(signal)
        if error is not None:
            found.append(error)
            snapshots.put_away(signal)
    return found


@contextmanager
def locked(*, wait: bool = False) -> Iterator[bool]:
    """Whether this process, of all on this machine, is the one that writes."""
    snapshots.directory().mkdir(mode=0o700, parents=True, exist_ok=True)
    number = os.open(snapshots.directory() / snapshots.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(number)


class Keeper:
    """The thread that keeps the files, until told to stop."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is in hand, for a moment; a file that is half written counts for nothing."""
        self._ended.set()
        self._thread.join(5)

    def _run(self) -> None:
        checked = -CHECK
        try:
            while not self._ended.wait(PAUSE):
                try:
                    if time.monotonic() - checked >= CHECK:
                        checked = time.monotonic()
                        self._check()
                    keep()
                except DatabaseError as error:
                    logger.warning("the search index waits: %s", str(error).strip())
                    connection.close()
                    self._ended.wait(PAUSE * 5)
                except Exception:
                    logger.exception("the search index could not be written; trying again")
                    self._ended.wait(PAUSE * 30)
        finally:
            connection.close()

    def _check(self) -> None:
        with locked() as ours:
            for error in check() if ours else ():
                logger.warning("%s It was put away, and is written anew.", error)
