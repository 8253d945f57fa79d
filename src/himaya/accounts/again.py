"""Ask once more who it is before an act on people or keys, where the last proof is old. What was posted waits.

A browser left open, or a session that somebody took over, then changes nothing about who gets in. allauth asks
(password, code or security key) and calls :func:`go_on`; its own way of keeping a request would keep the browser's
headers and address with it.
"""

from __future__ import annotations

import secrets
import time
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import stash_and_reauthenticate
from allauth.account.utils import get_next_redirect_url
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import QueryDict
from django.shortcuts import redirect
from django.urls import resolve, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

    from himaya.accounts.access import StaffRequest

    View = Callable[..., HttpResponseBase]

KEY_FRESH = 270.0
"""Seconds; less than the five minutes within which a grant counts it, so that what goes on is not refused."""
BY_KEY = "mfa_reauthenticate_webauthn"


def confirmed(*, back: str) -> Callable[[View], View]:
    """A post is acted on only soon after the person proved who they are; else they are asked, and it goes on then.

    Args:
        back: the name of the page to come back to where nothing waits any more (the question was reloaded).
    """
    return _asking(proved_recently, reverse_to=back, at="account_reauthenticate")


def confirmed_by_key(*, back: str, spent: Callable[[StaffRequest], bool] = lambda _: False) -> Callable[[View], View]:
    """The same with a security key alone, used within :data:`KEY_FRESH` seconds; whoever has none is told to add one.

    Args:
        back: as of :func:`confirmed`.
        spent: whether the last proof counts no more, as it was for another act.
    """
    return _asking(
        lambda request: (
            0 <= time.time() - key_used_at(request) < KEY_FRESH and not spent(cast("StaffRequest", request))
        ),
        reverse_to=back,
        at=BY_KEY,
    )


def _asking(proved: Callable[[HttpRequest], bool], *, reverse_to: str, at: str) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method != "POST" or proved(request):
                return view(request, *args, **kwargs)
            if at == BY_KEY and not is_mfa_enabled(request.user, types=[Authenticator.Type.WEBAUTHN]):
                messages.error(
                    request, gettext("This needs a security key, and you have none yet. Add one here first.")
                )
                return redirect("mfa_index")
            return _hold(request, reverse(reverse_to), at)

        guarded.confirmed = True  # type: ignore[attr-defined]
        return guarded

    return decorate


def proved_recently(request: HttpRequest) -> bool:
    """Whether the person signed in, or confirmed it, within ``ACCOUNT_REAUTHENTICATION_TIMEOUT`` seconds."""
    proofs = get_authentication_records(request, request.user)
    return bool(proofs) and 0 <= time.time() - proofs[-1]["at"] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def key_used_at(request: HttpRequest) -> float:
    """When the person last showed a security key in this session, in seconds since 1970; 0.0: never."""
    proofs = get_authentication_records(request, request.user)
    return max((proof["at"] for proof in proofs if proof.get("type") == Authenticator.Type.WEBAUTHN), default=0.0)


def _hold(request: HttpRequest, back: str, at: str) -> HttpResponseBase:
    """Keep what was posted in the session and ask. The number ties the answer to this post and to no other."""
    posted = request.POST.copy()
    posted.pop("csrfmiddlewaretoken", None)
    more = {"by": "key"} if at == BY_KEY else {}
    after = f"{back}?{urlencode({'held': secrets.token_urlsafe(9), **more})}"
    held = {"path": request.path_info, "posted": posted.urlencode(), "after": after}
    stash_and_reauthenticate(request, held, f"{go_on.__module__}.{go_on.__name__}")
    return redirect(f"{reverse(at)}?{urlencode({'next': after})}")


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
