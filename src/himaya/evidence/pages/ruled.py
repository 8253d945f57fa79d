"""By which law things are kept: the rules, setting one, ending one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.again import confirmed
from himaya.accounts.faces import Actors, asked, told_at
from himaya.evidence import queries, ruling, words
from himaya.evidence.forms import RuleForm, WhyForm, from_limit, from_rule
from himaya.evidence.instruments import keeping_limit, keeping_limits, require_known
from himaya.evidence.retention import EVENT_OF
from himaya.evidence.rules import standing
from himaya.evidence.states import GUARDED

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.evidence.models import Rule


@needs("evidence.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """The rules, those that hold first."""
    context = {
        "rows": [_row(one) for one in queries.latest_rules()],
        "may_rule": request.user.may("evidence.rule"),
    }
    return render(request, "evidence/rules.html", context)


def _row(one: Rule) -> dict[str, Any]:
    return {
        "one": one,
        "badge": words.word(words.RULES, standing(one)),
        "least": words.time_of(one.minimum),
        "most": words.time_of(one.maximum),
        "renewal": words.time_of(one.renewal),
        "occasions": words.occasions(one.occasions),
        "basis": words.basis(one.basis),
        "begins": words.event(one.begins),
        "after": gettext(words.AFTER[one.after]),
        "class": gettext(words.CLASSES[one.kept_class]),
        "binds": one.kept_class == GUARDED and not EVENT_OF.keys().isdisjoint(one.occasions),
    }


@needs("evidence.view")
@require_safe
def rule(request: StaffRequest, name: str) -> HttpResponse:
    """One rule, in all its versions."""
    return _page(request, name, WhyForm())


def _page(request: StaffRequest, name: str, form: WhyForm, *, status: int = 200) -> HttpResponse:
    every = queries.versions(name)
    who = Actors(one.set_by for one in every)
    this, *older = [{**_row(one), "by": who[one.set_by], "bound": queries.bound_by(one)} for one in every]
    context = {
        "one": every[0],
        "this": this,
        "older": older,
        "form": form,
        "may_rule": request.user.may("evidence.rule"),
    }
    return render(request, "evidence/rule.html", context, status=status)


@needs("evidence.rule")
@require_http_methods(["GET", "POST"])
@confirmed(back="evidence:rules")
def set_rule(request: StaffRequest) -> HttpResponse:
    """A new rule, a new version of one (``rule`` in the address), or one from a row of the reference (``limit``)."""
    chosen = asked(request, "rule", "limit")
    form = RuleForm(request.POST) if request.method == "POST" else RuleForm(initial=_begun(chosen))
    if request.method == "POST" and form.is_valid():
        with told_at(form):
            if not form.cleaned_data["unlisted"]:
                require_known(form.terms())
            made = ruling.set_rule(form.cleaned_data["name"], terms=form.terms(), by=request.user.actor)
            messages.success(request, gettext("Set. What is kept from now on is kept by it."))
            return redirect("evidence:rule", made.name)
    context = {"form": form, "rule": chosen["rule"], "limits": [] if any(chosen.values()) else _limits()}
    return render(request, "evidence/rule_set.html", context, status=422 if form.errors else 200)


def _begun(chosen: dict[str, str]) -> dict[str, Any]:
    if chosen["rule"]:
        return from_rule(queries.versions(chosen["rule"])[0])
    return from_limit(keeping_limit(chosen["limit"])) if chosen["limit"] else {}


def _limits() -> list[dict[str, Any]]:
    """Rows of the reference with which a rule can begin."""
    return [
        {"key": one.key, "jurisdiction": one.jurisdiction, "label": one.instrument[:100]} for one in keeping_limits()
    ]


@needs("evidence.rule")
@require_POST
@confirmed(back="evidence:rules")
def end(request: StaffRequest, name: str) -> HttpResponse:
    """Keep nothing new by it."""
    form = WhyForm(request.POST)
    if form.is_valid():
        with told_at(form):
            ruling.end_rule(name, by=request.user.actor, reason=form.cleaned_data["reason"])
            said = gettext("Ended. What is kept by it stays until its time is over.")
            messages.success(request, said)
            return redirect("evidence:rule", name)
    return _page(request, name, form, status=422)
