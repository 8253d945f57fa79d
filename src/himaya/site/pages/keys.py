"""What an administrator does with keys for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from himaya.accounts import services
from himaya.accounts.access import needs
from himaya.accounts.again import confirmed
from himaya.accounts.words import say, sentence
from himaya.core.errors import HimayaError
from himaya.site.pages.settings import NewKey, secret_page, settings_page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest


@needs("accounts.change")
@confirmed(back="site:settings")
@require_POST
def add(request: StaffRequest) -> HttpResponse:
    """Make a key and show its secret."""
    form = NewKey(request.POST, prefix="key")
    if not form.is_valid():
        return settings_page(request, new_key=form, status=422)
    given = form.cleaned_data
    try:
        made = services.add_key(given["name"], scopes=given["scopes"], days=given["days"], by=request.user.actor)
    except HimayaError as error:
        form.add_error(None, sentence(error))
        return settings_page(request, new_key=form, status=error.status)
    return secret_page(
        request, title=gettext("The key is made"), whose=given["name"], secret=made.secret, copy=gettext("Copy the key")
    )


@needs("accounts.change")
@confirmed(back="site:settings")
@require_POST
def revoke(request: StaffRequest, prefix: str) -> HttpResponse:
    """End a key."""
    try:
        services.revoke_key(prefix, by=request.user.actor)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("The key was revoked. Its next request is refused."))
    return redirect("site:settings")
