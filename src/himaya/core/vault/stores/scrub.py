"""Reading everything again, slowly, to find what rots before it is needed. Who asks for which files is the caller."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from himaya.core.errors import HimayaError, in_words
from himaya.core.vault.stores.mirrored import State, judged, mend
from himaya.core.vault.stores.port import Store

Found = Literal["whole", "rotten", "missing", "unread", "repaired"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file.

    Attributes:
        name: which.
        found: ``whole``: every copy is; ``repaired``: every copy is, now; else the worst that is left of its copies.
        copies: the place of each copy, and what it was before a repair.
        read: bytes that were read for it.
        why: why it could not be repaired, where that was tried.
    """

    name: UUID
    found: Found
    copies: tuple[tuple[str, State], ...]
    read: int
    why: str = ""


class _Pace:
    """Lets so many bytes pass in a second, on the average since it began."""

    def __init__(self, rate: int | None, wait: Callable[[float], object]) -> None:
        self._rate, self._wait, self._due, self.read = rate, wait, time.monotonic(), 0

    def passed(self, size: int) -> None:
        """So many bytes were read."""
        self.read += size
        if self._rate:
            self._due += size / self._rate
            if (ahead := self._due - time.monotonic()) > 0:
                self._wait(ahead)


def scrub(
    store: Store,
    expected: Iterable[tuple[UUID, str]],
    *,
    since: UUID | None = None,
    bytes_per_second: int | None = None,
    repair: bool = True,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[Outcome]:
    """Read every copy of files, and put right what another copy can put right.

    One file at a time, in constant memory; whoever stops after an outcome goes on behind its name.

    Args:
        store: where they are.
        expected: their names, in order, and the SHA-256 in hexadecimal that each sealed file must have.
        since: only what comes behind this name.
        bytes_per_second: of reading, all copies and repairs together; None: as fast as it goes.
        repair: False: find only.
        wait: for so many seconds; an event's ``wait`` ends a pause early.
    """
    for name, sha256 in expected:
        if since is None or name > since:
            yield _outcome(store, name, sha256, _Pace(bytes_per_second, wait), repair=repair)


def _outcome(store: Store, name: UUID, sha256: str, pace: _Pace, *, repair: bool) -> Outcome:
    copies = [(copy, judged(copy, name, sha256=sha256, on_read=pace.passed)) for copy in store.copies()]
    good = next((copy for copy, state in copies if state == "whole"), None)
    now: list[Found] = []
    why = ""
    for copy, state in copies:
        now.append(state)
        if repair and good and state in ("rotten", "missing"):
            try:
                mend(copy, name, sha256=sha256, good=good, on_read=pace.passed)
                now[-1] = "repaired"
            except HimayaError as error:
                why = in_words(error)
    worst: tuple[Found, ...] = ("rotten", "missing", "unread", "repaired", "whole")
    return Outcome(
        name, min(now, key=worst.index), tuple((copy.place, state) for copy, state in copies), pace.read, why
    )
