"""What a person does with a report: file it, take it back, say what became of it, follow it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from himaya.accounts.access import needs
from himaya.accounts.words import say
from himaya.core.errors import HimayaError
from himaya.reporting import drafting, filing, paths
from himaya.reporting.forms import SettleForm
from himaya.reporting.pages.draft import filing_page, find, note_of, version_in
from himaya.reporting.routes import BadFilingRoute, resolve
from himaya.reporting.states import DRAFT, REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.reporting.models import Filing


def _act(request: StaffRequest, pk: int, act: Callable[[], Filing], said: str) -> HttpResponse:
    find(pk, request.user)
    try:
        done = act()
    except HimayaError as error:
        say(request, error)
        return redirect("reporting:filing", pk)
    messages.success(request, said)
    return redirect("reporting:filing", done.pk)


@needs("reports.file")
@require_http_methods(["GET", "POST"])
def file_it(request: StaffRequest, pk: int) -> HttpResponse:
    """Say what will leave, and to whom; then file it."""
    one = find(pk, request.user)
    if request.method == "POST":
        number = version_in(request.POST)
        return _act(
            request, pk, lambda: filing.queue_filing(pk, by=request.user.actor, version=number),
            gettext("It leaves now, step by step; here it says how far it is."),
        )  # fmt: skip
    try:
        channel, options = resolve(one.route)
        blocking = [gap for gap in drafting.gaps_of(one) if gap.blocks]
    except BadFilingRoute:
        return redirect("reporting:filing", pk)  # where it says so, as what is missing
    if blocking or one.state not in (DRAFT, REFUSED):
        return redirect("reporting:filing", pk)
    sent = [file for file in one.files if file["sent"]]
    told = [file for file in one.files if not file["sent"]]
    stated = sum(1 for _ in paths.leaves(one.values))
    sentence = ngettext(
        "%(n)s thing that is stated goes to %(to)s, over the route %(route)s.",
        "%(n)s things that are stated go to %(to)s, over the route %(route)s.",
        stated,
    ) % {"n": stated, "to": (to := channel.addressee(options)), "route": one.route}
    context = {"one": one, "sentence": sentence, "sent": sent, "told": told, "authority": to, "note": note_of(one)}
    return render(request, "reporting/file.html", context)


@needs("reports.write")
@require_POST
def take_new(request: StaffRequest, pk: int) -> HttpResponse:
    """Take what became known into the draft."""
    said = gettext("Taken over, where nobody had written something else.")
    return _act(request, pk, lambda: drafting.take_new(pk, by=request.user.actor), said)


@needs("reports.file")
@require_POST
def retract(request: StaffRequest, pk: int) -> HttpResponse:
    """Take back what is not filed."""
    said = gettext("Taken back, as far as it had not left.")
    return _act(request, pk, lambda: filing.retract_filing(pk, by=request.user.actor), said)


@needs("reports.file")
@require_POST
def settle(request: StaffRequest, pk: int) -> HttpResponse:
    """It is there, under a number."""
    one, form = find(pk, request.user), SettleForm(request.POST)
    if not form.is_valid():
        return filing_page(request, one, settle=form, status=422)
    receipt = form.cleaned_data["receipt"]
    said = gettext("Noted as filed, under your name.")
    return _act(request, pk, lambda: filing.settle_filing(pk, receipt=receipt, by=request.user.actor), said)


@needs("reports.file")
@require_POST
def begin_again(request: StaffRequest, pk: int) -> HttpResponse:
    """It is not there."""
    said = gettext("All steps are taken anew, under the same key; where the verdict is gone, it is given up.")
    return _act(request, pk, lambda: filing.begin_again(pk, by=request.user.actor), said)


@needs("reports.write")
@require_POST
def follow_up(request: StaffRequest, pk: int) -> HttpResponse:
    """Draft what follows up, or corrects."""
    said = gettext("A draft that names the number of the earlier report.")
    return _act(request, pk, lambda: filing.follow_up(pk, by=request.user.actor), said)
