"""Looking at one exhibit of a grant: the answer to a press, shown in a frame that can do nothing.

A form names a sandboxed frame as its target: no script is needed, nothing is loaded unless somebody presses, and what
comes is a picture of this node's making under a policy that allows nothing at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from himaya.accounts.access import needs
from himaya.accounts.words import sentence
from himaya.core.errors import HimayaError
from himaya.evidence import queries, viewing

if TYPE_CHECKING:
    from collections.abc import Callable

    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person
    from himaya.evidence.models import Exhibit

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "; ".join(
        # A browser fits a picture that stands alone into its frame by a style of its own: nothing else is there.
        (
            "default-src 'none'",
            "style-src 'unsafe-inline'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
            "sandbox",
        )
    ),
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Disposition": "inline",
}


@needs("evidence.ask")
@require_POST
def look(request: StaffRequest, pk: int, exhibit: int) -> HttpResponse:
    """Small, grey and blurred: the reading is counted."""
    return _answer(request, exhibit, lambda one, me: viewing.look_at(one, access=pk, person=me))


@needs("evidence.ask")
@require_POST
def show(request: StaffRequest, pk: int, exhibit: int) -> HttpResponse:
    """As it is, once."""
    return _answer(request, exhibit, lambda one, me: viewing.show_plain(one, access=pk, person=me))


def _answer(request: StaffRequest, exhibit: int, act: Callable[[Exhibit, Person], bytes]) -> HttpResponse:
    try:
        picture = act(queries.exhibit(exhibit), request.user)
    except HimayaError as error:
        # the person may look at things; that this grant does not let them is no refusal of the page
        answer = render(request, "evidence/not_shown.html", {"why": sentence(error)}, status=409)
        for name, value in HEADERS.items():
            answer[name] = value
        return answer
    return HttpResponse(picture, content_type="image/png", headers=HEADERS)
