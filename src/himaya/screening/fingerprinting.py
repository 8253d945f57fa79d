"""From bytes to fingerprints. Free of Django: the children of :mod:`himaya.screening.decoders` import it."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field

from himaya.core import faults, files, registry
from himaya.core.contents import HEAD, Content, sniff
from himaya.core.errors import NotHashable
from himaya.core.ports import CANONICAL, Fingerprint, Options
from himaya.core.words import N_


@dataclass(frozen=True, slots=True)
class Fingerprinted:
    """What was made of some content. ``problems`` says, by signal, why there is no fingerprint, in words."""

    size: int
    sha256: str
    media_type: str
    fingerprints: tuple[Fingerprint, ...]
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not screened. ``reason`` is one of a few, to be counted; ``detail`` is about this file."""

    reason: str
    detail: str = ""


EMPTY = N_("the file is empty")
TOO_LARGE = N_("too large")
NO_PERMISSION = N_("no permission to read")
VANISHED = N_("vanished while scanning")
NOT_A_FILE = N_("not a regular file")
LINK = N_("a link, not followed")
UNREADABLE = N_("cannot be read")
CRASHED = N_("the decoder crashed on it")
TOO_SLOW = N_("the decoder took too long")
OUT_OF_TIME = N_("the request's time was used up")
REASONS = frozenset(
    {EMPTY, TOO_LARGE, NO_PERMISSION, VANISHED, NOT_A_FILE, LINK, UNREADABLE, CRASHED, TOO_SLOW, OUT_OF_TIME}
)
_OTHER_THINGS = {errno.ELOOP: LINK, errno.ENXIO: NOT_A_FILE}
"""What ``open`` says of a link that must not be followed, and of a socket."""

_APPLIES = {"picture": "image/", "video": "video/", "any": ""}
"""What a signal is computed from → how such a media type begins."""


def fingerprint(content: Content, options: Options = CANONICAL) -> Fingerprinted | Skipped:
    """Compute every signal that applies to ``content``."""
    faults.point("fingerprinting.begin")
    if not content.size:
        return Skipped(EMPTY)
    return compute(content, options)


def compute(content: Content, options: Options = CANONICAL) -> Fingerprinted:
    """As :func:`fingerprint`, of what is not empty."""
    media_type = content.media_type
    found: list[Fingerprint] = []
    problems: dict[str, str] = {}
    for name, kind in registry.signals().items():
        if not media_type.startswith(_APPLIES[kind.media]):
            continue
        try:
            found += (computed := kind.compute(content, options))
            if computed[0].lacks:
                problems[name] = computed[0].lacks
        except NotHashable as error:
            problems[name] = str(error.facts["why"])
        except MemoryError:
            problems[name] = N_("it takes more memory than a decoder may use")
    return Fingerprinted(content.size, content.digest("sha256"), media_type, tuple(found), problems)


def open_file(path: bytes, max_bytes: int, max_video_bytes: int = 0) -> int | Skipped:
    """Open a file for a child to read. No part of the path may be a link; pipes and devices are not opened.

    A video, which is read in pieces, may have ``max_video_bytes``, where that is more.

    Returns:
        A descriptor, which the caller closes; or why there is none.
    """
    try:
        descriptor = files.open_unlinked(path, os.O_RDONLY | os.O_NONBLOCK)
    except PermissionError:
        return Skipped(NO_PERMISSION)
    except FileNotFoundError:
        return Skipped(VANISHED)
    except OSError as error:
        if error.errno in _OTHER_THINGS:
            return Skipped(_OTHER_THINGS[error.errno])
        return Skipped(UNREADABLE, os.strerror(error.errno or 0))
    found = os.fstat(descriptor)
    if max_bytes < found.st_size <= max_video_bytes and _is_video(descriptor):
        max_bytes = max_video_bytes
    refused = _refused(found, max_bytes)
    if refused is None:
        return descriptor
    os.close(descriptor)
    return refused


def _is_video(descriptor: int) -> bool:
    """Whether its first bytes claim so."""
    try:
        return sniff(os.pread(descriptor, HEAD, 0)).startswith("video/")
    except OSError:
        return False


def _refused(found: os.stat_result, max_bytes: int) -> Skipped | None:
    if not stat.S_ISREG(found.st_mode):
        return Skipped(NOT_A_FILE)
    if found.st_size > max_bytes:
        return Skipped(TOO_LARGE, f"{found.st_size} bytes; at most {max_bytes} are read")
    return None
