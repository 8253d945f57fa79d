"""Being a witness (C2SP tlog-witness): cosign the checkpoints of other logs, as long as each goes on from the last.

A witness keeps one size and one root of each log. It does not read the log and vouches for nothing in it; it makes
sure that everybody who asks for its cosignature is shown the same history.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from himaya.core import clock
from himaya.core.merkle import WrongProof, verify_consistency
from himaya.core.notes import AddCheckpoint, BadNote, Checkpoint, VerifierKey
from himaya.log import keys
from himaya.log.models import Seen
from himaya.log.queries import INCONSISTENT, STRANGER_FORKED
from himaya.log.services import raise_alarm, settle_proved

SIZE = "text/x.tlog.size"
"""Media type of the answer that tells what size was seen last."""
PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers: a status of HTTP, a text, its media type."""

    status: int
    text: str
    kind: str = PLAIN


def add_checkpoint(body: bytes) -> Answer:
    """Look at a checkpoint and cosign it.

    200: the cosignature. 400: the request cannot be read. 403: the checkpoint is not signed with the key that is known.
    404: the log is not known. 409: another size was seen last, which is answered; or another tree of this size, which
    also raises an alarm. 422: the proof does not hold, which raises one too.
    """
    try:
        asked = AddCheckpoint.read(body)
        checkpoint = Checkpoint.read(asked.note.text)
    except BadNote as error:
        return Answer(400, f"{error}\n")
    if asked.old > checkpoint.size:
        return Answer(400, "the old size is larger than that of the checkpoint\n")
    known = Seen.objects.filter(origin=checkpoint.origin).first()
    if known is None:
        return Answer(404, "this log is not witnessed here\n")
    if not _is_signed(asked, known):
        return Answer(403, "the checkpoint is not signed with the key of the log that is known here\n")
    mine = keys.keys().witness  # before the transaction: what cannot be cosigned is not noted as seen
    refused = _advance(asked, checkpoint)
    if refused is not None:
        return refused
    return Answer(200, mine.sign(asked.note.text, at=int(clock.now().timestamp())))


def _is_signed(asked: AddCheckpoint, known: Seen) -> bool:
    try:
        return bool(asked.note.checked([VerifierKey.read(known.key)]))
    except BadNote:
        return False


@transaction.atomic
def _advance(asked: AddCheckpoint, checkpoint: Checkpoint) -> Answer | None:
    """Move what was seen of a log on to a checkpoint, and have that on the disk before anything is signed."""
    seen = Seen.objects.select_for_update().get(origin=checkpoint.origin)
    if checkpoint.size == seen.size and checkpoint.root != bytes(seen.root):
        _alarm(STRANGER_FORKED, seen, asked)
        return Answer(409, f"{seen.size}\n", SIZE)
    if asked.old != seen.size:
        return Answer(409, f"{seen.size}\n", SIZE)
    try:
        verify_consistency(
            old=seen.size,
            new=checkpoint.size,
            old_root=bytes(seen.root),
            new_root=checkpoint.root,
            proof=asked.proof,
        )
    except WrongProof as error:
        if checkpoint.size > seen.size:
            _alarm(INCONSISTENT, seen, asked)
        return Answer(422, f"{error}\n")
    settle_proved(seen.origin, checkpoint=checkpoint.text)
    seen.size, seen.root, seen.note, seen.at = checkpoint.size, checkpoint.root, str(asked.note), clock.now()
    seen.save(update_fields=["size", "root", "note", "at"])
    return None


def _alarm(kind: str, seen: Seen, asked: AddCheckpoint) -> None:
    """The evidence is what was seen and what came, less signatures that anybody can add to make it look new."""
    came = "".join(one.line for one in asked.note.signatures if one.name == seen.origin)
    raise_alarm(kind, origin=seen.origin, size=seen.size, evidence=f"{seen.note}\n{asked.note.text}\n{came}")
