"""Two small doors: a probe for machines, and the choice between light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import DatabaseError, connection
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import open_to_all
from himaya.core.config import config
from himaya.site.context import THEMES

if TYPE_CHECKING:
    from django.http import HttpRequest

YEAR = 365 * 24 * 3600


@open_to_all
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """``ok`` where the database answers, else 503. Says nothing more: anybody may ask."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


@open_to_all
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep light, dark or the device's choice in a cookie, and go back to the page."""
    chosen, back = request.POST.get("theme", ""), request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = reverse("site:dashboard")
    response = redirect(back)
    if chosen in THEMES and chosen:
        response.set_cookie("theme", chosen, max_age=YEAR, samesite="Lax", secure=config().https, httponly=True)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response
