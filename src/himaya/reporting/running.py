"""Filing, step by step: each step is written down before it is taken, and its answer before the next one is.

Whatever happens in between, the next attempt knows which step may have been taken, and has the channel find out. So a
report is there once, or it is unknown and a person is told what to look for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.db import transaction
from django.utils import translation

from himaya.core import clock, faults
from himaya.core.filing import Attempt, BeginAgain, Draft
from himaya.core.ports import MaybeSent, NotSent
from himaya.core.words import N_, Said, printable
from himaya.evidence.custody import node_key
from himaya.ledger import outbox
from himaya.ledger.services import SYSTEM, record
from himaya.ledger.worker import AskAPerson, GiveUp, Handler, TryAgain, register
from himaya.reporting.drafting import draft_of, locked
from himaya.reporting.enclosing import ExhibitFiles
from himaya.reporting.filing import KIND, answers, staying
from himaya.reporting.models import Filing, FilingStep
from himaya.reporting.routes import BadFilingRoute, resolve
from himaya.reporting.states import FILING, FILING_GRAPH, QUEUED, REFUSED, RETRACTING, UNKNOWN

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from pydantic import BaseModel

    from himaya.core.filing import FilingChannel, Values

IT_STAYS = N_("it is there as {number}, and states what was changed since; settle it, and follow it up")
NOT_RETRACTED = N_("whether {number} is there, which was changed since and could not be taken back: {why}")
ROUNDS = 10
"""So often a report is begun anew; then a person looks."""


class FileReport(Handler):
    """Files one report, or takes it back where it is not finished."""

    kind: ClassVar[str] = KIND

    def act(self, job: outbox.Claimed) -> dict[str, Any]:
        """Take the steps that are left.

        Raises:
            TryAgain, GiveUp, AskAPerson: by what the channel said.
        """
        try:
            channel, options = resolve(job.payload["route"])
        except BadFilingRoute as error:
            raise GiveUp(" ".join(error.diagnostics().splitlines())) from error
        return _Filing(job, channel, options).go()

    def follow_done(self, job: outbox.Claimed, receipt: dict[str, Any]) -> None:
        """It is filed, or taken back."""
        filing = locked(job.payload["filing"])
        if receipt.get("retracted"):
            filing.state, filing.trouble = FILING_GRAPH.after("retracted", filing.state), receipt["detail"]
            record("report.retracted", by=SYSTEM, about=filing.about, filing=filing.pk)
        else:
            filing.state, filing.trouble = FILING_GRAPH.after("filed", filing.state), ""
            filing.receipt, filing.filed_at = receipt["reference"], clock.now()
            record("report.filed", by=SYSTEM, about=filing.about, filing=filing.pk, receipt=filing.receipt)
        filing.expires = None
        filing.save(update_fields=["state", "trouble", "receipt", "filed_at", "expires"])

    def follow_stopped(self, job: outbox.Claimed, state: str, why: str) -> None:
        """It was not taken, or nobody knows: a person looks."""
        filing = locked(job.payload["filing"])
        if filing.state not in (QUEUED, FILING, RETRACTING):
            return
        if filing.state == RETRACTING:
            outbox.revoke(job.id, by=SYSTEM)  # whatever a person finds, it is not filed after all
        doubt = state == "unknown" or filing.state == RETRACTING or _open_step(filing) is not None
        filing.state = FILING_GRAPH.after("doubted" if doubt else "refused", filing.state)
        filing.trouble = printable(why)[:2000]
        filing.save(update_fields=["state", "trouble"])
        act = {UNKNOWN: "report.unknown", REFUSED: "report.refused"}[filing.state]
        record(act, by=SYSTEM, about=filing.about, filing=filing.pk)


register(FileReport())


@transaction.atomic
def _signer() -> Ed25519PrivateKey:
    return node_key()


def _translated(language: str, text: str) -> str:
    with translation.override(language):
        return translation.gettext(text)


def _open_step(filing: Filing) -> FilingStep | None:
    """The step of this round of which no answer is known."""
    return FilingStep.objects.filter(filing=filing, round=filing.round, ended_at=None).first()


class _Filing:
    """One attempt at one filing."""

    def __init__(self, job: outbox.Claimed, channel: FilingChannel, options: BaseModel) -> None:
        self._job, self._channel, self._options = job, channel, options
        self._pk: int = job.payload["filing"]

    def go(self) -> dict[str, Any]:
        """Round after round, until it is filed or taken back.

        Raises:
            TryAgain, GiveUp, AskAPerson: as their names say.
        """
        while True:
            filing = self._begin()
            try:
                if filing.state == RETRACTING:
                    return self._retract(filing)
                return self._file(filing)
            except BeginAgain as error:
                self._next_round(str(error))
            except _TakenBack:
                continue

    # --- what is written down ----------------------------------------------------------------------------------------

    @transaction.atomic
    def _begin(self) -> Filing:
        """Note that the steps begin, or go on.

        Raises:
            GiveUp: it is neither queued nor under way.
        """
        filing = locked(self._pk)
        if filing.state not in (QUEUED, FILING, RETRACTING):
            raise GiveUp(f"the report is {filing.state}")
        if filing.state == QUEUED:
            filing.state = FILING_GRAPH.after("begun", filing.state)
            filing.save(update_fields=["state"])
            record("report.begun", by=SYSTEM, about=filing.about, filing=filing.pk, round=filing.round)
        outbox.require_held(self._job)
        return filing

    @transaction.atomic
    def _next_round(self, why: str) -> None:
        """What was begun at the other side is gone, or does not count: all steps are taken anew."""
        filing = locked(self._pk)
        if filing.round >= ROUNDS:
            raise AskAPerson(f"it was begun {ROUNDS} times; at last: {why}")
        now = clock.now()
        FilingStep.objects.filter(filing=filing, round=filing.round, ended_at=None).update(
            ended_at=now, trouble=printable(why)[:2000]
        )
        filing.round, filing.round_version, filing.expires = filing.round + 1, 0, None
        filing.save(update_fields=["round", "round_version", "expires"])
        record("report.begun", by=SYSTEM, about=filing.about, filing=filing.pk, round=filing.round)
        outbox.require_held(self._job)

    @transaction.atomic
    def _open(self, filing: Filing, step: str, number: int) -> FilingStep:
        """Write down that a step is taken now.

        Raises:
            _TakenBack: somebody has taken the report back meanwhile.
        """
        now = locked(filing.pk)
        if now.state != filing.state:
            raise _TakenBack
        if not now.round_version:
            now.round_version = filing.round_version = now.version
            now.save(update_fields=["round_version"])
        row, made = FilingStep.objects.get_or_create(
            filing=filing, round=filing.round, step=step, defaults={"number": number, "began_at": clock.now()}
        )
        if not made:
            row.times, row.began_at, row.ended_at = row.times + 1, clock.now(), None
            row.save(update_fields=["times", "began_at", "ended_at"])
        outbox.require_held(self._job)
        return row

    @transaction.atomic
    def _keep(self, filing: Filing, row: FilingStep, answer: Values) -> None:
        """Write down the answer of a step that was taken."""
        locked(filing.pk)
        row.answer, row.ended_at, row.trouble = dict(answer), clock.now(), ""
        row.save(update_fields=["answer", "ended_at", "trouble"])
        done = answers(filing)
        first = FilingStep.objects.filter(filing=filing, round=filing.round).order_by("number").values("began_at")[0]
        expires = self._channel.expires(done, first["began_at"], clock.now())
        Filing.objects.filter(pk=filing.pk).update(expires=expires)
        outbox.require_held(self._job)

    @transaction.atomic
    def _note(self, row: FilingStep, why: str, *, taken: bool | None) -> None:
        """Write down what went wrong with a step; ``taken`` False: it certainly was not taken."""
        row.trouble = printable(why)[:2000]
        if taken is False:
            row.ended_at = clock.now()
        row.save(update_fields=["trouble", "ended_at"])
        outbox.require_held(self._job)

    # --- what is done ------------------------------------------------------------------------------------------------

    def _attempt(self, filing: Filing, draft: Draft) -> Attempt:
        files = ExhibitFiles(filing, to=self._channel.addressee(self._options))
        return Attempt(draft, answers(filing), self._options, files, clock.now(), _signer, _translated)

    def _file(self, filing: Filing) -> dict[str, Any]:
        draft = draft_of(filing)
        if filing.round_version not in (0, filing.version):
            self._take_back_former(filing, draft)
        self._see_expired(filing)
        for number, step in enumerate(self._channel.steps(draft)):
            done = answers(filing)
            if step in done or self._found(filing, step, draft):
                continue
            row = self._open(filing, step, number)
            faults.point("filing.begun")
            self._keep(filing, row, self._taken(row, step, self._attempt(filing, draft)))
            faults.point("filing.kept")
        return {"reference": printable(self._channel.receipt(answers(filing)))[:200], "detail": ""}

    def _taken(self, row: FilingStep, step: str, attempt: Attempt) -> Values:
        """Take a step; its answer.

        Raises:
            TryAgain, GiveUp, BeginAgain: as their names say.
        """
        try:
            answer = self._channel.take(step, attempt)
        except NotSent as error:
            self._note(row, str(error), taken=False)
            raise (GiveUp if error.permanent else TryAgain)(str(error)) from error
        except MaybeSent as error:
            self._note(row, str(error), taken=None)
            raise TryAgain(str(error)) from error
        faults.point("filing.taken")
        return answer

    def _found(self, filing: Filing, step: str, draft: Draft) -> bool:
        """Find out about a step whose answer was lost, if this is one; whether it was taken.

        Raises:
            TryAgain, AskAPerson, BeginAgain: as their names say.
        """
        row = _open_step(filing)
        if row is None or row.step != step:
            return False
        try:
            found = self._channel.find_out(step, self._attempt(filing, draft))
        except (NotSent, MaybeSent) as error:
            raise TryAgain(str(error)) from error
        faults.point("filing.found")
        if found.what == "unknown":
            raise AskAPerson(found.ask or f"whether the step {step} was taken")
        if found.what == "begin-again":
            raise BeginAgain(why=N_("it is not there any more"))
        if found.what == "taken":
            self._keep(filing, row, found.answer)
            return True
        self._note(row, row.trouble, taken=False)
        return False

    def _see_expired(self, filing: Filing) -> None:
        """Raises:
        BeginAgain: what was begun is deleted there by now.
        """
        if filing.expires is not None and filing.expires <= clock.now() and _open_step(filing) is None:
            raise BeginAgain(why=N_("it was not finished in time, and is deleted there"))

    def _take_back_former(self, filing: Filing, draft: Draft) -> NoReturn:
        """What was begun states what was refused: it is taken back as far as that can be, and begun anew."""
        for step in self._channel.steps(draft):
            self._found(filing, step, draft)
        if done := answers(filing):
            number = printable(self._channel.receipt(done))[:200]
            if staying(self._channel, done):
                raise AskAPerson(Said(IT_STAYS, number=number))
            try:
                self._channel.retract(self._attempt(filing, draft))
            except MaybeSent as error:
                raise TryAgain(str(error)) from error
            except NotSent as error:
                if error.permanent:
                    raise AskAPerson(Said(NOT_RETRACTED, number=number, why=str(error))) from error
                raise TryAgain(str(error)) from error
        raise BeginAgain(why=N_("it was changed since"))

    def _retract(self, filing: Filing) -> dict[str, Any]:
        """Take back what is not finished."""
        draft = draft_of(filing)
        steps = self._channel.steps(draft)
        for step in steps:
            self._found(filing, step, draft)
        done = answers(filing)
        if steps and steps[-1] in done:
            return {"reference": printable(self._channel.receipt(done))[:200], "detail": ""}
        if not done:
            return {"retracted": True, "reference": "", "detail": ""}
        row = self._open(filing, "retract", len(steps))
        faults.point("filing.retracting")
        try:
            answer = self._channel.retract(self._attempt(filing, draft))
        except NotSent as error:
            self._note(row, str(error), taken=False)
            raise (AskAPerson if error.permanent else TryAgain)(str(error)) from error
        except MaybeSent as error:
            raise TryAgain(str(error)) from error
        except BeginAgain:
            answer = {}
        faults.point("filing.retracted")
        self._keep(filing, row, answer or {})
        detail = "" if answer is not None else N_("the other side takes nothing back; it stays there unfinished")
        return {"retracted": True, "reference": "", "detail": str(detail)}


class _TakenBack(Exception):
    """Somebody has taken the report back."""
