"""Appeals of users: enter one, see what is to be answered, answer."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, told_at
from himaya.accounts.fields import lines, text
from himaya.accounts.paging import page
from himaya.accounts.words import sentence
from himaya.cases.classing import BadVerdict
from himaya.cases.quality import appeal_queries, appealing, queries
from himaya.cases.quality.pages.appealed import row
from himaya.cases.quality.words import GROUNDS
from himaya.cases.words import JOB_STATES, KINDS
from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.lists.words import class_label

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.cases.quality.models import Appeal


class AppealForm(forms.Form):
    """What a platform writes of its user's objection."""

    reference = text(
        _("Reference"), most=80, code=True, help_text=_("As the platform calls it. Nothing of who the user is.")
    )
    ground = forms.ChoiceField(
        label=_("What the user objects with"), choices=lambda: [(name, gettext(said)) for name, said in GROUNDS.items()]
    )
    made_at = forms.DateTimeField(
        label=_("When the user objected (UTC)"),
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )
    said = lines(
        _("In the user's words"), most=2000, needed=False, help_text=_("Leave out names, addresses and accounts.")
    )


@needs("appeals.add")
@require_http_methods(["GET", "POST"])
def add_appeal(request: StaffRequest, pk: int) -> HttpResponse:
    """Enter one that came by letter."""
    from himaya.cases.pages.case import find  # it tells of appeals, and so imports their rows

    case = find(pk)
    form = AppealForm(request.POST) if request.method == "POST" else AppealForm()
    if form.is_valid():
        given = dict(form.cleaned_data)
        given["made_at"] = given["made_at"].replace(tzinfo=UTC)
        with told_at(form):
            made = appealing.add_appeal(pk, person=request.user, **given)
            said = gettext("The appeal is taken in, to be answered by somebody who did not give the verdict.")
            messages.success(request, said)
            return redirect("cases:appeal", made.pk) if request.user.may("appeals.view") else redirect("cases:case", pk)
    context = {"case": case, "form": form}
    return render(request, "cases/quality/add_appeal.html", context, status=422 if form.errors else 200)


@needs("appeals.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """What is to be answered, by when it is due; then what was answered."""
    waiting = [row(one) for one in appeal_queries.appeals(state="open")[:200]]
    shown = page(request, appeal_queries.appeals().exclude(state="open"), newest_first=True)
    context = {"waiting": waiting, "answered": [row(one) for one in shown.rows], "shown": shown}
    return render(request, "cases/quality/appeals.html", context)


@needs("appeals.view")
@require_safe
def appeal(request: StaffRequest, pk: int) -> HttpResponse:
    """One of them."""
    return _page(request, _find(pk))


def _find(pk: int) -> Appeal:
    found = appeal_queries.appeal(pk)
    if found is None:
        raise appealing.UnknownAppeal(reference=pk)
    return found


def _page(request: StaffRequest, one: Appeal, *, error: str = "", status: int = 200) -> HttpResponse:
    from himaya.cases.pages.case import SHOWN, schemes_for
    from himaya.cases.queries import matches

    person = request.user
    veiled = bool(queries.veiled([one.case], person))
    own = one.verdict.by_id == person.pk
    may_answer = one.state == "open" and person.may("appeals.answer") and not own and not veiled
    context = {
        **row(one),
        "ground": gettext(GROUNDS.get(one.ground, one.ground)),
        "by": Actors([one.by])[one.by],
        "objected": "" if veiled else class_label(one.verdict.scheme, one.verdict.code),
        "result": class_label(one.result.scheme, one.result.code) if one.result else "",
        "own": own and one.state == "open",
        "veiled": veiled,
        "may_answer": may_answer,
        "schemes": schemes_for(list(matches(one.case)[:SHOWN])) if may_answer else [],
        "to_be_told": [_told(*left) for left in appeal_queries.to_be_told(one)] if person.may("documents.view") else [],
        "typed": request.POST.dict() if error else {},
        "error": error,
        "page_keys": [("r", gettext("Write the reason"))] if may_answer else [],
    }
    return render(request, "cases/quality/appeal.html", context, status=status)


def _told(number: int, kind: str, route: str, state: str) -> dict[str, Any]:
    shape, word = JOB_STATES[state]
    label = gettext(KINDS.get(kind, "Delivery"))
    return {"number": number, "label": label, "route": route, "shape": shape, "word": gettext(word)}


@needs("appeals.answer")
@require_POST
def answer(request: StaffRequest, pk: int) -> HttpResponse:
    """Let the verdict stay, or give another one."""
    one, reason = _find(pk), request.POST.get("reason", "")
    scheme, _slash, code = request.POST.get("verdict", "").partition("/")
    outcome = request.POST.get("outcome", "")
    try:
        if outcome == "upheld":
            appealing.refuse_appeal(pk, person=request.user, reason=reason)
        elif outcome == "overturned" and code:
            appealing.accept_appeal(pk, person=request.user, scheme=scheme, code=code, reason=reason)
        else:
            raise BadVerdict(why=N_("choose a class") if outcome else N_("choose whether the verdict stays"))
    except HimayaError as error:
        return _page(request, one, error=sentence(error), status=error.status)
    messages.success(request, gettext("The answer is recorded. Whoever passed the appeal on can ask for it."))
    return redirect("cases:appeal", pk)
