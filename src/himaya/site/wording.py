"""Whoever writes in the console is told of words that do harm, and of respectful ones. Nothing is refused for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.utils.translation import gettext

from himaya.core.cybertip.labels import MATERIAL
from himaya.core.terms.wording import check, worth_telling
from himaya.core.words import told
from himaya.site.errors import for_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    Respond = Callable[[HttpRequest], HttpResponse]

MOST, LONGEST = 3, 50_000
"""Words that are told of at once, and characters of a form that are read."""
SECRET = ("password", "csrf", "token", "code")
"""Fields with one of these in their name hold no words."""
ELSEWHERE = ("/accounts/", "/i18n/", "/theme/", "/static/")
PLAIN = "application/x-www-form-urlencoded"


class Wording:
    """Looks at what was written into any form of the console, and leaves a message for the page that comes next.

    One mechanism for every field: a form need not know of it. A form with files is looked at after its view has read
    it, for a view may say beforehand where the files go; its message then stands on the page after that.
    """

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        response = self.respond(request)
        if _written_here(request) and request.content_type != PLAIN and hasattr(request, "_post"):
            _tell(request)
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        """Look at a form without files, so that the page that shows it again can tell already."""
        if _written_here(request) and request.content_type == PLAIN:
            _tell(request)


def _written_here(request: HttpRequest) -> bool:
    elsewhere = for_program(request) or request.path.startswith(ELSEWHERE)
    return request.method == "POST" and not elsewhere and request.user.is_authenticated


def _tell(request: HttpRequest) -> None:
    fields = (name for name in request.POST if not any(word in name.lower() for word in SECRET))
    values = (value for name in fields for value in request.POST.getlist(name))
    text = "\n\n".join(value for value in values if value != MATERIAL)  # NCMEC's own value, chosen in a form
    for one in worth_telling(check(text[:LONGEST]))[:MOST]:
        messages.warning(request, gettext("About a word that you wrote: %(said)s") % {"said": told(one.said, gettext)})
