"""What the node and its children say to one another, as JSON. Whatever a child says is read as untrusted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from himaya.core import registry
from himaya.core.ports import Fingerprint, Options
from himaya.screening.fingerprinting import REASONS, Fingerprinted, Rest, Skipped
from himaya.screening.sandbox import Level

LONGEST_REQUEST = 64 * 1024
MOST_SIDE = 1024
"""Pixels of a picture that is shown, along its longer side."""
LONGEST_ANSWER = 4 * 1024 * 1024
"""Bytes: room for the frames of the longest video, upright and as stored."""


@dataclass(frozen=True, slots=True)
class Working:
    """It is still worked on. ``done`` is the fraction of what is being read: 0 to 1, and from 0 again for the next."""

    done: float


@dataclass(frozen=True, slots=True)
class Begun:
    """What the bytes alone say, before anything is decoded. It holds whatever becomes of the child. Next: ``Ended``."""

    begun: Fingerprinted


@dataclass(frozen=True, slots=True)
class Ended:
    """What was computed after ``Begun``."""

    rest: Rest


@dataclass(frozen=True, slots=True)
class Show:
    """The other question: one picture of a file, at most ``side`` pixels wide and high."""

    side: int


@dataclass(frozen=True, slots=True)
class Shown:
    """Its answer. The next message is that picture: three bytes for each pixel, red, green, blue, row by row."""

    width: int
    height: int


Outcome = Fingerprinted | Skipped
Answer = Begun | Ended | Outcome | Shown | Working
REQUEST: TypeAdapter[Options] = TypeAdapter(Options)
QUESTION: TypeAdapter[Show | Options] = TypeAdapter(Annotated[Show | Options, Field(union_mode="left_to_right")])
"""What a child is asked: a picture to look at, or else fingerprints."""
ANSWER: TypeAdapter[Answer] = TypeAdapter(Annotated[Answer, Field(union_mode="left_to_right")])
"""Each has a name that no other has: the first that fits is the one."""
LEVEL: TypeAdapter[Level] = TypeAdapter(Level)
MOST_WORDS, MOST_FINGERPRINTS = 500, 200
"""Characters of what is said about a file; fingerprints of one file, of all signals in all variants."""
_VARIANT = re.compile(r"[a-z0-9+-]{0,40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_answer(raw: bytes) -> Answer:
    """Read what a child said; a file may have taken it over.

    Raises:
        ValueError, HimayaError: it is not an answer that a child of ours would give.
    """
    told = ANSWER.validate_json(raw)
    if isinstance(told, Working):
        plausible = 0 <= told.done <= 1
    elif isinstance(told, Shown):
        plausible = 0 < told.width <= MOST_SIDE and 0 < told.height <= MOST_SIDE
    elif isinstance(told, Skipped):
        plausible = told.reason in REASONS and len(told.detail) <= MOST_WORDS
    elif isinstance(told, Ended):
        plausible = _is_bounded(told.rest.fingerprints, told.rest.problems)
    else:
        plausible = _is_plausible(told.begun if isinstance(told, Begun) else told)
    if not plausible:
        raise ValueError("not an answer")
    return told


def _is_plausible(told: Fingerprinted) -> bool:
    facts = bool(_SHA256.fullmatch(told.sha256)) and 0 < told.size < 2**53 and len(told.media_type) <= 60
    return facts and _is_bounded(told.fingerprints, told.problems)


def _is_bounded(fingerprints: Sequence[Fingerprint], problems: Mapping[str, str]) -> bool:
    named = registry.signals().keys() >= problems.keys()
    said = named and all(len(words) <= MOST_WORDS for words in problems.values())
    return said and len(fingerprints) <= MOST_FINGERPRINTS and all(map(_is_sound, fingerprints))


def _is_sound(one: Fingerprint) -> bool:
    kind = registry.signal(one.signal)
    if not (one.quality is None or 0 <= one.quality <= 100) or len(one.lacks) > MOST_WORDS:
        return False
    if not _VARIANT.fullmatch(one.variant):
        return False
    if kind.composite:
        return bool(one.body) and kind.read(kind.write(one.value, one.body)) == (one.value, one.body)
    return kind.parse(one.value) == one.value and not one.body
