"""Handing a case to a colleague, or leaving it to others for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from himaya.accounts.access import needs
from himaya.cases import giving
from himaya.cases.pages.acts import again
from himaya.cases.services import UnknownCase
from himaya.core.errors import HimayaError

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest


@needs("cases.claim")
@require_POST
def hand_over(request: StaffRequest, pk: int) -> HttpResponse:
    """Give it to a colleague."""
    given: dict[str, Any] = {name: request.POST.get(name, "") for name in ("to", "note")}
    try:
        handed = giving.hand_over(pk, person=request.user, **given)
    except UnknownCase:
        raise
    except HimayaError as error:
        return again(request, pk, error, "hand")
    messages.success(request, gettext("%(name)s has the case now.") % {"name": handed.claimed_by})
    return redirect("cases:queue")


@needs("cases.claim")
@require_POST
def skip(request: StaffRequest, pk: int) -> HttpResponse:
    """Leave it to others."""
    try:
        giving.leave_case(pk, person=request.user, reason=request.POST.get("reason", ""))
    except UnknownCase:
        raise
    except HimayaError as error:
        return again(request, pk, error, "skip")
    messages.success(request, gettext("It is left to others. You are not given it again today."))
    return redirect("cases:queue")
