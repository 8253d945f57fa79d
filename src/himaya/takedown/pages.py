"""Pages of takedown."""

from __future__ import annotations

from django.urls import path

from himaya.cases.dispatch_pages import Words, make_index
from himaya.core.words import N_
from himaya.takedown import queries

index = make_index(
    Words(
        title=N_("Notices"),
        lead=N_("What left over the notice routes, and whether it arrived"),
        empty=N_("No notice yet"),
        what_next=N_("A verdict that confirms a case makes one for every notice route of this node."),
    ),
    rows=queries.notices,
    states=queries.states,
)

urlpatterns = [path("", index, name="index")]
