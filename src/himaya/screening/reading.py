"""From places to what was made of them. Free of Django: a cluster's workers import it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial

from himaya.core.ports import CANONICAL, Options
from himaya.screening.decoders import Decoders, Opened, Outcome, in_memory
from himaya.screening.fingerprinting import CRASHED, Skipped, is_so, open_file
from himaya.screening.sources import is_remote
from himaya.screening.sources.places import Most, Place, Spooled

OnProgress = Callable[[str, float], None]
"""The path of a file, and the share of it that is done, 0 to 1."""


def read(
    places: Sequence[Place],
    decoders: Decoders,
    *,
    max_bytes: int,
    endpoint: str,
    options: Options = CANONICAL,
    on_progress: OnProgress = lambda *_: None,
) -> list[Outcome]:
    """Read and fingerprint, in the order of the places.

    Args:
        places: files are read by the decoders, objects are fetched here.
        decoders: where hostile bytes are decoded.
        max_bytes: what is larger is skipped, unless it is a video that ``options`` allow.
        endpoint: where buckets are asked for; empty: as the environment says.
        options: how they are fingerprinted.
        on_progress: told, from threads, of a file that takes long. What it raises, ends the reading.

    Raises:
        MissingExtra, BucketRefused: as :func:`himaya.core.buckets.client`.
        NoDecoders, NoSandbox: nothing can be decoded on this system.
    """
    most = Most(max_bytes, options.video.max_bytes)
    done: dict[int, Outcome] = {n: place.skipped for n, place in enumerate(places) if place.skipped is not None}
    contents = {n: place.content for n, place in enumerate(places) if place.content is not None}
    left = [n for n in range(len(places)) if n not in done and n not in contents]
    if objects := [n for n in left if is_remote(places[n].path)]:
        from himaya.screening.sources.s3 import fetch

        fetched = fetch([places[n] for n in objects], endpoint=endpoint, most=most, on_progress=on_progress)
        for n, found in zip(objects, fetched, strict=True):
            if isinstance(found, Skipped):
                done[n] = found
            else:
                contents[n] = found

    def ask(numbers: list[int]) -> list[int]:
        """Those on which a decoder crashed."""

        def tell(number: int, share: float) -> None:
            on_progress(os.fsdecode(places[numbers[number]].path), share)

        opened = [_opens(places[n], contents.get(n), most) for n in numbers]
        done.update(zip(numbers, decoders.opened(opened, options=options, on_progress=tell), strict=True))
        return [n for n in numbers if is_so(done[n], CRASHED)]

    asked = [n for n in range(len(places)) if n not in done]
    for _ in range(2):  # a decoder that crashed may have been ended by something else than the file
        asked = ask(asked) if asked else []
    return [done[n] for n in range(len(places))]


def _opens(place: Place, content: bytes | Spooled | None, most: Most) -> Opened:
    if content is None:
        return partial(open_file, place.path, most.file, most.video)
    return content.open if isinstance(content, Spooled) else partial(in_memory, content)
