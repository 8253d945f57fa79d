"""What left over the report routes."""

from __future__ import annotations

from himaya.cases.dispatch_pages import Words, make_index
from himaya.core.words import N_
from himaya.reporting import queries

index = make_index(
    Words(
        title=N_("Reports"),
        lead=N_("What left over the report routes, and whether it arrived"),
        empty=N_("No report yet"),
        what_next=N_("A verdict that confirms a case makes one for every report route of this node."),
    ),
    rows=queries.reports,
    states=queries.states,
    template="reporting/sent.html",
)
