"""From places to what was made of them. Free of Django: a cluster's workers import it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial

from himaya.core.ports import CANONICAL, Options
from himaya.screening.decoders import Decoders, Outcome
from himaya.screening.fingerprinting import CRASHED, is_so
from himaya.screening.sources import is_remote
from himaya.screening.sources.places import Place

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
        max_bytes: what is larger is skipped.
        endpoint: where buckets are asked for; empty: as the environment says.
        options: how they are fingerprinted.
        on_progress: told, from threads, of a file that takes long.

    Raises:
        MissingExtra, BucketRefused: as :func:`himaya.screening.sources.s3.client`.
    """
    done: dict[int, Outcome] = {n: place.skipped for n, place in enumerate(places) if place.skipped is not None}
    contents = {n: place.content for n, place in enumerate(places) if place.content is not None}
    left = [n for n in range(len(places)) if n not in done and n not in contents]
    if objects := [n for n in left if is_remote(places[n].path)]:
        from himaya.screening.sources.s3 import fetch

        fetched = fetch([places[n] for n in objects], endpoint=endpoint, max_bytes=max_bytes)
        for n, found in zip(objects, fetched, strict=True):
            if isinstance(found, bytes):
                contents[n] = found
            else:
                done[n] = found
    if local := [n for n in left if not is_remote(places[n].path)]:

        def files(paths: list[bytes]) -> list[Outcome]:
            def tell(number: int, done: float) -> None:
                on_progress(os.fsdecode(paths[number]), done)

            return decoders.files(paths, max_bytes=max_bytes, options=options, on_progress=tell)

        done |= zip(local, _twice(files, [places[n].path for n in local]), strict=True)
    if contents:
        from_memory = partial(decoders.contents, options=options)
        done |= zip(contents, _twice(from_memory, list(contents.values())), strict=True)
    return [done[n] for n in range(len(places))]


def _twice(read: Callable[[list[bytes]], list[Outcome]], things: list[bytes]) -> list[Outcome]:
    """Read, and read again what a decoder crashed on: it may have been ended by something else than the file."""
    found = read(things)
    crashed = [n for n, one in enumerate(found) if is_so(one, CRASHED)]
    for n, again in zip(crashed, read([things[n] for n in crashed]) if crashed else (), strict=True):
        found[n] = again
    return found
