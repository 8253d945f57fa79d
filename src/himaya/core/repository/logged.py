"""Holds a publisher to its transparency log: each file stands in it, and it goes on from all that was seen of it.

The log is asked over the line, or out of the bundle that a stick brings: that has the proofs of its files, and none
that one checkpoint goes on from another. So what a stick showed is kept apart, and the next line that comes has to go
on from it, too.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from himaya.core import files, proofs
from himaya.core.exchange import SourceTrouble
from himaya.core.merkle import WrongProof, verify_consistency
from himaya.core.notes import BadNote, Checkpoint, Note, VerifierKey
from himaya.core.repository.following import Fetched
from himaya.core.words import N_, Said

MEND = N_("Ask the publisher, by another way than this line, which key its log has; tell others who follow this list.")
BY_LINE, BY_STICK = "checkpoint", "checkpoint-stick"


class Answers(Protocol):
    """Where a log is asked: ``proof/<sha256>`` and ``consistency/<old>-<new>``."""

    def __call__(self, path: str, *, missing: bytes | None = None) -> bytes:
        """What there is under a name; ``missing`` where there is nothing, if given.

        Raises:
            SourceTrouble: there is nothing, or no answer.
        """


class LogFollower:
    """What was seen of a publisher's log, and whether files stand in it.

    Args:
        key: of the log.
        witnesses: of which ``needed`` have to have cosigned; none: nobody is asked for.
        needed: 0: more than half of them.
        keep: a directory that outlasts the round.
        ask: where it is asked.
        by_stick: whether that is a bundle.
    """

    def __init__(
        self,
        key: VerifierKey,
        witnesses: Sequence[VerifierKey],
        *,
        keep: Path,
        ask: Answers,
        needed: int = 0,
        by_stick: bool = False,
    ) -> None:
        self._key, self._witnesses, self._keep, self._ask, self._by_stick = key, witnesses, keep, ask, by_stick
        self._needed = min(needed or len(witnesses) // 2 + 1, len(witnesses))

    def prove(self, fetched: Fetched) -> None:
        """That a file stands in the log, and that the log says still what it said before.

        Raises:
            SourceTrouble: it does not, or the proof proves nothing.
        """
        digest = fetched.part.target.hashes["sha256"]
        try:
            proof = proofs.Proof.read(self._ask(f"proof/{digest}"))
            proved = proof.check([self._key, *self._witnesses])
            event = json.loads(proved.event)
            self._count(proved)
        except (proofs.BadProof, ValueError, RecursionError) as error:
            raise SourceTrouble(why=Said("a file is not in its log: {why}", why=str(error)[:200]), mend=MEND) from None
        if not isinstance(event, dict) or event.get("kind") != "publication" or event.get("sha256") != digest:
            raise SourceTrouble(why=N_("its log speaks of another file than the one that it serves"), mend=MEND)
        self._remember(proof.checkpoint, proved.checkpoint)

    def _count(self, proved: proofs.Proved) -> None:
        if self._witnesses and not proved.cosigned:
            raise proofs.BadProof(N_("none of the witnesses that are named here has cosigned its checkpoint"))
        if len(proved.cosigned) < self._needed:
            some = {"n": len(proved.cosigned), "needed": self._needed}
            raise proofs.BadProof(Said("{n} of the witnesses have cosigned it, and {needed} have to", **some))

    def _remember(self, note: str, came: Checkpoint) -> None:
        """Hold the log to what it signed before: the larger tree begins with the smaller one. The larger one is kept.

        Raises:
            SourceTrouble: it does not. Both checkpoints are kept: together they prove it to anybody.
        """
        for path, before in self._before():
            if before.origin != came.origin or (self._by_stick and before.size != came.size):
                continue
            low, high = sorted((before, came), key=lambda one: one.size)
            try:
                proof = self._consistency(low.size, high.size) if low.size not in (0, high.size) else []
                roots = {"old_root": low.root, "new_root": high.root}
                verify_consistency(old=low.size, new=high.size, proof=proof, **roots)
            except WrongProof as error:
                both = [path.read_bytes(), b"\n", note.encode()]
                files.replace(self._keep / "checkpoint-contradicted", both)
                why = Said(
                    "its log does not go on from what it signed before, {old} and {new} entries: {why}",
                    old=before.size, new=came.size, why=str(error),
                )  # fmt: skip
                raise SourceTrouble(why=why, mend=MEND) from None
        mine = self._keep / (BY_STICK if self._by_stick else BY_LINE)
        held = dict(self._before()).get(mine)
        if not held or held.origin != came.origin or came.size > held.size:
            self._keep.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.replace(mine, [note.encode()])

    def _before(self) -> Iterator[tuple[Path, Checkpoint]]:
        """The largest checkpoints that were seen, by line and by stick, under the key that is pinned now."""
        for path in (self._keep / BY_LINE, self._keep / BY_STICK):
            try:
                note = Note.read(path.read_text())
                if self._key in note.checked([self._key]):  # else whoever set a new key has asked the publisher why
                    yield path, Checkpoint.read(note.text)
            except (FileNotFoundError, BadNote):
                continue

    def _consistency(self, old: int, new: int) -> list[bytes]:
        try:
            told = json.loads(self._ask(f"consistency/{old}-{new}", missing=b"{}"))
            return [b64decode(one, validate=True) for one in told["proof"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise WrongProof(N_("it has no proof of that")) from None
