"""What every request passes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext

from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.site.errors import error_page, problem
from himaya.site.languages import offered

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    Respond = Callable[[HttpRequest], HttpResponse]

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "camera", "display-capture", "fullscreen", "geolocation", "gyroscope", "microphone", "midi",
        "payment", "usb", "browsing-topics",
    )
)  # fmt: skip


class SecurityHeaders:
    """Headers that no view has a say in. CSP, HSTS and the rest come from Django and django-csp."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, then add the headers; a page of this node is never stored by a browser or a proxy."""
        response = self.respond(request)
        response["Permissions-Policy"] = PERMISSIONS
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if not request.path.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
            response.setdefault("Cache-Control", "no-store")
        return response


class Language:
    """Speaks the language of the cookie, else the first offered one that the browser asks for."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Choose among the languages whose catalogue is complete."""
        complete = {code for code, _ in offered()}
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        if chosen not in complete:
            asked = translation.get_language_from_request(request)
            chosen = asked if asked in complete else settings.LANGUAGE_CODE
        with translation.override(chosen):
            request.LANGUAGE_CODE = chosen
            response = self.respond(request)
        response.setdefault("Content-Language", chosen)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


class SecondFactor:
    """Nobody works here on a password alone: without a second factor, every page leads to setting one up."""

    FREE = ("/accounts/", "/api/", "/hma/", "/log/v1/", "/exchange/", "/static/", "/i18n/", "/theme/", "/healthz")

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let through, or lead to the page where a factor is set up."""
        person = request.user
        if config().second_factor and person.is_authenticated and not request.path.startswith(self.FREE):
            from allauth.mfa.utils import is_mfa_enabled

            if not is_mfa_enabled(person):
                if request.path != reverse("site:dashboard"):
                    messages.info(request, gettext("That page opens once your second factor is set up."))
                return redirect(reverse("mfa_index"))
        return self.respond(request)


class Errors:
    """An error that a person can act on becomes a page or a problem document, not a stack trace."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        return self.respond(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Say what happened and what to do."""
        if not isinstance(error, HimayaError):
            return None
        return problem(error) if request.path.startswith("/api/") else error_page(request, error)
