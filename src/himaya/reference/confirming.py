"""Rows that somebody should look at again: a page to work through, and one press that says it was done, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import asked
from himaya.accounts.words import say
from himaya.core.countries import PLACES
from himaya.core.errors import HimayaError
from himaya.core.reference import TABLES
from himaya.reference import queries, services
from himaya.reference.entries import entry_of, mark_of
from himaya.reference.services import HOWS
from himaya.reference.telling import choices
from himaya.reference.words import gist, label, place, said

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.reference.rows import Row

SIZE = 25


@needs("reference.view")
@require_safe
def to_confirm(request: StaffRequest) -> HttpResponse:
    """Rows that are old or unsure, the least sure first."""
    chosen = asked(request, "place", "table", "from")
    every = queries.to_confirm()
    fits = [
        one
        for one in every
        if chosen["place"] in ("", one.values[one.table.place]) and chosen["table"] in ("", one.table.name)
    ]
    start = int(chosen["from"]) if chosen["from"].isascii() and chosen["from"].isdecimal() else 0
    start = start if start < len(fits) else 0
    narrowed: dict[str, str | int] = {name: chosen[name] for name in ("place", "table") if chosen[name]}
    context = {
        "rows": [_shown(one) for one in fits[start : start + SIZE]],
        "n": len(fits),
        "first": start + 1,
        "places": choices({code: PLACES[code] for code in {one.values[one.table.place] for one in every}}),
        "tables": [(name, gettext(TABLES[name].title)) for name in queries.CONFIRMED],
        "chosen": chosen,
        "narrowed": bool(narrowed),
        "previous_url": f"?{urlencode({**narrowed, 'from': max(0, start - SIZE)})}" if start else "",
        "next_url": f"?{urlencode({**narrowed, 'from': start + SIZE})}" if start + SIZE < len(fits) else "",
        "may_change": request.user.may("reference.change"),
    }
    return render(request, "reference/to_confirm.html", context)


def _shown(row: Row) -> dict[str, Any]:
    one = row.typed()
    shown = mark_of(one.mark) if row.table.name == "languages" else entry_of(one)
    hows = [(name, gettext(words)) for name, words in HOWS.items() if name != "rang" or row.values.get("numbers")]
    return {
        **shown,
        "row": row,
        "title": label(row),
        "kind": said(row, row.table.kind),
        "gist": gist(row),
        "place": place(row.values[row.table.place]),
        "why": _why(row),
        "hows": hows,
    }


def _why(row: Row) -> str:
    if row.values["confidence"] == "low":
        return gettext("It is unsure.")
    return gettext("Nobody has looked at it for more than a year.")


@needs("reference.change")
@require_POST
def confirm(request: StaffRequest, table: str, row_key: str) -> HttpResponse:
    """Somebody looked: the row stands as it is, from today, in this node's name."""
    posted = request.POST
    seen = posted.get("seen", "")
    try:
        services.confirm_row(
            table,
            key=row_key,
            how=posted.get("how", ""),
            by=request.user.actor,
            seen=int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 7 else None,
        )
    except HimayaError as error:
        if error.status not in (409, 422):
            raise
        say(request, error)
    else:
        messages.success(request, gettext("It counts as confirmed by this node, from today."))
    back = {name: posted[name] for name in ("place", "table", "from") if posted.get(name)}
    return redirect(f"{reverse('reference:to_confirm')}?{urlencode(back)}")


urlpatterns = [
    path("to-confirm", to_confirm, name="to_confirm"),
    path("<slug:table>/rows/<slug:row_key>/confirm", confirm, name="confirm"),
]
