"""The cores of this machine: each has a decoder, all share the batches that are under way."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

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


class Local:
    """Decodes in children of this process."""

    def __init__(
        self, *, endpoint: str = "", options: Options = CANONICAL, on_progress: OnProgress = lambda *_: None
    ) -> None:
        self._endpoint, self._options, self._on_progress = endpoint, options, on_progress
        self._max_bytes = config().max_file_bytes

    def run(self, batches: Iterator[Batch]) -> Generator[Read]:
        """As the port says. A long file that is under way is given up when it next shows progress."""
        ahead = AHEAD and max(AHEAD, config().decoders or os.cpu_count() or 1)
        threads = ThreadPoolExecutor(ahead + 1, thread_name_prefix="batch")
        pool = decoders.shared()
        given_up = threading.Event()

        def tell(place: str, share: float) -> None:
            if given_up.is_set():
                raise GivenUp
            self._on_progress(place, share)

        def begin(batch: Batch) -> Outcomes:
            return threads.submit(
                read, batch, pool, max_bytes=self._max_bytes, endpoint=self._endpoint, options=self._options,
                on_progress=tell,
            )  # fmt: skip

        try:
            yield from in_order(batches, begin, ahead=ahead, held=self._held)
        finally:
            given_up.set()
            threads.shutdown(wait=False, cancel_futures=True)

    def _held(self, place: Place) -> int:
        """Objects are fetched here: whole, or, a large video, into a temporary file."""
        if place.content is not None or place.skipped is not None or not is_remote(place.path):
            return held(place)
        return place.size if place.size <= self._max_bytes else SPOOLED
