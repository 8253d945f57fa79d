"""A proof as one file: that an event stands in a log, for whoever has nothing but that log's key.

JSON: ``format``, ``index``, ``salt`` and ``event`` (what the leaf commits to), ``path``, ``checkpoint`` (the signed
note), ``keys`` (verifier keys, for finding one's way; a reader trusts only those that it had from elsewhere).
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from himaya.core.merkle import DEEPEST, WrongProof, leaf_hash, verify_inclusion
from himaya.core.notes import COSIGNATURE, LARGEST, NOTE, BadNote, Checkpoint, Note, VerifierKey

FORMAT = "himaya-log-proof/1"
LONGEST = 256 * 1024
"""Bytes of a file that are read."""
MOST_KEYS = 100


class BadProof(Exception):
    """A file is no proof, or it proves nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What stands in the file."""

    index: int
    salt: bytes
    event: bytes
    path: tuple[bytes, ...]
    checkpoint: str
    keys: tuple[str, ...]

    def __str__(self) -> str:
        """The file."""
        told = {
            "format": FORMAT,
            "index": self.index,
            "salt": b64encode(self.salt).decode("ascii"),
            "event": self.event.decode(),
            "path": [b64encode(one).decode("ascii") for one in self.path],
            "checkpoint": self.checkpoint,
            "keys": list(self.keys),
        }
        return json.dumps(told, ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def read(cls, content: bytes) -> Proof:
        """A proof from its file.

        Raises:
            BadProof: it is none.
        """
        if len(content) > LONGEST:
            raise BadProof(f"it is larger than {LONGEST} bytes")
        try:
            told = json.loads(content)
            if told["format"] != FORMAT:
                raise BadProof(f"it is not of the format {FORMAT}")
            proof = cls(
                index=told["index"],
                salt=b64decode(told["salt"], validate=True),
                event=told["event"].encode(),
                path=tuple(b64decode(one, validate=True) for one in told["path"]),
                checkpoint=told["checkpoint"],
                keys=tuple(told["keys"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise BadProof("it is not the file that `himaya log prove` writes") from None
        texts = all(isinstance(one, str) for one in (proof.checkpoint, *proof.keys))
        number = type(proof.index) is int and 0 <= proof.index <= LARGEST
        if not texts or not number or len(proof.path) > DEEPEST or len(proof.keys) > MOST_KEYS:
            raise BadProof("it is not the file that `himaya log prove` writes")
        return proof

    def check(self, keys: Iterable[VerifierKey]) -> Proved:
        """What the file proves to whoever trusts ``keys``: those of logs, and those of witnesses.

        Raises:
            BadProof: nothing.
        """
        try:
            note = Note.read(self.checkpoint)
            signed = note.checked(keys)
            checkpoint = Checkpoint.read(note.text)
            if not any(key.algorithm == NOTE and key.name == checkpoint.origin for key in signed):
                raise BadProof(f"its checkpoint is signed by no key that was given for the log {checkpoint.origin}")
            leaf = leaf_hash(commitment(self.salt, self.event))
            at = {"index": self.index, "size": checkpoint.size, "path": self.path, "root": checkpoint.root}
            verify_inclusion(leaf=leaf, **at)  # type: ignore[arg-type]
        except (BadNote, WrongProof) as error:
            raise BadProof(str(error)) from None
        cosigned = {key.name: when for key, when in signed.items() if key.algorithm == COSIGNATURE}
        return Proved(checkpoint, self.index, self.event, cosigned)


@dataclass(frozen=True, slots=True)
class Proved:
    """An event stands at ``index`` of a log. ``cosigned``: witness → when it saw the checkpoint, seconds since 1970."""

    checkpoint: Checkpoint
    index: int
    event: bytes
    cosigned: dict[str, int]


def commitment(salt: bytes, event: bytes) -> bytes:
    """What a leaf holds: SHA-256(salt ‖ event). The salt has 32 bytes, so that no event runs into it."""
    return sha256(salt + event).digest()


def named(keys: Sequence[str]) -> list[VerifierKey]:
    """Verifier keys from what was typed.

    Raises:
        BadNote: one is none.
    """
    return [VerifierKey.read(text) for text in keys]
