"""The rules: which act is followed by what. This page is the whole of it.

A rule is called once for each ledger entry of its act, in the ledger's order, in the transaction that notes the entry
as read. It calls services that are safe to repeat; what leaves the house leaves by the outbox. A rule that fails is
followed again later, when entries after this one may have been followed already: it goes by what holds now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.flow.reactor import when
from himaya.ledger.services import SYSTEM
from himaya.reporting.services import queue_reports, take_back_reports
from himaya.takedown.services import queue_notices, take_back_notices

if TYPE_CHECKING:
    from himaya.ledger.models import Entry


def _case(entry: Entry) -> int:
    return int(entry.about.removeprefix("case:"))


@when("case.decided")
def tell_authority_and_host(entry: Entry) -> None:
    """A confirmed verdict queues a report for every report route and a notice for every notice route."""
    if entry.data["confirms"]:
        queue_reports(_case(entry), verdict=entry.data["verdict"], by=SYSTEM)
        queue_notices(_case(entry), verdict=entry.data["verdict"], by=SYSTEM)


@when("case.reopened")
def take_back_what_has_not_left(entry: Entry) -> None:
    """A case that is opened again takes back its documents that still wait."""
    take_back_reports(_case(entry), verdict=entry.data["verdict"], by=SYSTEM)
    take_back_notices(_case(entry), verdict=entry.data["verdict"], by=SYSTEM)
