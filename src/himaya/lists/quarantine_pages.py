"""The page of items that suddenly matched too much: the figures, the cases, and the decision about each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import told_at
from himaya.accounts.paging import page
from himaya.accounts.words import number
from himaya.core.config import config
from himaya.lists.forms import ReleaseForm
from himaya.lists.proposal_pages import proposed
from himaya.lists.quarantine import NEVER, quarantines, release_item
from himaya.lists.seconding import NeedsSecond
from himaya.lists.words import class_label, signal_label

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.lists.models import Quarantine


@needs("lists.view")
@require_safe
def quarantine(request: StaffRequest) -> HttpResponse:
    """Every item that is held, those that wait longest first."""
    return _shown(request)


@needs("lists.release")
@require_POST
def release(request: StaffRequest, pk: int) -> HttpResponse:
    """Let an item open cases again, for a reason."""
    form = ReleaseForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        with told_at(form):
            limit = given["limit"] or NEVER
            try:
                held = release_item(pk, by=request.user.actor, reason=given["reason"], limit=limit)
            except NeedsSecond as needed:
                return proposed(request, needed)
            messages.success(request, _opens(held.kept))
            return redirect("lists:quarantine")
    return _shown(request, refused=(pk, form), status=422)


def _opens(kept: int) -> str:
    if not kept:
        return gettext("It opens cases again.")
    said = gettext("It opens cases again. Places where something matched it meanwhile, which open theirs now: %(n)s")
    return said % {"n": number(kept)}


def _shown(request: StaffRequest, *, refused: tuple[int, ReleaseForm] | None = None, status: int = 200) -> HttpResponse:
    found = page(request, quarantines())
    may_release = request.user.may("lists.release")
    rows = [_row(one) for one in found.rows]
    for row in rows if may_release else ():
        again = refused is not None and refused[0] == row["item"].pk
        row["form"] = refused[1] if refused and again else ReleaseForm(auto_id=f"{row['item'].pk}-%s")
    context = {"rows": rows, "shown": found, "may_release": may_release, "sees_cases": request.user.may("cases.view")}
    return render(request, "lists/quarantine.html", context, status=status)


def _waits(kept: int) -> str:
    """What waits for the decision: nothing else of it is shown, for it is no case yet."""
    said = gettext("places where something matched it meanwhile: %(n)s; removed after so many days: %(days)s")
    return said % {"n": number(kept), "days": number(config().flood_kept_days)}


def _row(one: Quarantine) -> dict[str, Any]:
    item, distances = one.item, {int(bits): n for bits, n in one.distances.items()}
    bars = [{"label": str(bits), "value": distances.get(bits, 0)} for bits in range(max(distances, default=0) + 1)]
    said = ngettext(
        "It matched %(n)s contents within %(hours)s hour", "It matched %(n)s contents within %(hours)s hours", one.hours
    )
    return {
        "item": item,
        "at": one.at,
        "signal": signal_label(item.signal),
        "class": class_label(item.scheme, item.code),
        "figures": said % {"n": number(one.contents), "hours": number(one.hours)},
        "bars": bars,
        "waits": _waits(one.kept),
        "lost": number(one.lost) if one.lost else "",
        "cases": f"{reverse('cases:queue')}?{urlencode({'q': item.value})}",
    }
