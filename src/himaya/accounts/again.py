"""Ask once more who it is before an act on people or keys, where the last proof is old. What was posted waits.

A browser left open, or a session that somebody took over, then changes nothing about who gets in. allauth asks
(password, code or security key) and calls :func:`go_on`; its own way of keeping a request would keep the browser's
headers and address with it.
"""

from __future__ import annotations

import secrets
import time
from functools import wraps
from typing import TYPE_CHECKING, Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import stash_and_reauthenticate
from allauth.account.utils import get_next_redirect_url
from django.conf import settings
from django.http import QueryDict
from django.shortcuts import redirect
from django.urls import resolve, reverse
from django.utils.http import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

    View = Callable[..., HttpResponseBase]


def confirmed(*, back: str) -> Callable[[View], View]:
    """A post is acted on only soon after the person proved who they are; else they are asked, and it goes on then.

    Args:
        back: the name of the page to come back to where nothing waits any more (the question was reloaded).
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method != "POST" or proved_recently(request):
                return view(request, *args, **kwargs)
            return _hold(request, reverse(back))

        guarded.confirmed = True  # type: ignore[attr-defined]
        return guarded

    return decorate


def proved_recently(request: HttpRequest) -> bool:
    """Whether the person signed in, or confirmed it, within ``ACCOUNT_REAUTHENTICATION_TIMEOUT`` seconds."""
    proofs = get_authentication_records(request, request.user)
    return bool(proofs) and 0 <= time.time() - proofs[-1]["at"] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def last_factor(request: HttpRequest) -> tuple[str, float] | None:
    """The last second factor that the person used in this session (``webauthn``, ``totp``), and when, in Unix time."""
    proofs = get_authentication_records(request, request.user)
    used = [proof for proof in proofs if proof["method"] == "mfa"]
    return (str(used[-1].get("type", "")), float(used[-1]["at"])) if used else None


def _hold(request: HttpRequest, back: str) -> HttpResponseBase:
    """Keep what was posted in the session and ask. The number ties the answer to this post and to no other."""
    posted = request.POST.copy()
    posted.pop("csrfmiddlewaretoken", None)
    after = f"{back}?{urlencode({'held': secrets.token_urlsafe(9)})}"
    held = {"path": request.path_info, "posted": posted.urlencode(), "after": after}
    asking = stash_and_reauthenticate(request, held, f"{go_on.__module__}.{go_on.__name__}")
    return redirect(f"{asking.url}?{urlencode({'next': after})}")


def go_on(request: HttpRequest, held: dict[str, str]) -> HttpResponseBase:
    """Do what waits, if this is what was confirmed: another question may have been answered in the meantime."""
    wanted = get_next_redirect_url(request)
    if wanted != held["after"]:
        return redirect(wanted or settings.LOGIN_REDIRECT_URL)
    request.path = request.path_info = held["path"]
    request.POST = QueryDict(held["posted"])
    request.resolver_match = found = resolve(held["path"])
    answer: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
    return answer
