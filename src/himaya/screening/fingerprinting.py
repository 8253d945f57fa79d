"""From bytes to fingerprints. Free of Django: the children of :mod:`himaya.screening.decoders` import it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from himaya.core import files, registry
from himaya.core.contents import HEAD, Content, sniff
from himaya.core.errors import NotHashable
from himaya.core.ports import CANONICAL, Fingerprint, Options, SignalType
from himaya.core.words import N_


@dataclass(frozen=True, slots=True)
class Rest:
    """What was made of a content beyond what its bytes alone say: the part for which it may have to be decoded."""

    fingerprints: tuple[Fingerprint, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fingerprinted:
    """What was made of some content. ``problems`` says, by signal, why there is no fingerprint, in words."""

    size: int
    sha256: str
    media_type: str
    fingerprints: tuple[Fingerprint, ...]
    problems: dict[str, str] = field(default_factory=dict)

    def and_rest(self, rest: Rest) -> Fingerprinted:
        """What the bytes alone say, and the rest, in the order of the signals' names."""
        found = sorted((*self.fingerprints, *rest.fingerprints), key=lambda one: one.signal)
        return replace(self, fingerprints=tuple(found), problems=self.problems | rest.problems)


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
    begun = of_bytes(content, options)
    return begun if isinstance(begun, Skipped) else begun.and_rest(of_rest(content, options))


def of_bytes(content: Content, options: Options = CANONICAL) -> Fingerprinted | Skipped:
    """Compute what needs no decoder, whose loss it must not share: exact signals of any bytes."""
    if not content.size:
        return Skipped(EMPTY)
    found = _computed(content, options, of_rest=False)
    return Fingerprinted(content.size, content.digest("sha256"), content.media_type, found.fingerprints, found.problems)


def of_rest(content: Content, options: Options = CANONICAL) -> Rest:
    """Compute what :func:`of_bytes` leaves."""
    return _computed(content, options, of_rest=True)


def left_for(media_type: str, options: Options = CANONICAL) -> list[str]:
    """The names of the signals that :func:`of_rest` computes of such content."""
    return [name for name, _ in _applying(media_type, options, of_rest=True)]


def unfinished(begun: Fingerprinted | None, reason: str, options: Options) -> Fingerprinted | Skipped:
    """The outcome for a content at which its decoder was lost, by what this had told of it before."""
    if begun is None:
        return Skipped(reason)
    return begun.and_rest(Rest(problems=dict.fromkeys(left_for(begun.media_type, options), reason)))


def is_so(outcome: Fingerprinted | Skipped, reason: str) -> bool:
    """Whether a content was skipped, or a signal of it is missing, for this reason."""
    return outcome.reason == reason if isinstance(outcome, Skipped) else reason in outcome.problems.values()


def _computed(content: Content, options: Options, *, of_rest: bool) -> Rest:
    found: list[Fingerprint] = []
    problems: dict[str, str] = {}
    for name, kind in _applying(content.media_type, options, of_rest=of_rest):
        try:
            found += (computed := kind.compute(content, options))
            if computed[0].lacks:
                problems[name] = computed[0].lacks
        except NotHashable as error:
            problems[name] = str(error.facts["why"])
        except MemoryError:
            problems[name] = N_("it takes more memory than a decoder may use")
    return Rest(tuple(found), problems)


def _applying(media_type: str, options: Options, *, of_rest: bool) -> Iterator[tuple[str, SignalType]]:
    for name, kind in registry.signals().items():
        needs_no_decoder = kind.exact and kind.media == "any"
        applies = needs_no_decoder is not of_rest and media_type.startswith(_APPLIES[kind.media])
        if applies and (not options.only or name in options.only):
            yield name, kind


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
