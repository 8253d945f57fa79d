"""The ledger: who did what to what, and the proof that nobody changed it since.

Its pages stand in this room, not in the ledger's own: they name people and lead to cases, which live floors above.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, asked
from himaya.accounts.paging import page
from himaya.accounts.queries import person
from himaya.ledger import queries
from himaya.ledger.proving import prove
from himaya.site.pages import deliveries
from himaya.site.pages.act_words import act_words, room_words

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.ledger.models import Entry

PLACES = {
    "case": ("cases:case", "cases.view"),
    "list": ("lists:list", "lists.view"),
    "item": ("lists:item", "lists.view"),
    "demand": ("demands:demand", "demands.view"),
    "request": ("demands:request", "demands.view"),
    "reference": ("reference:row", "reference.view"),
    "exhibit": ("evidence:exhibit", "evidence.view"),
    "access": ("evidence:access", "evidence.view"),
    "intake": ("incoming:intake", "evidence.view"),
}
"""Kind of object → its page, and who may see it."""


@needs("ledger.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Entries, newest first."""
    chosen = asked(request, "act", "actor", "about")
    found = queries.entries(act=chosen["act"], actor=_actor(chosen["actor"]), about=chosen["about"])
    shown = page(request, found, newest_first=True)
    seq, digest = queries.head()
    who = Actors(row.actor for row in shown.rows)
    context = {
        "entries": shown,
        "rows": [
            {"entry": row, "what": act_words(row.act, row.data), "who": who[row.actor], "url": _place(request, row)}
            for row in shown.rows
        ],
        "chosen": chosen,
        "rooms": _rooms(queries.acts()),
        "narrowed": any(chosen.values()),
        "seq": seq,
        "digest": digest,
    }
    return render(request, "ledger/index.html", context)


def _actor(text: str) -> str:
    """An actor as the ledger writes it, from that or from a user name."""
    known = person(text.lower()) if text and ":" not in text else None
    return known.actor if known else text


def _rooms(acts: list[str]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Acts and their words by what comes before their dot: the room, how it is called, what happens there."""
    rooms: dict[str, list[tuple[str, str]]] = {}
    for act in acts:
        rooms.setdefault(act.partition(".")[0], []).append((act, act_words(act, {})))
    return [(room, room_words(room), found) for room, found in sorted(rooms.items())]


def _place(request: StaffRequest, row: Entry) -> str:
    """The page of the object, for those who may see it; empty where it has none."""
    kind, _, key = row.about.partition(":")
    name, permission = PLACES.get(kind, ("", ""))
    return reverse(name, args=key.split("/")) if name and key and request.user.may(permission) else ""


@needs("ledger.view")
@require_safe
def entry(request: StaffRequest, seq: int) -> HttpResponse:
    """One entry, whole, between its neighbours."""
    found = queries.entry(seq)
    if found is None:
        raise Http404
    before, after = queries.neighbours(seq)
    context = {
        "entry": found,
        "what": act_words(found.act, found.data),
        "who": Actors([found.actor])[found.actor],
        "url": _place(request, found),
        "data": json.dumps(found.data, indent=2, ensure_ascii=False, sort_keys=True) if found.data else "",
        "before": before,
        "after": after,
        "follows": found.digest == found.link().expected_digest(),
        "linked": before is None or found.previous == before.digest,
    }
    return render(request, "ledger/entry.html", context)


@needs("ledger.view")
@require_POST
def verify(request: StaffRequest) -> HttpResponse:
    """Walk the whole chain and say what was found."""
    found = prove(by=request.user.actor)
    facts: dict[str, Any] = {"n": found.entries, "head": found.head[:12], "at": found.broken_at}
    if found.whole:
        said = gettext(
            "The ledger is whole: each of its %(n)s entries follows from the one before. It ends in %(head)s…"
        )
        messages.success(request, said % facts)
    else:
        said = gettext("The ledger is broken at entry %(at)s: %(why)s. Everything before it is whole.")
        messages.error(request, said % {**facts, "why": gettext(found.why)})
    return redirect("ledger:index")


urlpatterns = [
    path("", index, name="index"),
    path("<int:seq>", entry, name="entry"),
    path("verify", verify, name="verify"),
    *deliveries.urlpatterns,
]
