"""Saying that a case is urgent, and taking it back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from himaya.accounts.access import needs
from himaya.cases import flagging
from himaya.cases.pages.acts import again
from himaya.cases.services import UnknownCase
from himaya.core.errors import HimayaError
from himaya.core.words import N_

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest


@needs("cases.flag")
@require_POST
def flag(request: StaffRequest, pk: int) -> HttpResponse:
    """Say it."""
    kind, reason = request.POST.get("kind", ""), request.POST.get("reason", "")
    try:
        due_at = _due(request.POST.get("due_at", "")) if kind == flagging.DUTY else None
        flagging.flag_case(pk, person=request.user, kind=kind, reason=reason, due_at=due_at)
    except UnknownCase:
        raise
    except HimayaError as error:
        return again(request, pk, error, "flag")
    messages.success(request, gettext("The case has its new place in the queue."))
    return redirect("cases:case", pk)


@needs("cases.flag")
@require_POST
def unflag(request: StaffRequest, pk: int) -> HttpResponse:
    """Take it back."""
    kind, reason = request.POST.get("kind", ""), request.POST.get("reason", "")
    try:
        flagging.take_back_flag(pk, person=request.user, kind=kind, reason=reason)
    except UnknownCase:
        raise
    except HimayaError as error:
        return again(request, pk, error, "flag")
    messages.success(request, gettext("It is taken back. The case has its new place in the queue."))
    return redirect("cases:case", pk)


def _due(given: str) -> datetime | None:
    """A moment as a form sends it, in UTC.

    Raises:
        BadFlag: it is none.
    """
    if not given:
        return None
    try:
        return datetime.fromisoformat(given).replace(tzinfo=UTC)
    except ValueError:
        raise flagging.BadFlag(why=N_("the deadline is no date with a time")) from None
