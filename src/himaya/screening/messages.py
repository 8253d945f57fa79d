"""What the node and its children say to one another, as JSON. Whatever a child says is read as untrusted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import TypeAdapter

from himaya.core import registry
from himaya.core.ports import Fingerprint, Options
from himaya.screening.fingerprinting import REASONS, Fingerprinted, Skipped
from himaya.screening.sandbox import Level

LONGEST_REQUEST = 64 * 1024
LONGEST_ANSWER = 4 * 1024 * 1024
"""Bytes: room for the frames of the longest video, upright and as stored."""


@dataclass(frozen=True, slots=True)
class Working:
    """It is still worked on. ``done`` is the fraction of what is being read: 0 to 1, and from 0 again for the next."""

    done: float


Outcome = Fingerprinted | Skipped
REQUEST: TypeAdapter[Options] = TypeAdapter(Options)
ANSWER: TypeAdapter[Outcome | Working] = TypeAdapter(Outcome | Working)
LEVEL: TypeAdapter[Level] = TypeAdapter(Level)
MOST_WORDS, MOST_FINGERPRINTS = 500, 200
"""Characters of what is said about a file; fingerprints of one file, of all signals in all variants."""
_VARIANT = re.compile(r"[a-z0-9+-]{0,40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_answer(raw: bytes) -> Outcome | Working:
    """Read what a child said; a file may have taken it over.

    Raises:
        ValueError, HimayaError: it is not an answer that a child of ours would give.
    """
    told = ANSWER.validate_json(raw)
    if isinstance(told, Working):
        plausible = 0 <= told.done <= 1
    elif isinstance(told, Skipped):
        plausible = told.reason in REASONS and len(told.detail) <= MOST_WORDS
    else:
        plausible = bool(_SHA256.fullmatch(told.sha256)) and 0 < told.size < 2**53 and len(told.media_type) <= 60
        plausible &= len(told.problems) <= len(registry.signals()) and registry.signals().keys() >= told.problems.keys()
        plausible &= all(len(words) <= MOST_WORDS for words in told.problems.values())
        plausible &= len(told.fingerprints) <= MOST_FINGERPRINTS and all(map(_is_sound, told.fingerprints))
    if not plausible:
        raise ValueError("not an answer")
    return told


def _is_sound(one: Fingerprint) -> bool:
    kind = registry.signal(one.signal)
    if not (one.quality is None or 0 <= one.quality <= 100) or len(one.lacks) > MOST_WORDS:
        return False
    if not _VARIANT.fullmatch(one.variant):
        return False
    if kind.composite:
        return bool(one.body) and kind.read(kind.write(one.value, one.body)) == (one.value, one.body)
    return kind.parse(one.value) == one.value and not one.body
