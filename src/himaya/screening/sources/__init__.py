"""Where a scan looks: folders, buckets, and the archives in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain, islice

from himaya.screening.sources import archives
from himaya.screening.sources.folders import Folder
from himaya.screening.sources.places import Most, Place, Position, Source

USUAL = Most(64 * 1024**2, 4 * 1024**3)
"""As a node is set where nobody sets it."""


def is_remote(path: bytes) -> bool:
    """Whether it lies in a bucket. A local path begins with a slash."""
    return path.startswith(b"s3://")


def walk(
    roots: Sequence[bytes],
    after: Position | None = None,
    *,
    into_archives: bool = False,
    endpoint: str = "",
    most: Most = USUAL,
) -> Iterator[Place]:
    """Every place below ``roots``, always in the same order, beginning after ``after``.

    Args:
        roots: absolute paths, or ``s3://bucket/prefix``.
        after: the position of the last place that is done.
        into_archives: after each archive, its members.
        endpoint: where buckets are asked for; empty: as the environment says.
        most: a member of an archive that is larger is skipped.

    Raises:
        BucketRefused: a bucket cannot be listed.
        MissingExtra: a bucket needs what is not installed.
    """
    for number, root in enumerate(roots):
        if after is not None and number < after[0]:
            continue
        since = after[1] if after is not None and number == after[0] else None
        source = _source(number, root, endpoint)
        for place in source.places(since):
            parts = place.position[1]
            done = since if since is not None and since[: len(parts)] == parts else None
            place, file = source.archive(place, most) if into_archives else (place, None)
            with file or nullcontext():
                inside = archives.members(file, place, done=done, most=most) if file else iter(())
                first = list(islice(inside, 1))  # what is packed and no archive has none
                if done is None:
                    yield replace(place, opened=True) if first else place
                yield from chain(first, inside)


def _source(number: int, root: bytes, endpoint: str) -> Source:
    if not is_remote(root):
        return Folder(number, root)
    from himaya.screening.sources.s3 import Bucket

    return Bucket(number, root, endpoint)
