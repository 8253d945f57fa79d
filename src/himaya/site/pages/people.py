"""What an administrator does with accounts. One address, one act."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts import queries, services, standing
from himaya.accounts.access import needs
from himaya.accounts.again import confirmed
from himaya.accounts.words import say, sentence
from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.site.pages.settings import FactorGone, NewPerson, secret_page, settings_page

if TYPE_CHECKING:
    from django.forms import Form
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person

COPY = N_("Copy the password")
MAKE_SURE = N_(
    "First make sure that it is really them who ask: speak to them in person or by a number that you know, not by the "
    "one that wrote."
)


@needs("accounts.change")
@confirmed(back="site:settings")
@require_POST
@sensitive_variables("password")
def add(request: StaffRequest) -> HttpResponse:
    """Make an account and show its first password."""
    form = NewPerson(request.POST, prefix="person")
    if not form.is_valid():
        return settings_page(request, new_person=form, status=422)
    given = form.cleaned_data
    try:
        password = services.add_person(given["username"], role=given["role"], name=given["name"], by=request.user.actor)
    except HimayaError as error:
        form.add_error("username", sentence(error))
        return settings_page(request, new_person=form, status=error.status)
    return secret_page(
        request, title=gettext("The account is made"), whose=given["username"], secret=password, copy=gettext(COPY)
    )


@needs("accounts.change")
@confirmed(back="site:settings")
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("password")
def reset_password(request: StaffRequest, username: str) -> HttpResponse:
    """Give a new password and show it; the person's sessions end, their second factor stays."""
    if request.method != "POST":
        return _sure(
            request,
            _find(username),
            title=gettext("Give a new password"),
            said=[
                gettext(MAKE_SURE),
                gettext("Their password stops working, and they are signed out everywhere. You see the new one once."),
            ],
            button=gettext("Give a new password"),
        )
    password = services.reset_password(username, by=request.user.actor)
    return secret_page(
        request, title=gettext("The password is new"), whose=username, secret=password, copy=gettext(COPY)
    )


@needs("accounts.change")
@confirmed(back="site:settings")
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("password")
def reset_factor(request: StaffRequest, username: str) -> HttpResponse:
    """Take somebody's second factor away, for a reason, and show the new password that goes with it."""
    person = _find(username)
    if person == request.user:
        raise services.YourOwnFactor
    form = FactorGone(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _sure(
            request,
            person,
            title=gettext("Take away a second factor"),
            said=[
                gettext(MAKE_SURE),
                gettext(
                    "Their apps, security keys and recovery codes are removed, they are signed out everywhere, and "
                    "they get a new password, which you see once. With it they set up another second factor."
                ),
            ],
            button=gettext("Take it away"),
            form=form,
        )
    password = services.reset_factor(username, reason=form.cleaned_data["reason"], by=request.user.actor)
    return secret_page(
        request, title=gettext("The second factor is gone"), whose=username, secret=password, copy=gettext(COPY)
    )


@needs("accounts.change")
@confirmed(back="site:settings")
@require_POST
def change_role(request: StaffRequest, username: str) -> HttpResponse:
    """Give another role."""
    return _change(request, username, gettext("The role of %(name)s was changed."), role=request.POST.get("role", ""))


@needs("accounts.change")
@confirmed(back="site:settings")
@require_http_methods(["GET", "HEAD", "POST"])
def bar(request: StaffRequest, username: str) -> HttpResponse:
    """Let somebody in no more."""
    if request.method != "POST":
        return _sure(
            request,
            _find(username),
            title=gettext("Bar somebody"),
            said=[gettext("They are signed out at once and cannot sign in until they are readmitted.")],
            button=gettext("Bar"),
        )
    return _change(request, username, gettext("%(name)s can no longer sign in."), active=False)


@needs("accounts.change")
@confirmed(back="site:settings")
@require_POST
def readmit(request: StaffRequest, username: str) -> HttpResponse:
    """Let somebody in again."""
    return _change(request, username, gettext("%(name)s can sign in again."), active=True)


@needs("leads.view")
@require_safe
def leads(request: StaffRequest) -> HttpResponse:
    """The leads whom an administrator has made, and whom another lead has to know before they count."""
    context = {"waiting": standing.waiting(), "may_confirm": request.user.may("leads.confirm")}
    return render(request, "site/leads.html", context)


@needs("leads.confirm")
@confirmed(back="site:leads")
@require_POST
def confirm_lead(request: StaffRequest, username: str) -> HttpResponse:
    """Say that this is a lead."""
    try:
        standing.confirm_lead(username, person=request.user)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("%(name)s counts as a lead now.") % {"name": username})
    return redirect("site:leads")


def _find(username: str) -> Person:
    person = queries.person(username)
    if person is None:
        raise services.UnknownPerson(username=username)
    return person


def _sure(
    request: StaffRequest, person: Person, *, title: str, said: list[str], button: str, form: Form | None = None
) -> HttpResponse:
    """Ask before somebody is shut out: whom it is about and what follows. The button posts to the same address."""
    context = {"person": person, "title": title, "said": said, "button": button, "form": form}
    return render(request, "site/sure.html", context, status=422 if form and form.is_bound else 200)


def _change(
    request: StaffRequest, username: str, done: str, *, role: str | None = None, active: bool | None = None
) -> HttpResponse:
    try:
        services.change_person(username, by=request.user.actor, role=role, active=active)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, done % {"name": username})
    return redirect("site:settings")
