"""A request as a file to print, in a language: HTML or PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.core.bundles.report import pdf
from himaya.evidence.demands import queries
from himaya.evidence.demands.paper import html
from himaya.evidence.pages.accesses import languages

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest

FORMS = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}


@needs("demands.view")
@require_safe
def paper(request: StaffRequest, pk: int, language: str, form: str) -> HttpResponse:  # noqa: ARG001 - a view's first argument
    """The file; 404 where there is no such language or form, 501 where a PDF cannot be made here."""
    chosen = next((each for each in languages() if each.code == language), None)
    if chosen is None or form not in FORMS:
        raise Http404
    one = queries.request(pk)
    page = html(one, chosen)
    answer = HttpResponse(pdf(page) if form == "pdf" else page, content_type=FORMS[form])
    answer["Content-Disposition"] = f'attachment; filename="{one.reference}.{language}.{form}"'
    return answer
