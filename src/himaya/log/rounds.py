"""The hourly round: ask the witnesses what they have seen, sign, and have them cosign.

Where there are no witnesses, the worker's own round signs. Where there are, a job of the outbox does it in a lane of
its own, so that a witness that does not answer holds up nothing else. They are asked before anything new is signed: a
database that was set back (restored from an old backup) would otherwise sign a second history under the same name.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db import transaction

from himaya.core.errors import HimayaError, in_words
from himaya.core.exchange import SourceTrouble
from himaya.core.merkle import consistency
from himaya.core.notes import AddCheckpoint, BadNote, Note, VerifierKey, signature_line
from himaya.core.outward import Client, Reply
from himaya.core.words import N_, Said, printable
from himaya.ledger import outbox, turns
from himaya.ledger.queries import jobs
from himaya.ledger.services import SYSTEM
from himaya.ledger.worker import GiveUp, Handler, TryAgain, register
from himaya.log import restored, tree
from himaya.log.keys import identity
from himaya.log.models import Checkpoint, Cosignature, Witness
from himaya.log.objections import Objection, objection, weigh
from himaya.log.queries import OURS, RESTORED, alarms, checkpoints, last_cosigned, witnesses
from himaya.log.services import (
    RefusesToSign,
    note_asked,
    publish_checkpoint,
    refuse_if_alarmed,
    settle_alarm,
    store_cosignature,
)

TURN = "log"
EVERY = 3600.0
"""Seconds between two checkpoints."""
PATIENCE = 10.0
"""Seconds for the answer of a witness."""
LONGEST_ANSWER = 16 * 1024
BUT_RESTORED = tuple(kind for kind in OURS if kind != RESTORED)
ANSWERS = (200, 400, 403, 404, 409, 422)
"""Statuses that a witness may answer with."""


class NoWitnessAnswers(HimayaError):
    """None of the witnesses of this log cosigns, so nothing new is signed: {why}."""

    remedy = "See that this node reaches them; or remove those that are gone: himaya log witness remove NAME"
    status = 409
    exit_code = 3


class WitnessObjects(HimayaError):
    """The witness {name} does not cosign: {why}."""

    status = 409
    objection: Objection | None = None
    """Where it has seen another history of this log."""


class WitnessRound(Handler):
    """Has the witnesses cosign what was signed, signs what came since, has them cosign that."""

    kind: ClassVar[str] = "log"
    done: ClassVar[str] = "log.witnessed"
    repeats: ClassVar[bool] = True

    def act(self, job: outbox.Claimed) -> dict[str, Any]:
        """Do it; a witness that is silent is asked again, and by the next round, which comes within the hour.

        Raises:
            GiveUp: the log refuses to sign: an alarm is open.
            TryAgain: a witness is silent.
        """
        try:
            checkpoint, silent = publish_with_witnesses()
        except (NoWitnessAnswers, RefusesToSign) as error:
            if isinstance(error, RefusesToSign) and error.alarm != RESTORED:
                raise GiveUp(str(error)) from error
            if job.attempt < job.max_attempts:
                raise TryAgain(str(error)) from error
            return {"silent": str(error)}
        if silent and job.attempt < job.max_attempts:
            raise TryAgain("; ".join(f"{name}: {why}" for name, why in silent.items()))
        return {"size": checkpoint.size, "silent": silent}


register(WitnessRound())


def publish_when_due() -> bool:
    """Where an hour has passed, publish; or queue that, where witnesses are asked. True where it was done."""
    if identity() is None or not turns.is_due(TURN, every=EVERY):  # a log begins with the first thing that is logged
        return False
    turns.note(TURN)
    if not witnesses().exists():
        try:
            publish_checkpoint()
        except RefusesToSign:
            return False  # the alarm stands in the health of the node
        return True
    try:
        refuse_if_alarmed(kinds=BUT_RESTORED)  # whether a restored node may go on, the witnesses say
    except RefusesToSign:
        return False
    if jobs().filter(kind=WitnessRound.kind, state__in=("ready", "running")).exists():
        return False
    with transaction.atomic():
        key = f"log:{secrets.token_hex(8)}"
        outbox.enqueue(WitnessRound.kind, lane="log", key=key, about="log", payload={}, max_attempts=8)
    return True


def publish_with_witnesses() -> tuple[Checkpoint, dict[str, str]]:
    """Ask the witnesses about what was signed, sign what came since, ask them to cosign it.

    Returns:
        The newest checkpoint, and the witnesses that did not cosign it, with the reason.

    Raises:
        RefusesToSign: an alarm about this log is open, or was raised by what witnesses said.
        NoWitnessAnswers: there are witnesses that have cosigned before, and now none does.
    """
    look_ahead()
    refuse_if_alarmed()
    last, asked = checkpoints().first(), list(witnesses())
    if last is not None and asked:
        silent, proven = _ask_all(asked, last), last_cosigned()
        refuse_if_alarmed()
        if not any(one.name not in silent for one in asked) and any(one.pk in proven for one in asked):
            raise NoWitnessAnswers(why="; ".join(f"{name}: {why}" for name, why in silent.items()))
    new = publish_checkpoint()
    silent = _ask_all(asked, new)
    refuse_if_alarmed()
    return new, silent


def look_ahead() -> None:
    """Where a backup was put back: ask the witnesses what they have seen, and close its alarm where it is no more.

    It takes the word of all that have ever cosigned, and of one at least: the one that is silent may be the only one
    that has seen what is missing here. Where one has seen more, that is another alarm, and this one stays open.
    """
    mine, last, asked = identity(), checkpoints().first(), list(witnesses())
    alarm = alarms().filter(kind=RESTORED, origin=mine.origin).first() if mine else None
    if alarm is None or last is None or not asked:
        return
    voices, silent = restored.voices(alarm), _ask_all(asked, last)
    if voices and not any(one.name in silent for one in voices):
        settle_alarm(alarm.pk, reason="all witnesses that have cosigned have seen no more than is here", by=SYSTEM)


def _ask_all(asked: list[Witness], checkpoint: Checkpoint) -> dict[str, str]:
    """Witness → why it has not cosigned, those left out that have. Where it takes one, there is an alarm afterwards."""
    silent: dict[str, str] = {}
    against = []
    for witness in asked:
        try:
            ask(witness, checkpoint)
        except HimayaError as error:
            silent[witness.name] = error.said()
            if isinstance(error, WitnessObjects) and error.objection:
                against.append(error.objection)
        note_asked(witness, said=silent.get(witness.name, ""))
    weigh(against, asked=asked, origin=checkpoint.origin)
    return silent


def ask(witness: Witness, checkpoint: Checkpoint) -> None:
    """Have a witness cosign our newest checkpoint, again where it has done so before.

    Raises:
        WitnessObjects: it answered, and not with a cosignature; ``objection``: it has seen another history.
        SourceTrouble: it does not answer.
    """
    cosigned = Cosignature.objects.filter(witness=witness, checkpoint__origin=checkpoint.origin)
    old = cosigned.order_by("-checkpoint__size").values_list("checkpoint__size", flat=True).first() or 0
    with Client(private=witness.private, attempts=1, total=PATIENCE, most=LONGEST_ANSWER) as client:
        answer = _send(client, witness, checkpoint, old)
        seen = _size(answer)
        if seen is not None and seen != old and seen <= checkpoint.size:
            old = seen
            answer = _send(client, witness, checkpoint, old)
        if answer.status != 200:
            trouble = WitnessObjects(name=witness.name, why=_refusal(answer))
            if _tells_of_another_history(answer, checkpoint, old):
                trouble.objection = objection(client, witness, checkpoint, said=answer, seen=_size(answer))
            raise trouble
    _take(witness, checkpoint, answer)


def try_out(witness: Witness) -> str:
    """Ask for what no witness does, and every one refuses in its own way; empty where it does, else what answered, and
    where nobody does what to do.

    What a wrong address answers can then be seen at once. It may be right all the same: the other node may not run yet.
    """
    with Client(private=witness.private, attempts=1, total=PATIENCE, most=LONGEST_ANSWER) as client:
        try:
            answer = client.post(f"{witness.address}/add-checkpoint", content=b"", expect=ANSWERS)
        except SourceTrouble as error:
            return Said("{why} {mend}", why=error.said(), mend=N_(str(error.facts["mend"])))
    return "" if answer.status == 400 else _refusal(answer)


def _refusal(answer: Reply) -> str:
    """What it answered: its own words where they are those of a witness, and no page."""
    said = printable(answer.text.strip()[:200])
    if "html" in answer.headers.get("content-type", "") or said.startswith(("<", "{")):
        return Said(
            "it answers {status}, and not as a witness does: a Himaya's address ends in /log/v1", status=answer.status
        )
    return f"{answer.status} {said}"


def _send(client: Client, witness: Witness, checkpoint: Checkpoint, old: int) -> Reply:
    proof = tuple(consistency(old, checkpoint.size, tree.hash_at()))
    body = str(AddCheckpoint(old, proof, Note.read(checkpoint.note)))
    return client.post(
        f"{witness.address}/add-checkpoint",
        content=body.encode(),
        headers={"Content-Type": "text/plain; charset=utf-8"},
        expect=ANSWERS,
    )


def _size(answer: Reply) -> int | None:
    """The size that a witness says it has seen; None where it does not."""
    text = answer.text.removesuffix("\n")
    return int(text) if answer.status == 409 and text.isascii() and text.isdecimal() and len(text) < 19 else None


def _tells_of_another_history(answer: Reply, checkpoint: Checkpoint, old: int) -> bool:
    """Whether a witness knows more of this log than we do, or something else."""
    seen, newest = _size(answer), checkpoints().values_list("size", flat=True).first() or 0
    return answer.status == 422 or (seen is not None and seen > newest) or seen == old == checkpoint.size


def _take(witness: Witness, checkpoint: Checkpoint, answer: Reply) -> None:
    """Keep the cosignature, if it is one of this witness, of this checkpoint."""
    key, text = VerifierKey.read(witness.key), Note.read(checkpoint.note).text
    try:
        lines = [signature_line(row) for row in answer.text.removesuffix("\n").split("\n")]
        mine = next(one for one in lines if (one.name, one.key_id) == (key.name, key.id))
        at = key.check(mine.signature, text)
        when = datetime.fromtimestamp(at, UTC)
    except (BadNote, StopIteration, ValueError, OverflowError, OSError) as error:
        why = in_words(error) or N_("it answers with the signature of another key")
        raise WitnessObjects(name=witness.name, why=why) from None
    store_cosignature(checkpoint, witness=witness, line=mine.line, at=when)
