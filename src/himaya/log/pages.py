"""The log in the console: how large, who looks at it, what is wrong, and how to verify it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import told_at
from himaya.accounts.words import joined, say
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import told
from himaya.log import auditing, queries, rounds, services
from himaya.log.keys import identity
from himaya.log.restored import meaning

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.log.models import Alarm, Witness

SHOWN = 20


class WitnessForm(forms.Form):
    """Another node that shall look at our log."""

    name = forms.CharField(label=_("How we call it"), max_length=60)
    key = forms.CharField(
        label=_("Its key as a witness"),
        max_length=1000,
        help_text=_(
            "As its operator told you by another way: there it stands on the page Log, and in himaya log show."
        ),
    )
    address = forms.CharField(
        label=_("Address"), max_length=400, help_text=_("Where it takes checkpoints: https://node.example/log/v1")
    )
    private = forms.BooleanField(
        label=_("It may lie in a private network or on this machine"),
        required=False,
        help_text=_("Then the address may begin with http://, too."),
    )


@needs("log.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """One page: there is one log."""
    return _page(request)


def _page(request: StaffRequest, *, form: WitnessForm | None = None, status: int = 200) -> HttpResponse:
    newest = queries.latest()
    context = {
        "identity": identity(),
        "size": queries.size(),
        "newest": newest,
        "waiting": queries.size() - (newest.size if newest else 0),
        "root": newest.root.hex() if newest else "",
        "quorum": config().log_quorum,
        "witnesses": _witnesses(newest),
        "seen": queries.seen(),
        "alarms": [_alarm(one) for one in queries.alarms()[:SHOWN]],
        "audits": [{"audit": one, "result": _result(one)} for one in queries.audits()[:SHOWN]],
        "form": form or WitnessForm(),
        "may_change": request.user.may("log.change"),
    }
    return render(request, "log/index.html", context, status=status)


@needs("log.change")
@require_POST
def add_witness(request: StaffRequest) -> HttpResponse:
    """Have another node look at this log; whether it answers as a witness is said at once."""
    form = WitnessForm(request.POST)
    if form.is_valid():
        with told_at(form):
            made = services.add_witness(**form.cleaned_data, by=request.user.actor)
            if said := rounds.try_out(made):
                words = gettext("Nobody takes checkpoints at %(address)s: %(said)s.")
                told_now = str(told(said, gettext)).rstrip(".")
                messages.warning(request, words % {"address": made.address, "said": told_now})
            words = gettext("%(name)s is asked from the next checkpoint on. Give our key to its operator, once.")
            messages.success(request, words % {"name": made.name})
            return redirect("log:index")
    return _page(request, form=form, status=422)


@needs("log.change")
@require_POST
def remove_witness(request: StaffRequest) -> HttpResponse:
    """Ask a witness no more; what it has cosigned stays."""
    name = request.POST.get("name", "")
    try:
        services.remove_witness(name, by=request.user.actor)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("%(name)s is not asked any more.") % {"name": name})
    return redirect("log:index")


def _alarm(one: Alarm) -> dict[str, Any]:
    """An alarm in words; ``warns``: it is only a warning."""
    return {"alarm": one, "words": told(meaning(one), gettext), "warns": one.kind == queries.DOUBTED}


def _witnesses(newest: queries.Standing | None) -> list[dict[str, Any]]:
    """Each witness, with its last cosignature and whether that is one of the newest checkpoint."""
    last = queries.last_cosigned()
    cosigned = newest.cosigned if newest else {}
    return [
        {"witness": one, "last": last.get(one.pk), "current": one.name in cosigned, "said": _said(one)}
        for one in queries.witnesses()
    ]


def _said(witness: Witness) -> str:
    """What it said last, in the language of whoever reads it."""
    return str(told(queries.trouble_of(witness), gettext))


def _result(audit: Any) -> str:
    """The error rate of an audit in words, and that of statements alone; empty before its end."""
    found = auditing.result(audit)
    if found is None:
        return ""
    said = gettext("%(rate)s wrong (95%% interval: %(low)s to %(high)s)") % _share(found)
    if found.statements is None or found.statements.judged == found.judged:
        return said
    alone = gettext("of the statements among them %(rate)s (%(low)s to %(high)s)") % _share(found.statements)
    return joined((said, alone))


def _share(one: auditing.Share) -> dict[str, str]:
    return {"rate": f"{one.wrong / one.judged:.1%}", "low": f"{one.low:.1%}", "high": f"{one.high:.1%}"}


urlpatterns = [
    path("", index, name="index"),
    path("witnesses", add_witness, name="add_witness"),
    path("witnesses/remove", remove_witness, name="remove_witness"),
]
