"""Second looks: what waits, one of them, and what people do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.words import say, sentence
from himaya.cases.classing import BadVerdict
from himaya.cases.quality import queries, services
from himaya.cases.quality.appeal_queries import appeals
from himaya.cases.quality.states import DIFFERS, OPEN, UNSETTLED
from himaya.cases.quality.words import CAUSES, STATES
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.lists.words import class_label

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.cases.quality.models import SecondLook

SHOWN = 50


@needs("quality.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """What waits for this person; for who only reads, everything that waits, and the sample drawn again."""
    person = request.user
    works = person.may("quality.look")
    checked, missed = ((0, []) if works else queries.misdrawn()) if config().second_look_percent else (0, [])
    context = {
        "works": works,
        "waiting": queries.waiting(person)[:SHOWN] if works else [],
        "may_settle": person.may("quality.settle"),
        "differing": queries.differing(person)[:SHOWN] if person.may("quality.settle") else [],
        "unsettled": [] if works else [_row(one) for one in queries.unsettled()[:SHOWN]],
        "appeals_open": appeals(state="open").count(),
        "checked": checked,
        "missed": missed,
        "is_on": bool(config().second_look_percent or config().second_look_rules),
    }
    return render(request, "cases/quality/index.html", context)


def _row(one: SecondLook) -> dict[str, Any]:
    shape, word = STATES[one.state]
    return {"one": one, "shape": shape, "word": gettext(word), "cause": gettext(CAUSES.get(one.cause, one.cause))}


@needs("quality.view")
@require_safe
def look(request: StaffRequest, pk: int) -> HttpResponse:
    """One of them: both verdicts once there are two, and who gave them once it is settled."""
    return _page(request, _find(pk))


def _find(pk: int) -> SecondLook:
    found = queries.look(pk)
    if found is None:
        raise services.UnknownLook(look=pk)
    return found


def _page(request: StaffRequest, one: SecondLook, *, error: str = "", status: int = 200) -> HttpResponse:
    person = request.user
    apart = person.pk not in (one.verdict.by_id, one.by_id)
    settles = person.may("quality.settle") and one.state == DIFFERS and apart
    sees_all = one.state not in UNSETTLED or not person.may("cases.claim")
    context = {
        **_row(one),
        "both": _both(one) if settles or sees_all else [],
        "named": sees_all,
        "may_settle": settles,
        "may_cancel": person.may("quality.settle") and one.state in UNSETTLED and one.verdict.by_id != person.pk,
        "is_open": one.state == OPEN,
        "typed": request.POST.dict() if error else {},
        "error": error,
        "page_keys": [
            ("1", gettext("The verdict A")),
            ("2", gettext("The verdict B")),
            ("r", gettext("Write the reason")),
        ]
        if settles
        else [],
    }
    return render(request, "cases/quality/look.html", context, status=status)


def _both(one: SecondLook) -> list[dict[str, Any]]:
    """Both verdicts as A and B; which was first is not told by their order."""
    first = {"label": class_label(one.verdict.scheme, one.verdict.code), "given": one.verdict, "by": one.verdict.by}
    if one.by is None:
        return [{**first, "name": "A"}]
    second = {"label": class_label(one.scheme, one.code), "given": one, "by": one.by}
    pair = [second, first] if _is_turned(one) else [first, second]
    return [{**each, "name": name, "key": key} for each, name, key in zip(pair, "AB", "12", strict=True)]


def _is_turned(one: SecondLook) -> bool:
    return bool(one.entry % 2)


@needs("quality.look")
@require_POST
def answer(request: StaffRequest, pk: int) -> HttpResponse:
    """Give a second verdict without knowing the first one."""
    from himaya.cases.pages.case import case_page, find  # it shows the form, and imports the veil

    scheme, _, code = request.POST.get("verdict", "").partition("/")
    reason = request.POST.get("reason", "")
    try:
        if not code:
            raise BadVerdict(why=N_("choose a class"))
        looked = services.answer_second(pk, person=request.user, scheme=scheme, code=code, reason=reason)
    except services.UnknownLook:
        raise
    except HimayaError as error:
        typed = {**request.POST.dict(), "form": "look", "error": sentence(error)}
        return case_page(request, find(_find(pk).case_id), typed=typed, status=error.status)
    said = gettext("Both say otherwise: a lead decides.") if looked.state == DIFFERS else gettext("Both say the same.")
    messages.success(request, " ".join([gettext("Your verdict is recorded."), said]))
    return redirect("cases:quality")


@needs("quality.settle")
@require_POST
def settle(request: StaffRequest, pk: int) -> HttpResponse:
    """Decide between two verdicts."""
    one = _find(pk)
    chosen = request.POST.get("chosen", "")
    try:
        if chosen not in ("A", "B"):
            raise BadVerdict(why=N_("choose one of the two"))
        change = (chosen == "A") is _is_turned(one)
        services.settle_second(pk, person=request.user, change=change, reason=request.POST.get("reason", ""))
    except HimayaError as error:
        return _page(request, one, error=sentence(error), status=error.status)
    messages.success(request, _settled(change))
    return redirect("cases:look", pk)


def _settled(change: bool) -> str:
    if change:
        return gettext("The second verdict holds now. What had not left this node is taken back.")
    return gettext("The first verdict stays.")


@needs("quality.settle")
@require_POST
def cancel(request: StaffRequest, pk: int) -> HttpResponse:
    """Call a second look off."""
    one = _find(pk)
    try:
        services.cancel_second(pk, person=request.user, reason=request.POST.get("reason", ""))
    except HimayaError as error:
        say(request, error)
        return redirect("cases:look", pk)
    messages.success(request, gettext("The second look is called off; the verdict stays."))
    return redirect("cases:case", one.case_id)
