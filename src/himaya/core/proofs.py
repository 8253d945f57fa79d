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

from himaya.core.errors import in_words
from himaya.core.merkle import DEEPEST, WrongProof, leaf_hash, verify_inclusion
from himaya.core.notes import COSIGNATURE, LARGEST, NOTE, BadNote, Checkpoint, Note, VerifierKey
from himaya.core.words import N_, Said

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
            raise BadProof(Said("it is larger than {n} bytes", n=LONGEST))
        try:
            told = json.loads(content)
            if told["format"] != FORMAT:
                raise BadProof(Said("it is not of the format {format}", format=FORMAT))
            proof = cls(
                index=told["index"],
                salt=b64decode(told["salt"], validate=True),
                event=told["event"].encode(),
                path=tuple(b64decode(one, validate=True) for one in told["path"]),
                checkpoint=told["checkpoint"],
                keys=tuple(told["keys"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise BadProof(N_("it is not the file that `himaya log prove` writes")) from None
        texts = all(isinstance(one, str) for one in (proof.checkpoint, *proof.keys))
        number = type(proof.index) is int and 0 <= proof.index <= LARGEST
        if not texts or not number or len(proof.path) > DEEPEST or len(proof.keys) > MOST_KEYS:
            raise BadProof(N_("it is not the file that `himaya log prove` writes"))
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
                raise BadProof(
                    Said("its checkpoint is signed by no key that was given for the log {log}", log=checkpoint.origin)
                )
            leaf = leaf_hash(commitment(self.salt, self.event))
            at = {"index": self.index, "size": checkpoint.size, "path": self.path, "root": checkpoint.root}
            verify_inclusion(leaf=leaf, **at)  # type: ignore[arg-type]
        except (BadNote, WrongProof) as error:
            raise BadProof(in_words(error)) from None
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


def log_key(text: str) -> str:
    """What somebody gave as the key of a log; empty: none.

    Raises:
        ValueError: it is none; a text of ours says why.
    """
    if [one.algorithm for one in _given(text)] not in ([], [NOTE]):
        raise ValueError(N_("give the one key of the log"))
    return text


def witness_keys(text: str) -> str:
    """What somebody gave as keys of witnesses, with spaces between.

    Raises:
        ValueError: one is none; a text of ours says why.
    """
    if any(one.algorithm != COSIGNATURE for one in _given(text)):
        raise ValueError(N_("these are keys of logs and not of witnesses"))
    return text


def _given(text: str) -> list[VerifierKey]:
    try:
        return named(text.split())
    except BadNote as error:
        raise ValueError(in_words(error)) from None
