"""The cores of this machine: each has a decoder, all share the batches that are under way."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from himaya.core.config import config
from himaya.core.ports import CANONICAL, Options
from himaya.screening import decoders
from himaya.screening.decoders import Outcome
from himaya.screening.engines import Batch, Done, in_order
from himaya.screening.reading import OnProgress, read

AHEAD = 2
"""Batches that are read while one is looked up and committed; more where there are many cores."""


class Local:
    """Decodes in children of this process."""

    scale = 1

    def __init__(
        self, *, endpoint: str = "", options: Options = CANONICAL, on_progress: OnProgress = lambda *_: None
    ) -> None:
        self._needs: dict[str, Any] = {
            "max_bytes": config().max_file_bytes,
            "endpoint": endpoint,
            "options": options,
            "on_progress": on_progress,
        }

    def run(self, batches: Iterator[Batch]) -> Generator[Done]:
        """As the port says."""
        ahead = AHEAD and max(AHEAD, (os.cpu_count() or 1) // 8)
        threads = ThreadPoolExecutor(ahead + 1, thread_name_prefix="batch")
        pool = decoders.shared()

        def begin(batch: Batch) -> Callable[[], list[Outcome]]:
            return threads.submit(partial(read, batch, pool, **self._needs)).result

        try:
            yield from in_order(batches, begin, ahead=ahead, held=lambda place: place.size)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
