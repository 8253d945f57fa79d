"""What it takes to stop this log: its own signature below another history, or the word of most of its witnesses.

A witness answers with a bare number, which proves nothing: one that is hostile, or broken, could stop the log of
everybody that it watches. So the word of one alone is a warning. A node that was set back is found out all the same:
most of those that had cosigned say so, where there is one witness that one is most of them, and an honest witness that
is a Himaya shows the note itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from himaya.core.errors import HimayaError
from himaya.core.notes import BadNote, Note, VerifierKey
from himaya.core.notes import Checkpoint as Signed
from himaya.core.words import printable
from himaya.log import tree
from himaya.log.keys import identity
from himaya.log.models import Cosignature, Witness
from himaya.log.queries import DOUBTED, FORKED, SET_BACK, checkpoints
from himaya.log.services import raise_alarm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from himaya.core.outward import Client, Reply
    from himaya.log.models import Checkpoint


@dataclass(frozen=True, slots=True)
class Objection:
    """A witness's word that it has seen another history of our log.

    ``proof``: a note of ours that shows it; ``seen``: how many leaves it says it has seen, where it says so.
    """

    witness: Witness
    kind: str
    size: int
    said: str
    proof: str = ""
    seen: int = 0


def objection(client: Client, witness: Witness, checkpoint: Checkpoint, *, said: Reply, seen: int | None) -> Objection:
    """What a witness objects, with the note that it has seen last where it shows one that speaks against us."""
    newest = checkpoints().values_list("size", flat=True).first() or 0
    kind = SET_BACK if seen is not None and seen > newest else FORKED
    text = f"{witness.name}: {said.status} {printable(said.text.strip()[:200])}\n{checkpoint.note}"
    proof = _note_seen(client, witness, checkpoint.origin)
    proved = _speaks_against_us(proof, newest) if proof else None
    if proved is None:
        return Objection(witness, kind, checkpoint.size, text, seen=seen or 0)
    return Objection(witness, proved, checkpoint.size, text, proof, Signed.read(Note.read(proof).text).size)


def weigh(found: Sequence[Objection], *, asked: Sequence[Witness], origin: str) -> None:
    """Raise the alarm that stops the log where it takes one: for a proof, or for most of those that have cosigned.

    Where none of those that are asked has cosigned before, for most of them. Else there is a warning for each, which
    opens again while its cause is still there.
    """
    proved = [one for one in found if one.proof]
    rows = Cosignature.objects.filter(checkpoint__origin=origin, witness__in=[one.pk for one in asked])
    voters = set(rows.values_list("witness_id", flat=True)) or {one.pk for one in asked}
    against = [one for one in found if one.witness.pk in voters]
    stopping = proved or (against if 2 * len(against) > len(voters) else [])
    if stopping:
        evidence = "\n".join(f"{one.said}\n{one.proof}" for one in stopping)
        seen = max(one.seen for one in stopping)
        raise_alarm(stopping[0].kind, origin=origin, size=stopping[0].size, evidence=evidence, seen=seen)
        return
    for one in found:
        raise_alarm(DOUBTED, origin=origin, size=one.size, evidence=one.said, once=one.witness.key)


def _note_seen(client: Client, witness: Witness, origin: str) -> str:
    """The note that a witness says it has seen last of our log; empty where it shows none."""
    try:
        answer = client.get(f"{witness.address}/seen/{quote(origin)}", expect=(200, 400, 404, 405))
    except HimayaError:
        return ""
    return answer.text if answer.status == 200 else ""


def _speaks_against_us(text: str, newest: int) -> str | None:
    """The kind of alarm, where a note bears our own signature and is of no history that we know."""
    mine = identity()
    try:
        note = Note.read(text)
        told = Signed.read(note.text)
        ours = mine is not None and told.origin == mine.origin and note.checked([VerifierKey.read(mine.log_public)])
    except BadNote:
        return None
    if not ours or not told.size:
        return None
    if told.size > newest:
        return SET_BACK
    try:
        return None if tree.root(told.size) == told.root else FORKED
    except ValueError:  # hashes are missing: that is found out before anything is signed, and has an alarm of its own
        return None
