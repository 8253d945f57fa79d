"""How errors look: pages for people, problem documents (RFC 9457) for programs."""

from __future__ import annotations

import json
import logging
import secrets
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext

from himaya.accounts.access import open_to_all
from himaya.accounts.roles import MAY
from himaya.accounts.words import joined, translated
from himaya.core.errors import Flawed, HimayaError
from himaya.core.words import N_

PROBLEM = "application/problem+json"
HMA = "/hma/"
"""Below it errors look as HMA's clients expect them."""
LOG = "/log/v1/"
"""Below it stands what is public of the log."""
EXCHANGE = "/exchange/"
"""Below it partners read."""
log = logging.getLogger("himaya.site")
TROUBLES = {
    "disk-full": N_("The disk is full."),
    "database-away": N_("The database does not answer."),
    "database-busy": N_("The database is busy for longer than we wait."),
    "not-ready": N_("The database has not been prepared for this version."),
    "not-writable": N_("The node may not write to its own data directory."),
    "": N_("The machine that this node runs on is in trouble."),
}
"""What strangers are told of a trouble: no host, no path. The rest is for the log and for ``himaya doctor``."""


class WrongHost(HimayaError):
    """This node does not answer to the name that it was asked by."""

    remedy = "Ask by another name; or have whoever runs the node add this one to the setting hosts (HIMAYA_HOSTS)."
    status = 400


def for_program(request: HttpRequest) -> bool:
    """Whether the answer is read by a program."""
    return request.path.startswith(("/api/", HMA, LOG, EXCHANGE))


def error_page(request: HttpRequest, error: HimayaError) -> HttpResponse:
    """A page that says what happened, what was kept and what to do."""
    message, remedy = translated(error)
    missing = error.status == 404 and request.method in ("GET", "HEAD")
    context = {"message": message, "remedy": remedy, "missing": missing}
    return render(request, "site/refused.html", context, status=error.status)


def problem_document(status: int, title: str, *, code: str = "about:blank", detail: str = "", **more: Any) -> str:
    """The JSON of RFC 9457. ``type`` is a URN that names the error for machines, or ``about:blank``."""
    kind = code if code == "about:blank" else f"urn:himaya:problem:{code}"
    return json.dumps({"type": kind, "title": title, "status": status, "detail": detail or title, **more})


def problem(error: HimayaError) -> HttpResponse:
    """The problem document of an error that a person can act on."""
    more: dict[str, Any] = {"remedy": error.remedy.format(**error.facts)} if error.remedy else {}
    if isinstance(error, Flawed):
        more["errors"] = error.errors
    title = error.code().replace("-", " ").capitalize()
    body = problem_document(error.status, title, code=error.code(), detail=str(error), **more)
    return HttpResponse(body, status=error.status, content_type=PROBLEM)


def _plain(request: HttpRequest, status: int, title: str, **more: Any) -> HttpResponse:
    if request.path.startswith(HMA):
        return HttpResponse(json.dumps({"message": title, **more}), status=status, content_type="application/json")
    return HttpResponse(problem_document(status, title, **more), status=status, content_type=PROBLEM)


# --- Django's own ----------------------------------------------------------------------------------------------------


@open_to_all
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The request cannot be read; 400. What was wrong with it is for the log, not for whoever sent it."""
    if isinstance(exception, DisallowedHost):
        if for_program(request):
            return problem(WrongHost())
        return HttpResponse(render_to_string("400.html", {"wrong_host": True}), status=400)
    if for_program(request):
        return _plain(request, 400, "This request could not be read.")
    return HttpResponse(render_to_string("400.html"), status=400)  # the host may be forged: nothing is built on it


@open_to_all
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The role does not include this; 403. The page says which roles do."""
    if for_program(request):
        return _plain(request, 403, "This is not open to you.")
    from himaya.site.pages.settings import ROLE_NAMES

    allowed = MAY.get(str(exception), frozenset())
    roles = joined(gettext(words) for role, words in ROLE_NAMES.items() if role in allowed)
    return render(request, "403.html", {"roles": roles}, status=403)


@open_to_all
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """There is nothing at this address; 404."""
    if for_program(request):
        return _plain(request, 404, "There is nothing at this address.")
    return render(request, "404.html", status=404)


@open_to_all
def server_error(request: HttpRequest) -> HttpResponse:
    """A defect of ours (500), or a trouble of the machine with a remedy (503: database away, disk full).

    Rendered without a request: whatever the context needs may be what is broken. The id stands in the log, too.
    """
    from himaya.site.cli.trouble import Unusable, explained

    error_id = secrets.token_hex(4)
    raised = sys.exc_info()[1]
    trouble = explained(raised) if raised else None
    if isinstance(trouble, Unusable):  # a file that a command was given; here it is one of ours
        trouble = None
    status = 503 if trouble else 500
    log.error("error %s: %s %s answered with %s", error_id, request.method, request.path, status, exc_info=raised)
    said = TROUBLES.get(trouble.code(), TROUBLES[""]) if trouble else N_("Something went wrong here")
    if for_program(request):
        return _plain(request, status, said, error_id=error_id)
    page = "site/trouble.html" if trouble else "500.html"
    return HttpResponse(render_to_string(page, {"message": gettext(said), "error_id": error_id}), status=status)


@open_to_all
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """The form was too old, or did not come from our own page."""
    if for_program(request):
        return _plain(request, 403, "This request did not come from our own page.")
    return render(request, "403.html", {"csrf": True}, status=403)


@open_to_all
def too_many(request: HttpRequest, original: object = None, credentials: object = None) -> HttpResponse:  # noqa: ARG001
    """The account is locked for a while; 429. axes' own answer to a script would be JSON that any site may read."""
    pause = settings.AXES_COOLOFF_TIME
    page = render(request, "429.html", {"cooloff_timedelta": pause}, status=429)
    page["Retry-After"] = str(int(pause.total_seconds()))
    return page
