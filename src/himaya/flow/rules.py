"""The rules: which act is followed by what. This page is the whole of it.

A rule is called once for each ledger entry of its act, in the ledger's order, in the transaction that notes the entry
as read. It calls services that are safe to repeat; what leaves the house leaves by the outbox. A rule that fails is
followed again later, when entries after this one may have been followed already: it goes by what holds now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.cases.flagging import note_told
from himaya.cases.quality.queries import is_looked_at, outcome
from himaya.cases.queries import case, opinions
from himaya.core import clock
from himaya.evidence.alarming import queue_alarms
from himaya.evidence.demands.arriving import note_demanded
from himaya.evidence.retention import note_occasion
from himaya.evidence.verdicts import note_dismissal, note_reopening, note_verdict
from himaya.flow.reactor import when
from himaya.ledger.services import SYSTEM
from himaya.lists.voting import return_vote, vote_by_verdict
from himaya.reporting.drafting import particulars_of
from himaya.reporting.filing import queue_complete, report_case, take_back_filings
from himaya.reporting.queries import filings, is_report
from himaya.reporting.services import queue_reports, take_back_reports
from himaya.takedown.services import queue_notices, take_back_notices

if TYPE_CHECKING:
    from himaya.ledger.models import Entry


LOOKED = "A person of this organisation has looked at what it matched."
"""The reason of a vote that follows from a verdict. It goes to others: nothing of the case is in it."""


def _case(entry: Entry) -> int:
    return int(entry.about.removeprefix("case:"))


@when("case.decided")
@when("case.look-agreed")
@when("case.look-kept")
@when("case.look-dropped")
def tell_authority_and_host(entry: Entry) -> None:
    """A confirmed verdict queues a report for every report route and a notice for every notice route.

    Of what is harmful and not illegal, hosts alone are told. Where the operator says so, all of it waits for a second
    look, and is told by whichever of these entries is the first to find that none is open.
    """
    case_id, verdict = _case(entry), entry.data["verdict"]
    confirms, harmful = outcome(case_id, verdict=verdict)
    if confirms:
        queue_reports(case_id, verdict=verdict, by=SYSTEM)
    if confirms or harmful:
        queue_notices(case_id, verdict=verdict, by=SYSTEM)


@when("case.decided")
@when("case.look-agreed")
@when("case.look-kept")
@when("case.look-dropped")
def draft_reports(entry: Entry) -> None:
    """A confirmed verdict makes a draft for every body that takes reports in a form of its own; as above."""
    if outcome(_case(entry), verdict=entry.data["verdict"])[0]:
        report_case(_case(entry), verdict=entry.data["verdict"], by=SYSTEM)


@when("case.reopened")
def take_back_what_is_not_filed(entry: Entry) -> None:
    """Drafts of a case that is opened again are given up; what is begun at the other side is retracted there."""
    take_back_filings(_case(entry), verdict=entry.data["verdict"], by=SYSTEM)


@when("report.particulars")
@when("report.changed")
def file_what_is_complete_now(entry: Entry) -> None:
    """What became known, or a program wrote, may complete a draft that the operator's rule lets go by itself.

    Where a person is at it, it waits for a person.
    """
    if entry.act == "report.particulars" or entry.actor.startswith("key:"):
        queue_complete(filings(case=_case(entry), state="draft"), by=SYSTEM)


@when("report.particulars")
@when("case.reopened")
def bring_forward_what_is_urgent(entry: Entry) -> None:
    """Where a service says with its particulars that somebody should look at once, the case comes earlier."""
    note_told(_case(entry), urgent=particulars_of(_case(entry)).urgent, by=SYSTEM)


@when("report.filed")
@when("report.settled")
def start_the_time_of_what_was_filed(entry: Entry) -> None:
    """What is kept of a reported case is kept as long as the law says of reports, from when the report was filed."""
    note_occasion(entry.about, occasion="report", at=entry.at, by=SYSTEM)


@when("case.reopened")
def take_back_what_has_not_left(entry: Entry) -> None:
    """A case that is opened again takes back its documents that still wait."""
    take_back_reports(_case(entry), verdict=entry.data["verdict"], by=SYSTEM)
    take_back_notices(_case(entry), verdict=entry.data["verdict"], by=SYSTEM)


@when("case.decided")
@when("case.look-agreed")
@when("case.look-kept")
@when("case.look-dropped")
@when("case.reopened")
def vote_on_what_matched(entry: Entry) -> None:
    """What our reviewers found is this node's vote on the items that the case matched, as far as it holds now.

    A verdict that waits for a second look is voted by when that has ended, whatever the operator lets leave before.
    """
    vote_by_verdict(opinions(_case(entry)), reason=LOOKED, by=SYSTEM)


@when("delivery.sent")
def start_the_time_of_what_was_reported(entry: Entry) -> None:
    """What is kept of a reported case is kept as long as the law says of reports, from when the report arrived."""
    if is_report(entry.data["job"]):
        note_occasion(entry.about, occasion="report", at=entry.at, by=SYSTEM)


@when("case.decided")
@when("case.look-agreed")
@when("case.look-kept")
@when("case.look-dropped")
@when("case.reopened")
def keep_by_the_verdict(entry: Entry) -> None:
    """A confirmed verdict is a ground to keep; one that says it is no such material takes grounds away, when a second
    look at it has ended: what was destroyed nobody looks at again.
    """
    _verdict_of(entry.about)


@when("evidence.preserved")
def keep_by_the_verdict_of_before(entry: Entry) -> None:
    """What comes to a case that is decided already is kept by that verdict, too."""
    if entry.data["case"].startswith("case:"):
        _verdict_of(entry.data["case"], arrived=int(entry.about.removeprefix("exhibit:")))


def _verdict_of(about: str, *, arrived: int | None = None) -> None:
    """By the verdict that holds now: the entry may be followed late. It is about nothing where no case has arrived.

    Where an exhibit arrived, it is about that one alone. What ends by it ends a day after this, not after the verdict:
    nobody could object to it before.
    """
    found = case(int(about.removeprefix("case:")))
    verdict = found.verdict if found else None
    if found is None or verdict is None:
        if arrived is None:
            note_reopening(about, by=SYSTEM)
    elif verdict.confirms:
        note_verdict(about, at=verdict.at, by=SYSTEM, only=arrived)
    elif not is_looked_at(found):
        note_dismissal(about, at=clock.now(), by=SYSTEM, only=arrived)


@when("demand.held")
def keep_what_is_demanded(entry: Entry) -> None:
    """What a demand to preserve holds is kept by the rules for demands, from when the authority asked."""
    note_demanded(int(entry.about.removeprefix("demand:")), exhibits=entry.data["exhibits"], by=SYSTEM)


@when("evidence.access-taken")
def tell_of_an_urgent_reading(entry: Entry) -> None:
    """Whoever the operator named is told at once that somebody read without having been granted it."""
    queue_alarms(int(entry.about.removeprefix("access:")))


@when("item.voted")
def return_our_vote(entry: Entry) -> None:
    """A vote of this node goes back to the sources of the item that take votes."""
    if entry.data["own"]:
        return_vote(int(entry.about.removeprefix("item:")), opinion=entry.data["opinion"], entry=entry.seq)
