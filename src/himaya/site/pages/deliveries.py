"""Deliveries: what is on its way out, what is stuck, and what a person can do about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, asked
from himaya.accounts.paging import page
from himaya.accounts.words import say
from himaya.cases.dispatch_pages import NEED_A_PERSON, state_filters
from himaya.cases.words import KINDS
from himaya.core.errors import HimayaError
from himaya.evidence.alarming import AlarmHandler
from himaya.flow.reactor import FollowAgain
from himaya.ledger import outbox, queries
from himaya.lists import voting
from himaya.reporting.running import FileReport
from himaya.site.pages.delivery_words import opinion_words, rule_words, speech, told

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.ledger.models import Job

FIRST = 20


class SettleForm(forms.Form):
    """What the recipient said."""

    reference = forms.CharField(
        label=_("The recipient's reference"),
        max_length=200,
        help_text=_("The number, or the name and the day, under which they have it."),
        error_messages={"required": _("Without a reference nobody can check it later.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


@needs("deliveries.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All deliveries; those that need a person stand first."""
    state = asked(request, "state")["state"]
    shown = page(request, queries.jobs(state=state), newest_first=True)
    numbers = queries.states()
    begins = not state and not shown.previous_url
    stuck = [job for name in NEED_A_PERSON for job in queries.jobs(state=name)[:FIRST]] if begins else []
    context = {
        "deliveries": shown,
        "rows": [_row(job) for job in shown.rows],
        "stuck": [_row(job) for job in stuck[:FIRST]],
        "stuck_number": sum(numbers[name] for name in NEED_A_PERSON),
        "filters": state_filters(numbers, state),
        "state": state,
        "resting": [_resting(lane) for lane in queries.resting()],
    }
    return render(request, "ledger/deliveries.html", context)


def _row(job: Job) -> dict[str, Any]:
    says = speech(job)
    shape, word = says.states[job.state]
    document, rule = job.payload.get("document", {}), job.payload.get("rule", "")
    return {
        "job": job,
        "shape": shape,
        "word": gettext(word),
        "kind": gettext(KINDS.get(document.get("kind", ""), says.kind)),
        "case": document.get("case", ""),
        "route": rule_words(rule) if rule else job.payload.get("route", ""),
        "destination": gettext("this node") if rule else _destination(job),
        "check": gettext(says.checks[job.state]) if job.state in says.checks else "",
    }


def _destination(job: Job) -> str:
    return str(job.payload["route"]) if job.kind == voting.KIND else job.lane


def _resting(lane: queries.Resting) -> dict[str, Any]:
    rule = lane.lane.removeprefix("flow:") if lane.lane.startswith("flow:") else ""
    return {"lane": lane.lane, "failures": lane.failures, "until": lane.until, "rule": rule_words(rule) if rule else ""}


def _can(job: Job) -> dict[str, bool]:
    """What may be done with a job as it stands. What follows from a verdict is not taken back, but its verdict is; what
    is done about a report in a form of others is done on its own page.
    """
    if job.kind == FileReport.kind:
        return {"retry": False, "settle": False, "cancel": False}
    return {
        "retry": job.state in NEED_A_PERSON and not job.revoked,
        "settle": job.state == job.UNKNOWN,
        "cancel": job.kind != FollowAgain.kind
        and (job.state == job.READY or (job.revoked and job.state == job.UNKNOWN)),
    }


def _job_or_404(pk: int) -> Job:
    job = queries.job(pk)
    if job is None:
        raise Http404
    return job


@needs("deliveries.view")
@require_safe
def delivery(request: StaffRequest, pk: int) -> HttpResponse:
    """One delivery."""
    return _delivery_page(request, pk, SettleForm())


def _delivery_page(request: StaffRequest, pk: int, form: SettleForm, *, status: int = 200) -> HttpResponse:
    job, may = _job_or_404(pk), request.user.may
    document = job.payload.get("document") if may("documents.view") else None
    kind, __, key = job.about.partition(":")
    seq = job.payload.get("entry")
    context = {
        **_row(job),
        "says": speech(job),
        "entry": seq,
        "entry_url": reverse("ledger:entry", args=[seq]) if seq and may("ledger.view") else "",
        "document": told(document) if document else None,
        "raw": _pretty(document) if document else "",
        "vote": {**job.payload, "opinion": opinion_words(job)} if job.kind == voting.KIND else None,
        "filing": job.payload["filing"] if job.kind == FileReport.kind and may("reports.view") else None,
        "alarm": job.payload["access"] if job.kind == AlarmHandler.kind else None,
        "receipt": _receipt(job),
        "raw_receipt": _pretty(json.loads(job.receipt)) if job.receipt else "",
        "case_url": reverse("cases:case", args=[key]) if kind == "case" and may("cases.view") else "",
        "history": _history(request, job),
        "form": form,
        "may_settle": may("deliveries.settle"),
        "can": _can(job),
    }
    return render(request, "ledger/delivery.html", context, status=status)


def _pretty(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def _receipt(job: Job) -> dict[str, Any]:
    """What proves that it arrived; ``by``: who noted it, where no machine did."""
    given = json.loads(job.receipt) if job.receipt else {}
    by = given.get("by", "")
    return {**given, "by": Actors([by])[by] if by else ""} if given else {}


def _history(request: StaffRequest, job: Job) -> list[dict[str, Any]]:
    rows, happened = queries.of_job(job), speech(job).happened
    who, sees_ledger = Actors(row.actor for row in rows), request.user.may("ledger.view")
    return [
        {
            "at": row.at,
            "who": who[row.actor],
            "what": gettext(happened.get(row.act, row.act)),
            "place": row.seq,
            "url": reverse("ledger:entry", args=[row.seq]) if sees_ledger else "",
        }
        for row in rows
    ]


@needs("deliveries.settle")
@require_POST
def retry(request: StaffRequest, pk: int) -> HttpResponse:
    """Send it again."""
    job = _job_or_404(pk)
    if job.kind == FileReport.kind:
        return redirect("reporting:filing", job.payload["filing"])
    try:
        outbox.retry(pk, by=request.user.actor)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext(speech(job).retried))
    return redirect("ledger:delivery", pk)


@needs("deliveries.settle")
@require_POST
def settle(request: StaffRequest, pk: int) -> HttpResponse:
    """Note that it arrived, by the recipient's word."""
    job = _job_or_404(pk)
    if job.kind == FileReport.kind:
        return redirect("reporting:filing", job.payload["filing"])
    form = SettleForm(request.POST)
    if not form.is_valid():
        return _delivery_page(request, pk, form, status=422)
    try:
        outbox.settle(pk, by=request.user.actor, reference=form.cleaned_data["reference"])
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("Noted as arrived, under your name."))
    return redirect("ledger:delivery", pk)


@needs("deliveries.settle")
@require_POST
def cancel(request: StaffRequest, pk: int) -> HttpResponse:
    """Take it back before it leaves."""
    if _job_or_404(pk).kind not in (FollowAgain.kind, FileReport.kind) and outbox.cancel(pk, by=request.user.actor):
        messages.success(request, gettext("Taken back. It does not leave this node."))
    else:
        messages.error(request, gettext("It was too late: it is leaving or has left."))
    return redirect("ledger:delivery", pk)


urlpatterns = [
    path("deliveries/", index, name="deliveries"),
    path("deliveries/<int:pk>", delivery, name="delivery"),
    path("deliveries/<int:pk>/retry", retry, name="retry"),
    path("deliveries/<int:pk>/settle", settle, name="settle"),
    path("deliveries/<int:pk>/cancel", cancel, name="cancel"),
]
