"""Views of the queue that are kept, and the queue as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from himaya.accounts import streams
from himaya.accounts.access import needs
from himaya.accounts.words import say
from himaya.cases import views
from himaya.cases.pages.queue import chosen_rows, queue_url
from himaya.core import clock

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest


@needs("cases.view")
@require_POST
def keep(request: StaffRequest) -> HttpResponse:
    """Keep the filters that are chosen under a name."""
    chosen, _ = chosen_rows(request.user, request.POST)
    address = queue_url(chosen)
    try:
        views.keep_view(request.POST.get("name", ""), query=address.partition("?")[2], person=request.user)
    except views.BadView as error:
        say(request, error)
    else:
        messages.success(request, gettext("The view is kept. It stands above the queue, for you alone."))
    return redirect(address)


@needs("cases.view")
@require_POST
def forget(request: StaffRequest, pk: int) -> HttpResponse:
    """Let a view go."""
    if views.forget_view(pk, person=request.user):
        messages.success(request, gettext("The view is gone. The cases stay as they are."))
    return redirect(reverse("cases:queue"))


@needs("cases.export")
@require_POST
def export(request: StaffRequest) -> streams.Streamed:
    """The cases of this view as CSV, written as it is sent; the ledger says who took it."""
    chosen, rows = chosen_rows(request.user, request.POST)
    with streams.place(request.user.actor) as at:
        parts = views.export_cases(rows, filters=chosen, by=request.user.actor)
        response = streams.Streamed(parts, at=at, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="himaya-cases-{clock.now():%Y-%m-%d}.csv"'
    return response
