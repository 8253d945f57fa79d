"""What a person, or a rule that a person wrote, does with a draft: file it, take it back, say what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from himaya.cases.queries import case, facts
from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, printable
from himaya.ledger import outbox
from himaya.ledger.services import SYSTEM, lock_head, record
from himaya.reporting.drafting import DraftChanged, by_program, gaps_of, lock_all, locked, make_draft, make_drafts
from himaya.reporting.models import Filing, FilingStep
from himaya.reporting.routes import BadFilingRoute, find_route, lane, resolve
from himaya.reporting.states import (
    DRAFT,
    FILED,
    FILING,
    FILING_GRAPH,
    QUEUED,
    REFUSED,
    RETRACTED,
    UNKNOWN,
    WrongFilingMove,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from himaya.core.filing import FilingChannel, Gap, Values

KIND = "file-report"
ATTEMPTS = 30
"""With the waits between them about a day; then a person looks."""


class NotComplete(HimayaError):
    """The report cannot be filed: {path}: {why}."""

    remedy = "Complete the draft; what blocks it stands first on its page."
    status = 422


class NeedsAnother(HimayaError):
    """A report is filed here by somebody else than who prepared it."""

    remedy = "Let a colleague look at it and file it."
    status = 403


class VerdictGone(HimayaError):
    """The verdict that this report tells of does not hold any more."""

    remedy = "Give it up; where the case is decided again, a new draft is made."
    status = 409


class TakenBack(HimayaError):
    """This report was taken back: it is not begun again."""

    remedy = "Say that it is there, under its number, or that it is not there and not wanted."
    status = 409


class StaysThere(HimayaError):
    """It is there as {number}, and nothing there can be taken back: begun again, it would be there twice."""

    remedy = "Settle it under its number, and follow it up with what was changed."
    status = 409


class NotFiled(HimayaError):
    """A follow-up is made of a report that is filed; this one is {state}."""

    status = 409


class BadReceipt(HimayaError):
    """Without the other side's number nobody can check later that it is there."""

    status = 422


def job_key(filing: Filing) -> str:
    """The key of its one job."""
    return f"file:{filing.key}"[:120]


# --- filing ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def queue_filing(pk: int, *, by: str, version: int | None = None) -> Filing:
    """Let a complete draft be filed, because ``by`` says so.

    Args:
        pk: of a draft, or of what was refused and put right.
        by: who.
        version: the one that was looked at; None: whichever it is.

    Raises:
        UnknownFiling, WrongFilingMove, VerdictGone, BadFilingRoute, DraftChanged: as their names say.
        NotComplete: the other side would refuse it.
        NeedsAnother: the operator wants a second person, and this is the first.
    """
    filing = locked(pk)
    target = FILING_GRAPH.after("queued", filing.state)
    _see_fresh(filing, version)
    if _is_gone(filing) or was_taken_back(filing):
        raise VerdictGone
    if config().filings_second_person and by == _first_person(filing):
        raise NeedsAnother
    for gap in gaps_of(filing):
        if gap.blocks:
            raise NotComplete(path=gap.path, why=gap.why)
    filing.state, filing.queued_by, filing.trouble = target, by, ""
    filing.save(update_fields=["state", "queued_by", "trouble"])
    lock_head()
    if filing.job is not None and filing.job.state == filing.job.DEAD:
        outbox.retry(filing.job.pk, by=by)
    else:
        _enqueue(filing)
    files = sum(one["sent"] for one in filing.files)
    record("report.to-file", by=by, about=filing.about, filing=filing.pk, route=filing.route, files=files)
    return filing


def _enqueue(filing: Filing) -> None:
    job = outbox.enqueue(
        KIND, lane=lane(filing.route), key=job_key(filing), about=filing.about, payload={"filing": filing.pk,
        "route": filing.route}, max_attempts=ATTEMPTS,
    )  # fmt: skip
    Filing.objects.filter(pk=filing.pk).update(job=job)


def _see_fresh(filing: Filing, version: int | None) -> None:
    if version is not None and version != filing.version:
        raise DraftChanged


def _is_gone(filing: Filing) -> bool:
    """Whether the verdict that it tells of does not hold any more. What follows up a report may tell of that, too."""
    told = facts(filing.case_id)
    if told is None:
        return True
    same = told.verdict_id == filing.verdict
    return not (same or told.confirms) if filing.follows_id is not None else not (same and told.confirms)


def was_taken_back(filing: Filing) -> bool:
    """Whether a person, or the end of its verdict, took it back while it was under way or unknown."""
    return filing.job is not None and (filing.job.revoked or filing.job.state == filing.job.CANCELLED)


def _first_person(filing: Filing) -> str:
    """Who prepared it: whoever changed it last, or else gave the verdict."""
    if filing.edited_by and filing.edited_by != SYSTEM:  # which a restore writes there
        return filing.edited_by
    found = case(filing.case_id)
    return found.verdict.by.actor if found is not None and found.verdict is not None else ""


@transaction.atomic
def queue_complete(filings: Iterable[Filing], *, by: str = SYSTEM) -> int:
    """Queue the drafts of routes over which the operator lets a complete one go by itself; how many that were.

    One that a person has begun to change waits for a person.
    """
    queued = 0
    for filing in lock_all(one.pk for one in filings):
        try:
            by_hand = not by_program(filing.edited_by)
            if filing.state != DRAFT or by_hand or not find_route(filing.route).auto or _blocking(gaps_of(filing)):
                continue
            queue_filing(filing.pk, by=by, version=filing.version)
        except (BadFilingRoute, VerdictGone):
            continue
        queued += 1
    return queued


def _blocking(gaps: Iterable[Gap]) -> bool:
    return any(gap.blocks for gap in gaps)


def report_case(case_id: int, *, verdict: int, by: str) -> list[Filing]:
    """Draft what a confirmed verdict calls for, and file what the operator's rule lets go."""
    made = make_drafts(case_id, verdict=verdict, by=by)
    queue_complete(made, by=by)
    return made


# --- taking back -----------------------------------------------------------------------------------------------------


@transaction.atomic
def retract_filing(pk: int, *, by: str) -> Filing:
    """Take back what is not filed: a draft is given up, what is begun at the other side is retracted there as far as it
    allows. What is being finished just now may still be filed. Of what is unknown it says: it is not there, and is not
    wanted; of what stays there unfinished: it is looked after.

    Raises:
        UnknownFiling, WrongFilingMove: no such report; it is filed, or ended.
    """
    filing = locked(pk)
    if filing.state == UNKNOWN or (filing.state == RETRACTED and filing.trouble):
        return _drop(filing, by=by)
    if filing.state == DRAFT or not _begun(filing):
        return _give_up_idle(filing, by=by)
    filing.state = FILING_GRAPH.after("taken back", filing.state)
    filing.save(update_fields=["state"])
    lock_head()
    if filing.job is not None and filing.job.state == filing.job.DEAD:
        outbox.retry(filing.job.pk, by=by)
    record("report.taken-back", by=by, about=filing.about, filing=filing.pk)
    return filing


def _begun(filing: Filing) -> bool:
    """Whether anything of it may be at the other side, or be under way there."""
    running = filing.job is not None and filing.job.state == filing.job.RUNNING
    return running or FilingStep.objects.filter(filing=filing, round=filing.round).exists()


def _give_up_idle(filing: Filing, *, by: str) -> Filing:
    """Give up what nothing of has left."""
    target = FILING_GRAPH.after("given up", filing.state)
    lock_head()
    if filing.job is not None and not outbox.revoke(filing.job.pk, by=by):
        raise FILING_GRAPH.wrong(state=Said(filing.state), act=N_("given up"))
    filing.state = target
    filing.save(update_fields=["state"])
    record("report.given-up", by=by, about=filing.about, filing=filing.pk)
    return filing


@transaction.atomic
def take_back_filings(case_id: int, *, verdict: int, by: str) -> int:
    """Take back what is not filed about a verdict that does not hold any more; how much. What is unknown stays, for a
    person, and is not begun again.
    """
    taken = 0
    for one in lock_all(Filing.objects.filter(case=case_id, verdict=verdict).values_list("pk", flat=True)):
        if one.state in (DRAFT, QUEUED, FILING, REFUSED):
            try:
                retract_filing(one.pk, by=by)
                taken += 1
            except WrongFilingMove:  # a restore left its job in doubt: it is a person's within a minute
                continue
        elif one.state == UNKNOWN and one.job_id is not None:
            outbox.revoke(one.job_id, by=by)
    return taken


# --- what became of it -----------------------------------------------------------------------------------------------


@transaction.atomic
def settle_filing(pk: int, *, receipt: str, by: str) -> Filing:
    """It is there: a person asked the other side, which named its number.

    Raises:
        UnknownFiling, WrongFilingMove: no such report; it is not unknown.
        BadReceipt: no number.
    """
    filing = locked(pk)
    filing.state = FILING_GRAPH.after("settled", filing.state)
    filing.receipt, filing.filed_at = printable(receipt.strip())[:200], clock.now()
    if not filing.receipt:
        raise BadReceipt
    filing.trouble = ""
    filing.save(update_fields=["state", "receipt", "filed_at", "trouble"])
    lock_head()
    if filing.job is not None and filing.job.state == filing.job.UNKNOWN:
        outbox.settle(filing.job.pk, by=by, reference=filing.receipt)
    record("report.settled", by=by, about=filing.about, filing=filing.pk, receipt=filing.receipt)
    return filing


@transaction.atomic
def begin_again(pk: int, *, by: str) -> Filing:
    """It is not there: a person asked the other side. All steps are taken anew, under the same key; where the verdict
    does not hold any more, it is given up instead.

    Raises:
        UnknownFiling, WrongFilingMove: no such report; it is not unknown.
        TakenBack: somebody took it back before it was unknown.
        StaysThere: a step was taken whose traces nothing takes back.
        BadFilingRoute: a step was taken, and its route cannot be used.
    """
    filing = locked(pk)
    if filing.state != UNKNOWN:
        raise FILING_GRAPH.wrong(state=Said(filing.state), act=N_("begun again"))
    if _is_gone(filing):
        return _drop(filing, by=by)
    if was_taken_back(filing):
        raise TakenBack
    if number := stays_as(filing):
        raise StaysThere(number=number)
    filing.state, filing.trouble = FILING_GRAPH.after("begun again", filing.state), ""
    filing.round, filing.round_version, filing.queued_by = filing.round + 1, 0, by
    filing.save(update_fields=["state", "trouble", "round", "round_version", "queued_by"])
    lock_head()
    if filing.job is not None:
        outbox.retry(filing.job.pk, by=by)
    record("report.begun-again", by=by, about=filing.about, filing=filing.pk, round=filing.round)
    return filing


def answers(filing: Filing) -> dict[str, Values]:
    """The steps of this round that were taken, in order, with their answers."""
    taken = FilingStep.objects.filter(filing=filing, round=filing.round, answer__isnull=False)
    return {one.step: one.answer or {} for one in taken.order_by("number")}


def staying(channel: FilingChannel, done: Iterable[str]) -> bool:
    """Whether something of these steps is there for good."""
    return any(channel.stays(step) for step in done)


def stays_as(filing: Filing) -> str:
    """The number of what is there for good although it is not finished; empty: nothing is.

    Raises:
        BadFilingRoute: its route cannot be used.
    """
    done = answers(filing)
    channel = resolve(filing.route)[0] if done else None
    if channel is None or not staying(channel, done):
        return ""
    return printable(channel.receipt(done))[:200] or filing.key


def _drop(filing: Filing, *, by: str) -> Filing:
    filing.state, filing.trouble = FILING_GRAPH.after("given up", filing.state), ""
    filing.save(update_fields=["state", "trouble"])
    lock_head()
    if filing.job is not None:
        outbox.revoke(filing.job.pk, by=by)
        outbox.cancel(filing.job.pk, by=by)
    record("report.given-up", by=by, about=filing.about, filing=filing.pk)
    return filing


# --- after it --------------------------------------------------------------------------------------------------------


@transaction.atomic
def follow_up(pk: int, *, by: str) -> Filing:
    """A draft that follows up a filed report, or corrects it: the channel is told the receipt of the earlier one.

    Raises:
        UnknownFiling, NotFiled, VerdictGone: as their names say.
    """
    earlier = locked(pk)
    if earlier.state != FILED:
        raise NotFiled(state=Said(earlier.state))
    told = facts(earlier.case_id)
    if told is None:
        raise VerdictGone
    find_route(earlier.route)
    return make_draft(earlier.case_id, told, earlier.route, by=by, follows=earlier)
