"""Who reads what is kept: asking, deciding by another person with a security key, reading at once, taking it out."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from csp.constants import SELF
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts import streams
from himaya.accounts.access import needs
from himaya.accounts.again import confirmed_by_key, key_used_at
from himaya.accounts.faces import asked, told_at
from himaya.accounts.paging import page
from himaya.accounts.words import say
from himaya.core import clock
from himaya.core.bundles.facts import Authorisation
from himaya.core.bundles.report import Language
from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.evidence import awaiting, granting, losing, queries, viewing, words
from himaya.evidence.bundling import hand_over
from himaya.evidence.forms import AskForm, NoteForm, RightForm, UrgentForm, WhyForm
from himaya.evidence.granting import MINUTES, MOST, WEBAUTHN, Proof
from himaya.evidence.guarded.bringing import lacking as lacking_parts
from himaya.evidence.handing import RETURN
from himaya.evidence.returning import NotTheirs, giver_of_all
from himaya.evidence.states import ASKED, DESTROYED, ENDED, GRANTED, GUARDED, REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpResponse
    from django.http.response import HttpResponseBase

    from himaya.accounts.access import StaffRequest
    from himaya.evidence.bundling import HandedOver
    from himaya.evidence.models import Access, Exhibit

STATES = {
    "waiting": N_("waiting"),
    GRANTED: N_("granted"),
    REFUSED: N_("refused"),
    ENDED: N_("ended"),
    "": N_("all"),
}
LANGUAGES = ("en", "ar")
"""Of the reports in a bundle."""


@needs("evidence.view")
@require_safe
def inbox(request: StaffRequest) -> HttpResponse:
    """What waits for somebody to decide or to look at; by choice what was decided."""
    state = asked(request, "state")["state"] if "state" in request.GET else "waiting"
    state = state if state in STATES else "waiting"
    waits = queries.accesses().filter(pk__in=awaiting.waiting().values("pk"))
    found = waits if state == "waiting" else queries.accesses(state)
    shown = page(request, found, newest_first=state != "waiting")
    context = {
        "rows": [_row(one) for one in shown.rows],
        "shown": shown,
        "state": state,
        "filters": [
            {"word": gettext(word), "url": f"?state={name}", "current": name == state} for name, word in STATES.items()
        ],
    }
    return render(request, "evidence/inbox.html", context)


def _row(one: Access) -> dict[str, Any]:
    looks = one.urgent and one.reviewed_at is None
    return {"one": one, "purpose": words.purpose(one), "looks": looks, **words.access_state(one)}


@needs("evidence.view")
@require_safe
def access(request: StaffRequest, pk: int) -> HttpResponse:
    """One request: what is wanted, and what may be done with it."""
    return _page(request, pk)


def _page(request: StaffRequest, pk: int, *, status: int = 200, **forms: Any) -> HttpResponse:
    one, me = queries.access(pk), request.user
    mine = one.asked_by == me
    runs = one.state == GRANTED and one.until is not None and one.until > clock.now()
    found = granting.exhibits_of(one).select_related("blob")
    lacking = lacking_parts(one.about) if mine and runs else []
    lost = losing.lost_generations()
    context = {
        **_row(one),
        "title": words.access_title(one),
        "exhibits": [{"one": each, **words.state_of(each, lost)} for each in found],
        "mine": mine,
        "usable": mine and runs and one.reads_left > 0 and one.reads_left == found.count() and not lacking,
        "may_decide": one.state == ASKED and not mine and me.may("evidence.grant"),
        "may_end": queries.can_be_ended(one) and (mine or me.may("evidence.grant")),
        "may_settle": one.urgent and not one.reviewed_at and not mine and me.may("evidence.grant"),
        "minutes": MINUTES,
        "refuse_form": WhyForm(auto_id="refuse_%s"),
        "note_form": NoteForm(),
        "right_form": RightForm(),
        "returns": one.purpose == RETURN,
        "goes_to": _goes_to(one, found),
        "guarded": [one.reference for one in found if one.kept_class == GUARDED],
        "lacking": [each.reference for each in lacking],
        "shows": _shows(one, found, but=lacking) if mine and runs else [],
        **forms,
    }
    response = render(request, "evidence/access.html", context, status=status)
    if context["shows"]:
        response._csp_update = {"frame-src": [SELF]}  # type: ignore[attr-defined]  # as django-csp has it
    return response


def _goes_to(one: Access, found: Iterable[Exhibit]) -> str:
    """Whose node it goes back to; empty: to somebody who has none, or it goes on elsewhere."""
    try:
        node = giver_of_all(list(found)) if one.purpose == RETURN else ""
    except NotTheirs:  # it was given back since
        return ""
    return queries.holder_of(node)


def _shows(one: Access, found: Iterable[Exhibit], *, but: Iterable[Exhibit]) -> list[dict[str, Any]]:
    """What can be looked at by a grant now, and how far that has gone; ``but``: what nothing opens yet."""
    closed = {each.pk for each in but}
    had, unread = viewing.looks(one), granting.unread(one)
    fit = [each for each in found if each.state != DESTROYED and each.pk not in closed and viewing.can_be_shown(each)]
    left = [each for each in fit if (each.pk in had and not had[each.pk]) or each.pk in unread]
    return [{"one": each, "begun": each.pk in had} for each in left]


# --- asking ----------------------------------------------------------------------------------------------------------


@needs("evidence.ask")
@require_http_methods(["GET", "POST"])
def ask(request: StaffRequest) -> HttpResponse:
    """Ask to read exhibits; another person decides."""
    begun = {"recipient": queries.last_recipient(request.user), "purpose": asked(request, "purpose")["purpose"][:10]}
    form = AskForm(request.POST or None, initial=begun)
    if request.method == "POST" and form.is_valid():
        with told_at(form):
            made = granting.ask_access(_exhibits(request), person=request.user, **form.cleaned_data)
            messages.success(request, gettext("Asked. Another person decides, with a security key."))
            return redirect("evidence:access", made.pk)
    return _asking(request, form, "evidence/ask.html")


def spent_proof(request: StaffRequest) -> bool:
    """Whether the last use of the key let something be read or leave already."""
    proof = proof_of(request)
    return proof is not None and granting.is_spent(proof, by=request.user)


@needs("evidence.urgent")
@require_http_methods(["GET", "POST"])
@confirmed_by_key(back="evidence:inbox", spent=spent_proof)
def urgent(request: StaffRequest) -> HttpResponse:
    """Read at once, where a life may hang on it. Everybody is told, and another person looks at it."""
    form = UrgentForm(request.POST or None, initial={"recipient": queries.last_recipient(request.user)})
    if request.method == "POST" and form.is_valid():
        with told_at(form):
            given = {**form.cleaned_data, "person": request.user, "proof": proof_of(request)}
            made = granting.take_access(_exhibits(request), **given)
            said = gettext(
                "You may read for %(n)s minutes. It is on record, and another lead looks at it within a day."
            )
            messages.warning(request, said % {"n": MINUTES})
            return redirect("evidence:access", made.pk)
    return _asking(request, form, "evidence/urgent.html")


def _asking(request: StaffRequest, form: AskForm | UrgentForm, template: str) -> HttpResponse:
    context = {"form": form, "exhibits": _exhibits(request), "minutes": MINUTES}
    return render(request, template, context, status=422 if form.errors else 200)


def _exhibits(request: StaffRequest) -> list[Exhibit]:
    """Those that address or form name, each once, unknown ones left out; one more than may be is enough."""
    given = (request.POST if request.method == "POST" else request.GET).getlist("exhibit")
    numbers = {int(text) for text in given if text.isascii() and text.isdigit() and len(text) <= 18}
    return list(queries.exhibits().filter(pk__in=sorted(numbers)[: MOST + 1]))


# --- deciding --------------------------------------------------------------------------------------------------------


def proof_of(request: StaffRequest) -> Proof | None:
    """How the person last showed a security key in this session."""
    at = key_used_at(request)
    return Proof(WEBAUTHN, datetime.fromtimestamp(at, UTC)) if at else None


@needs("evidence.grant")
@require_POST
@confirmed_by_key(back="evidence:inbox", spent=spent_proof)
def grant(request: StaffRequest, pk: int) -> HttpResponse:
    """Let them read."""
    try:
        granting.grant_access(pk, person=request.user, proof=proof_of(request))
    except HimayaError as error:
        say(request, error)
    else:
        said = gettext("Granted for %(n)s minutes: each exhibit once.")
        messages.success(request, said % {"n": MINUTES})
    return redirect("evidence:access", pk)


@needs("evidence.grant")
@require_POST
def refuse(request: StaffRequest, pk: int) -> HttpResponse:
    """Do not let them, and say why."""
    form = WhyForm(request.POST, auto_id="refuse_%s")
    if form.is_valid():
        try:
            granting.refuse_access(pk, person=request.user, reason=form.cleaned_data["reason"])
        except HimayaError as error:
            say(request, error)
        else:
            messages.success(request, gettext("Refused. Nothing was read."))
        return redirect("evidence:access", pk)
    return _page(request, pk, status=422, refuse_form=form)


@needs("evidence.view")
@require_POST
def end(request: StaffRequest, pk: int) -> HttpResponse:
    """End a grant, or take back a request."""
    try:
        granting.end_access(pk, person=request.user)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("Ended. Nothing is read by it any more."))
    return redirect("evidence:access", pk)


@needs("evidence.grant")
@require_POST
def settle(request: StaffRequest, pk: int) -> HttpResponse:
    """Say what one found who looked at an urgent reading."""
    form = NoteForm(request.POST)
    if form.is_valid():
        try:
            granting.settle_urgent(pk, person=request.user, note=form.cleaned_data["note"])
        except HimayaError as error:
            say(request, error)
        else:
            messages.success(request, gettext("Noted. It waits for nobody any more."))
        return redirect("evidence:access", pk)
    return _page(request, pk, status=422, note_form=form)


# --- taking it out ---------------------------------------------------------------------------------------------------


@needs("evidence.ask")
@require_POST
def bundle(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The granted exhibits, encrypted, as one ZIP that is written while it is sent. Nothing of it is shown."""
    form = RightForm(request.POST)
    if not form.is_valid():
        return _page(request, pk, status=422, right_form=form)
    given = dict(form.cleaned_data)
    node = given.pop("to_node")
    right = Authorisation(**given) if given["instrument"] else None
    try:
        with streams.place(request.user.actor) as at:
            taken = hand_over(pk, person=request.user, authorisation=right, to_node=node)
            return _sent(taken, at)
    except HimayaError as error:
        say(request, error)
        return redirect("evidence:access", pk)


def _sent(taken: HandedOver, at: streams.Place) -> streams.Streamed:
    parts, headers = streams.written(partial(_write, taken)), zip_headers(taken.bundle.number)
    return streams.Streamed(parts, at=at, content_type="application/zip", headers=headers)


def zip_headers(name: str) -> dict[str, str]:
    """Headers of a bundle that is sent."""
    return {
        "Content-Disposition": f'attachment; filename="{name}.zip"',
        "Content-Security-Policy": "sandbox",
        "Cache-Control": "no-store",
    }


def _write(taken: HandedOver, to: BinaryIO) -> None:
    taken.write(to, languages=languages())


def languages() -> list[Language]:
    """The languages of the reports in a bundle."""
    return [Language(code, partial(_in, code)) for code in LANGUAGES]


def _in(code: str, text: str) -> str:
    with translation.override(code):
        return gettext(text)
