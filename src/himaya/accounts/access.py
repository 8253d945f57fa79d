"""Who may see a page. Every view says it with one of these three; a test reads the mark of every URL."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.shortcuts import resolve_url

from himaya.accounts.roles import MAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

    from himaya.accounts.models import Person

    View = Callable[..., HttpResponseBase]

    class StaffRequest(HttpRequest):
        """A request behind :func:`needs`: somebody has signed in. For annotations only."""

        user: Person


def needs(permission: str) -> Callable[[View], View]:
    """The page is for roles that have the permission of ``roles.MAY``; its mark is ``view.permission``.

    Whoever is not signed in is asked to, and comes back; whoever lacks the permission gets the page for 403.
    """
    if permission not in MAY:
        raise ValueError(f"no role has a permission {permission!r}; see himaya.accounts.roles")

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _sign_in(request)
            if not request.user.may(permission):
                raise PermissionDenied(permission)
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def signed_in(view: View) -> View:
    """The page is for everybody who works here, about themselves; its mark is an empty ``view.permission``."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(request, *args, **kwargs) if request.user.is_authenticated else _sign_in(request)

    guarded.permission = ""  # type: ignore[attr-defined]
    return guarded


def open_to_all(view: View) -> View:
    """The page needs no sign-in; its mark is ``view.open_to_all``."""

    @wraps(view)
    def opened(*args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(*args, **kwargs)

    opened.open_to_all = True  # type: ignore[attr-defined]
    return opened


def _sign_in(request: HttpRequest) -> HttpResponseBase:
    """Ask who it is. What was posted is lost, and an address that only takes posts is no place to come back to."""
    home = resolve_url(settings.LOGIN_REDIRECT_URL)
    return redirect_to_login(request.get_full_path() if request.method == "GET" else home)
