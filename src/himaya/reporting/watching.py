"""What comes round: what a restore left in doubt, and the daily comparison with the other side."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from django.db.models import Q

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.core.filing import Attempt
from himaya.core.words import printable
from himaya.ledger import outbox, turns
from himaya.ledger.services import SYSTEM, record
from himaya.ledger.worker import GiveUp, Handler, TryAgain, register
from himaya.reporting.drafting import RESTORED, draft_of, lock_all, locked
from himaya.reporting.enclosing import ExhibitFiles
from himaya.reporting.filing import answers
from himaya.reporting.models import Filing
from himaya.reporting.routes import BadFilingRoute, lane, resolve, routes
from himaya.reporting.states import DRAFT, FILED, FILING, FILING_GRAPH, QUEUED, REFUSED, RETRACTING

if TYPE_CHECKING:
    from datetime import datetime

LOOKS, COMPARES = 60.0, 86_400.0
"""Seconds between two looks for what is in doubt, and between two comparisons."""
IN_DOUBT = "unknown"
"""The state of a job that waits for a person."""
DOUBTFUL = (QUEUED, FILING, RETRACTING, REFUSED)
DAYS = 14
"""For so long after it was filed, the other side is asked every day whether it has a report."""


def watch() -> bool:
    """Do what is due of it; whether anything was found."""
    found = False
    if turns.is_due("filings.doubted", every=LOOKS):
        turns.note("filings.doubted")
        found = bool(take_over_doubts())
    if turns.is_due("filings.compared", every=COMPARES):
        turns.note("filings.compared")
        found = bool(queue_comparisons()) or found
    return found


@transaction.atomic
def take_over_doubts() -> int:
    """What is on its way, or was refused, and has a job that waits for a person, as after a restore, waits, too."""
    stuck = Filing.objects.filter(state__in=DOUBTFUL, job__state=IN_DOUBT)
    found = 0
    for filing in lock_all(stuck.values_list("pk", flat=True)):
        if filing.job is None or filing.job.state != IN_DOUBT or filing.state not in DOUBTFUL:
            continue
        found += 1
        if filing.state == RETRACTING:
            outbox.revoke(filing.job.pk, by=SYSTEM)
        filing.state, filing.trouble = FILING_GRAPH.after("doubted", filing.state), filing.job.error
        filing.save(update_fields=["state", "trouble"])
        record("report.unknown", by=SYSTEM, about=filing.about, filing=filing.pk)
    return found


@transaction.atomic
def doubt_drafts() -> int:
    """After a restore: a draft may have been filed since the backup was made. None leaves by a rule, until a person has
    looked. How many there are.
    """
    drafts = Filing.objects.filter(state=DRAFT)
    drafts.filter(Q(edited_by="") | Q(edited_by__startswith="key:")).update(edited_by=SYSTEM)
    return drafts.update(trouble=RESTORED)


# --- the daily comparison --------------------------------------------------------------------------------------------


@transaction.atomic
def queue_comparisons() -> int:
    """A comparison for each route over which something was filed lately; how many."""
    day, queued = clock.now().date().isoformat(), 0
    for route in routes():
        if not to_compare(route.name).exists():
            continue
        outbox.enqueue(
            Compare.kind, lane=lane(route.name), key=f"compare:{route.name}:{day}", about=f"filings:{route.name}",
            payload={"route": route.name},
        )  # fmt: skip
        queued += 1
    return queued


def to_compare(route: str) -> Any:
    """What was filed over a route within :data:`DAYS`; what is missing there already stays as it is, for a person."""
    since: datetime = clock.now() - timedelta(days=DAYS)
    return Filing.objects.filter(route=route, state=FILED, filed_at__gte=since).exclude(there=False).order_by("pk")


class Compare(Handler):
    """Asks the other side for what was filed lately. What it does not have is a person's: nothing is filed again."""

    kind: ClassVar[str] = "compare-filings"
    repeats: ClassVar[bool] = True

    def act(self, job: outbox.Claimed) -> dict[str, Any]:
        """Ask, one after the other; what cannot be asked for holds up none behind it.

        Raises:
            TryAgain, GiveUp: not all could be asked for, or the route cannot be used.
        """
        try:
            channel, options = resolve(job.payload["route"])
        except BadFilingRoute as error:
            raise GiveUp(str(error)) from error
        asked = missing = 0
        troubles: list[str] = []
        for filing in to_compare(job.payload["route"]):
            files = ExhibitFiles(filing, to=channel.addressee(options))
            attempt = Attempt(draft_of(filing), answers(filing), options, files, clock.now())
            try:
                said = channel.ask(filing.receipt, attempt)
            except HimayaError as error:
                troubles.append(f"{filing.receipt}: {error}")
                continue
            asked += 1
            missing += said.there is False
            note_there(filing.pk, there=said.there, detail=said.detail)
            faults.point("filings.compared")
        if troubles:
            raise TryAgain(f"{len(troubles)} of {asked + len(troubles)} could not be asked for; {troubles[0]}")
        return {"reference": "", "detail": f"{asked} asked for, {missing} missing"}


register(Compare())


@transaction.atomic
def note_there(pk: int, *, there: bool | None, detail: str) -> None:
    """What the other side says of a filed report; that it does not have it goes on record, once."""
    filing = locked(pk)
    lost = there is False and filing.there is not False
    filing.there, filing.asked_at, filing.answered = there, clock.now(), printable(detail)[:500]
    filing.save(update_fields=["there", "asked_at", "answered"])
    if lost:
        record("report.missing", by=SYSTEM, about=filing.about, filing=filing.pk)
