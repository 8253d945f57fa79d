"""Custodians: who they are, what they are asked for, and bringing a part of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.again import confirmed_by_key
from himaya.accounts.faces import Actors, told_at
from himaya.accounts.queries import people
from himaya.accounts.words import say
from himaya.core.errors import HimayaError
from himaya.evidence.forms import CustodianForm, PartsForm, WhyForm
from himaya.evidence.guarded import bringing, custodians, queries
from himaya.evidence.guarded.gatherings import gathering_for, open_gatherings, shown_to
from himaya.evidence.guarded.renewing import MOST, begin_renewal

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.evidence.guarded.gatherings import Gathering

SHOWN = 200


@needs("evidence.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Who they are, what waits for their parts, and what too few of them can open."""
    return _page(request)


def _page(request: StaffRequest, *, status: int = 200, end_form: WhyForm | None = None) -> HttpResponse:
    every = list(queries.custodians(ended=True))
    thin = list(custodians.thin()[:SHOWN])
    context = {
        "rows": every,
        "acting": sum(1 for one in every if one.until is None and one.person.is_active),
        "least": custodians.LEAST,
        "gatherings": [_gathering(one) for each in open_gatherings() if (one := shown_to(each, request.user))],
        "thin": [{"one": one, "n": getattr(one, "n", None) or 0} for one in thin],
        "more": custodians.thin().count() - len(thin),
        "threshold": custodians.THRESHOLD,
        "may_name": request.user.may("evidence.custodians"),
        "may_deal": request.user.may(custodians.MAY) and custodians.renewable().exists(),
        "end_form": end_form or WhyForm(),
    }
    return render(request, "evidence/custodians.html", context, status=status)


def _gathering(one: Gathering) -> dict[str, Any]:
    kind, _, number = one.about.partition(":")
    return {"one": one, "kind": kind, "pk": int(number), "n": len(one.exhibits), "word": word(kind, number)}


def word(kind: str, number: object) -> str:
    """For what parts are brought, with its number."""
    words = {
        "access": gettext("request %(n)s to read"),
        "answer": gettext("answer %(n)s to an authority"),
        "renewal": gettext("renewal %(n)s of keys"),
    }
    return words.get(kind, kind) % {"n": number}


@needs("evidence.custodians")
@require_http_methods(["GET", "POST"])
@confirmed_by_key(back="evidence:custodians")
def add(request: StaffRequest) -> HttpResponse:
    """Name one."""
    able = [one for one in people() if one.may(custodians.MAY)]
    form = CustodianForm(request.POST or None, people=able)
    if request.method == "POST" and form.is_valid():
        chosen = next(one for one in able if one.username == form.cleaned_data["person"])
        with told_at(form):
            custodians.add_custodian(chosen, recipient=form.cleaned_data["recipient"], by=request.user.actor)
            said = gettext("Named. Of what is guarded from now on they have a part; of the rest once it is dealt anew.")
            messages.success(request, said)
            return redirect("evidence:custodians")
    return render(request, "evidence/custodian_add.html", {"form": form}, status=422 if form.errors else 200)


@needs("evidence.custodians")
@require_POST
@confirmed_by_key(back="evidence:custodians")
def end(request: StaffRequest, pk: int) -> HttpResponse:
    """Somebody is one no more."""
    form = WhyForm(request.POST)
    if form.is_valid():
        try:
            custodians.end_custodian(pk, by=request.user.actor, reason=form.cleaned_data["reason"])
        except HimayaError as error:
            say(request, error)
        else:
            messages.success(request, gettext("Ended. What they have opens nothing here any more."))
        return redirect("evidence:custodians")
    return _page(request, status=422, end_form=form)


@needs("evidence.share")
@require_POST
def renew(request: StaffRequest) -> HttpResponse:
    """Begin to deal anew what too few can open."""
    try:
        made = begin_renewal(list(custodians.renewable()[:MOST]), person=request.user)
    except HimayaError as error:
        say(request, error)
        return redirect("evidence:custodians")
    messages.success(request, gettext("Begun. It is done as soon as two custodians have brought their parts."))
    return redirect("evidence:parts", "renewal", made.pk)


@needs("evidence.view")
@require_http_methods(["GET", "POST"])
def parts(request: StaffRequest, kind: str, pk: int) -> HttpResponse:
    """What one thing needs of the custodians; a custodian brings their part here."""
    about = f"{kind}:{pk}"
    form = PartsForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with told_at(form):
            text, me = form.cleaned_data["parts"], request.user
            bringing.bring_parts(about, text=text, by=me.actor, person=me)
            messages.success(request, gettext("Brought. It is kept sealed, and forgotten once it was used."))
            return redirect("evidence:parts", kind, pk)
    found = gathering_for(request.user, about)
    stands = bringing.standing(found)
    who = Actors(actor for one in stands for actor in one.by)
    mine = found.asker == request.user
    context = {
        "found": found,
        "kind": kind,
        "pk": pk,
        "word": word(kind, pk),
        "rows": [{"one": each.exhibit, "by": [who[actor] for actor in each.by], "ok": each.enough} for each in stands],
        "needed": custodians.THRESHOLD,
        "mine": mine,
        "may_bring": not mine and not found.over and queries.is_custodian(request.user),
        "form": form,
    }
    return render(request, "evidence/parts.html", context, status=422 if form.errors else 200)


@needs("evidence.share")
@require_POST
def take(request: StaffRequest, kind: str, pk: int) -> HttpResponse:
    """A custodian's own parts, as one file that nobody else opens; the ledger says that they took it."""
    name, content = bringing.parts_file(f"{kind}:{pk}", person=request.user)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"}
    return HttpResponse(content, content_type="application/octet-stream", headers=headers)
