"""What the node and its children say to one another, as JSON. Whatever a child says is read as untrusted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from himaya.core import registry
from himaya.core.ports import Fingerprint, Options
from himaya.screening.fingerprinting import REASONS, Fingerprinted, Rest, Skipped
from himaya.screening.sandbox import Level

LONGEST_REQUEST = 64 * 1024
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


Outcome = Fingerprinted | Skipped
Answer = Begun | Ended | Outcome | Working
REQUEST: TypeAdapter[Options] = TypeAdapter(Options)
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
    elif isinstance(told, Skipped):
        plausible = told.reason in REASONS and len(told.detail) <= MOST_WORDS
    elif isinstance(told, Ended):
        plausible = _are_plausible(told.rest)
    else:
        plausible = _is_plausible(told.begun if isinstance(told, Begun) else told)
    if not plausible:
        raise ValueError("not an answer")
    return told


def _is_plausible(told: Fingerprinted) -> bool:
    facts = bool(_SHA256.fullmatch(told.sha256)) and 0 < told.size < 2**53 and len(told.media_type) <= 60
    return facts and _are_plausible(told)


def _are_plausible(told: Fingerprinted | Rest) -> bool:
    words = registry.signals().keys() >= told.problems.keys()
    words &= all(len(why) <= MOST_WORDS for why in told.problems.values())
    return words and len(told.fingerprints) <= MOST_FINGERPRINTS and all(map(_is_sound, told.fingerprints))


def _is_sound(one: Fingerprint) -> bool:
    kind = registry.signal(one.signal)
    if not (one.quality is None or 0 <= one.quality <= 100) or len(one.lacks) > MOST_WORDS:
        return False
    if not _VARIANT.fullmatch(one.variant):
        return False
    if kind.composite:
        return bool(one.body) and kind.read(kind.write(one.value, one.body)) == (one.value, one.body)
    return kind.parse(one.value) == one.value and not one.body
