"""Answers: another lead lets one leave, and it is taken out, closed to whoever it is for."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, override
from django.views.decorators.http import require_POST

from himaya.accounts.access import needs
from himaya.accounts.again import last_factor
from himaya.accounts.words import say
from himaya.core.bundles.report import Language
from himaya.core.errors import HimayaError
from himaya.evidence.demands import queries
from himaya.evidence.demands.answering import approve_answer, drop_answer, write_answer
from himaya.evidence.granting import NoFreshProof, Proof

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest

LANGUAGES = ("en", "ar")
"""Of the reports of custody in an answer."""


@needs("demands.approve")
@require_POST
def approve(request: StaffRequest, pk: int) -> HttpResponse:
    """Let it leave; whoever has not just used a security key is asked to, and comes back."""
    back = _page_of(pk)
    factor = last_factor(request)
    proof = Proof(factor[0], datetime.fromtimestamp(factor[1], UTC)) if factor else None
    try:
        approve_answer(pk, person=request.user, proof=proof)
    except NoFreshProof as error:
        say(request, error)
        return redirect(f"{reverse('mfa_reauthenticate_webauthn')}?{urlencode({'next': back})}")
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("It may leave, within a day."))
    return redirect(back)


@needs("demands.work")
@require_POST
def drop(request: StaffRequest, pk: int) -> HttpResponse:
    """Do not hand it over."""
    back = _page_of(pk)
    try:
        drop_answer(pk, why=request.POST.get("why", ""), person=request.user)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("The answer was dropped."))
    return redirect(back)


@needs("demands.work")
@require_POST
def take(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Take it out as a file that only the authority can open. It is written whole before a byte of it is sent."""
    back = _page_of(pk)
    file = TemporaryFile()  # noqa: SIM115 - the answer closes it
    try:
        write_answer(pk, file, person=request.user, languages=[_language(code) for code in LANGUAGES])
    except HimayaError as error:
        file.close()
        say(request, error)
        return redirect(back)
    file.seek(0)
    name = f"{queries.answer(pk).demand.reference}-{pk}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")


def _page_of(pk: int) -> str:
    return reverse("demands:demand", args=[queries.answer(pk).demand_id])


def _language(code: str) -> Language:
    return Language(code, partial(_in, code))


def _in(code: str, text: str) -> str:
    with override(code):
        return gettext(text)
