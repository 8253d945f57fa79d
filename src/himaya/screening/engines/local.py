"""The cores of this machine: each has a decoder, all share the batches that are under way."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from himaya.core.config import config
from himaya.core.ports import CANONICAL, Options
from himaya.screening import decoders
from himaya.screening.engines import SPOOLED, Batch, Outcomes, Read, held, in_order
from himaya.screening.reading import OnProgress, read
from himaya.screening.sources import is_remote
from himaya.screening.sources.places import Place

AHEAD = 2
"""Batches that are read while one is looked up and committed; where there are more cores, one for each: a batch may be
one long video.
"""


class GivenUp(Exception):
    """Nobody waits any more for what is being read."""


class Here:
    """Threads of this process, each of which reads a batch at a time by the decoders that all share."""

    def __init__(
        self, threads: int, *, max_bytes: int, endpoint: str, options: Options, on_progress: OnProgress
    ) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="batch")
        self._on_progress, self._given_up = on_progress, threading.Event()
        self._read = partial(
            read, decoders=decoders.shared(), max_bytes=max_bytes, endpoint=endpoint, options=options,
            on_progress=self._tell,
        )  # fmt: skip

    def begin(self, batch: Batch) -> Outcomes:
        """Read a batch as soon as a thread is free."""
        return self._threads.submit(self._read, batch)

    def close(self) -> None:
        """Give up what is under way; a file that takes long, when it next shows progress."""
        self._given_up.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _tell(self, place: str, share: float) -> None:
        if self._given_up.is_set():
            raise GivenUp
        self._on_progress(place, share)


class Local:
    """Decodes in children of this process."""

    def __init__(
        self, *, endpoint: str = "", options: Options = CANONICAL, on_progress: OnProgress = lambda *_: None
    ) -> None:
        self._max_bytes = config().max_file_bytes
        self._ahead = AHEAD and max(AHEAD, config().decoders or os.cpu_count() or 1)
        self._here = Here(
            self._ahead + 1, max_bytes=self._max_bytes, endpoint=endpoint, options=options, on_progress=on_progress
        )

    def run(self, batches: Iterator[Batch]) -> Generator[Read]:
        """As the port says."""
        try:
            yield from in_order(batches, self._here.begin, ahead=self._ahead, held=self._held)
        finally:
            self._here.close()

    def _held(self, place: Place) -> int:
        """Objects are fetched here: whole, or, a large video, into a temporary file."""
        if place.content is not None or place.skipped is not None or not is_remote(place.path):
            return held(place)
        return place.size if place.size <= self._max_bytes else SPOOLED
