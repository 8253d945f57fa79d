"""The lists in memory: what every question is compared with, kept as the database has it.

One :class:`View` a process: an index of each perceptual signal (of a composite one, as videos have, of the frames), the
first halves of each exact signal's values, the radius of each list. It is opened from files that all processes of a
machine share (:mod:`himaya.screening.snapshots`) and follows the database by the number of the last change of the
lists: what came and went since the files were written lies beside them in memory. A hit is always looked up in the
database once more, so what was withdrawn never matches.

Without :func:`follow`, every question asks the database first what has changed. With it a thread does, woken by
PostgreSQL's NOTIFY or five times a second, and a question whose answer is *unknown* needs no database at all; where the
thread cannot tell for longer than :data:`FRESH`, questions ask for themselves again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from django.db import DatabaseError, connection

from himaya.core import registry, search
from himaya.lists import queries as lists
from himaya.screening import changes, snapshots

FRESH = 0.8
"""Seconds for which a view counts as current after the database was asked."""
READING = 60.0
"""Seconds for which changes may be read while questions are answered from the view before; then these wait for them."""
OFF = 255
"""The radius of a list that is switched off."""
PAUSE = 0.2
"""Seconds between two questions of the thread."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """The lists as they were at a revision: ``near``, ``frames``, ``exact`` by signal, ``radii``, ``names`` by list."""

    revision: int
    near: Mapping[str, search.SearchIndex]
    frames: Mapping[str, search.SearchIndex]
    """Of composite signals: no value of theirs can be looked for here."""
    exact: Mapping[str, search.Prefixes]
    radii: search.Radii
    names: Mapping[str, int]
    files: Mapping[str, snapshots.Stamp]
    """The files that were there when it was loaded, whether they were of use or not."""
    beside: Mapping[str, int]
    """How many hashes of each signal came or went since its file was written."""

    @property
    def parts(self) -> dict[str, changes.Part]:
        """What there is of each signal."""
        return {**self.near, **self.frames, **self.exact}

    def radii_of(self, only: frozenset[str]) -> search.Radii:
        """The radii, those of other lists switched off; all where ``only`` is empty."""
        if not only:
            return self.radii
        chosen = np.full_like(self.radii, OFF)
        for name in only & self.names.keys():
            chosen[self.names[name]] = self.radii[self.names[name]]
        return chosen


class Live:
    """One process's view and what keeps it current. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view: View | None = None
        self._current_until = -1.0
        self._reading_until = -1.0

    def view(self) -> View:
        """The view, current: as of now, or where a thread follows, of the last :data:`FRESH` seconds.

        Nobody waits while changes are read, which takes some seconds for a million: the view is what it was before.

        Raises:
            DatabaseError: the database does not answer.
        """
        view = self._view
        now = time.monotonic()
        if view is not None and (now < self._reading_until or now < self._current_until):
            return view
        return self.catch_up()

    def catch_up(self, *, for_seconds: float = 0) -> View:
        """Ask the database what has changed; questions of the next ``for_seconds`` need not ask again."""
        with self._lock:
            asked = time.monotonic()
            revision = lists.revision()
            self._reading_until = asked + READING if for_seconds else -1.0
            try:
                self._view = view = self._caught_up(self._view, revision)
            finally:
                self._reading_until = -1.0
            self._current_until = asked + for_seconds
            return view

    def merge(self, signal: str) -> None:
        """Write a signal's file anew with all that lies beside it, and open that."""
        with self._lock:
            view = self._caught_up(self._view, lists.revision())
            snapshots.write(signal, view.parts[signal], view.revision)
            self._view = self._caught_up(view, view.revision)

    def _caught_up(self, view: View | None, revision: int) -> View:
        if view is None or revision < view.revision:  # an older database was restored: begin anew
            return _loaded(revision)
        stamps = snapshots.stamps()
        if stamps != view.files:
            view = _reopened(view, stamps)
        return view if revision == view.revision else _changed(view, revision)


def _loaded(revision: int) -> View:
    radii, names = _terms()
    empty = View(revision, {}, {}, {}, radii, names, snapshots.stamps(), {})
    kinds = registry.signals().values()
    return _with(empty, [kind.name for kind in kinds if kind.exact or kind.composite or kind.bits == 256])


def _reopened(view: View, stamps: Mapping[str, snapshots.Stamp]) -> View:
    """The view with the signals whose files are new, or gone, read from there."""
    changed = [signal for signal in view.parts if stamps.get(signal) != view.files.get(signal)]
    return _with(replace(view, files=stamps), changed)


def _with(view: View, signals: Iterable[str]) -> View:
    """The view with these signals loaded: from their files and what changed since, or all from the database."""
    near, frames, exact, beside = dict(view.near), dict(view.frames), dict(view.exact), dict(view.beside)
    for signal in signals:
        index, revision = snapshots.read(signal) or (_new(signal), 0)
        beside[signal] = changes.apply(signal, index, revision)
        if isinstance(index, search.Prefixes):
            exact[signal] = index
        elif registry.signal(signal).composite:
            frames[signal] = index
        else:
            near[signal] = index
    return replace(view, near=near, frames=frames, exact=exact, beside=beside)


def _new(signal: str) -> changes.Part:
    return search.Prefixes.build(np.empty(0, np.uint64)) if registry.is_exact(signal) else search.empty()


def _changed(view: View, revision: int) -> View:
    beside = dict(view.beside)
    for signal, part in view.parts.items():
        beside[signal] += changes.apply(signal, part, view.revision)
    radii, names = _terms()
    return replace(view, revision=revision, radii=radii, names=names, beside=beside)


def _terms() -> tuple[search.Radii, Mapping[str, int]]:
    terms = lists.terms()
    radii = np.full(max((term.id for term in terms), default=-1) + 1, OFF, np.uint8)
    for term in terms:
        radii[term.id] = term.radius if term.enabled else OFF
    return radii, {term.name: term.id for term in terms}


# --- following -------------------------------------------------------------------------------------------------------


class _Follower:
    """The thread that keeps a view current."""

    def __init__(self, live: Live) -> None:
        self._live, self._ended = live, threading.Event()
        self._thread = threading.Thread(target=self._run, name="lists", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop, and wait for it."""
        self._ended.set()
        self._thread.join(5)

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                try:
                    self._follow()
                except DatabaseError as error:
                    logger.warning("the lists cannot be followed: %s", str(error).strip())
                    connection.close()
                    self._ended.wait(PAUSE * 5)
                except Exception:
                    logger.exception("the lists cannot be followed; trying again")
                    self._ended.wait(PAUSE * 5)
        finally:
            connection.close()

    def _follow(self) -> None:
        listening = connection.vendor == "postgresql"
        if listening:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {lists.CHANNEL}")
        while not self._ended.is_set():
            self._live.catch_up(for_seconds=FRESH)
            if not listening:
                self._ended.wait(PAUSE)
                continue
            for _ in connection.connection.notifies(timeout=PAUSE, stop_after=1):
                pass


_live = Live()
_follower: _Follower | None = None
_starting = threading.Lock()


def view() -> View:
    """This process's view, current."""
    return _live.view()


def merge(signal: str) -> None:
    """Write a signal's file anew, for this process and the others of this machine."""
    _live.merge(signal)


def follow() -> None:
    """Have a thread of this process keep the view current from now on. Once is enough."""
    global _follower
    with _starting:
        if _follower is None:
            _follower = _Follower(_live)


def forget() -> None:
    """Begin anew, as when the database was exchanged under this process. For tests."""
    global _live, _follower
    with _starting:
        if _follower is not None:
            _follower.end()
        _live, _follower = Live(), None


def _begin_anew() -> None:
    """In a forked process: its parent's thread is not here, and a lock may be held for ever."""
    global _live, _follower, _starting
    _live, _follower, _starting = Live(), None, threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)
