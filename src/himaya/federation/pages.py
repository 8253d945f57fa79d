"""Pages of partners: who reads what, how much of it today, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, re_path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import told_at
from himaya.accounts.paging import page
from himaya.accounts.words import joined
from himaya.core import clock
from himaya.core.words import N_
from himaya.federation import queries, services
from himaya.federation.services import ITEMS_A_DAY, REQUESTS_A_DAY
from himaya.lists import queries as lists
from himaya.lists.proposal_pages import proposed
from himaya.lists.seconding import NeedsSecond

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.accounts.services import NewKey
    from himaya.federation.models import Partner

DOORS = (
    (N_("NCMEC"), "ncmec"),
    (N_("TAXII 2.1, its discovery"), "taxii2/"),
    (N_("MISP feed, with the name of the list in it"), "misp/LIST/"),
    (N_("Files, with the name of the list in it: CSV, VICS, STIX and others"), "files/LIST.csv"),
    (N_("Himaya, with the name of the list in it"), "himaya/LIST"),
)
"""Protocol → its address below ``/exchange/``; LIST stands for the name of a list that it may read."""


class AddForm(forms.Form):
    """Another body, and how much it may read."""

    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        help_text=_("Small letters, digits and dashes. It is the partner's user name, and never changes."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "ltr"}),
    )
    title = forms.CharField(label=_("Title"), max_length=120, required=False, help_text=_("For people."))
    organisation = forms.CharField(
        label=_("Organisation"),
        max_length=60,
        required=False,
        help_text=_("As which it speaks about items. Empty: as the partner is named."),
    )
    jurisdiction = forms.CharField(
        label=_("Jurisdiction"),
        max_length=6,
        required=False,
        help_text=_("Under whose law it acts: ISO 3166 code of the country, as in NL."),
    )
    votes = forms.BooleanField(
        label=_("It may vote"),
        required=False,
        help_text=_("What it thinks of an item is taken: its doubts can make an item disputed."),
    )
    items_a_day = forms.IntegerField(label=_("Items a day"), initial=ITEMS_A_DAY, min_value=1)
    requests_a_day = forms.IntegerField(label=_("Questions a day"), initial=REQUESTS_A_DAY, min_value=1)
    days = forms.IntegerField(label=_("Its key is good for how many days"), initial=365, min_value=1, max_value=1095)


class ShareForm(forms.Form):
    """A list that the partner does not read yet."""

    list = forms.ChoiceField(label=_("List"))
    permission = forms.CharField(
        label=_("Permitted by"),
        required=False,
        max_length=200,
        help_text=_("Where a source of the list gave it to this node alone (TLP:AMBER): what permits to share it."),
    )

    def __init__(self, partner: Partner, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        has = queries.grants(partner).values("list")
        named = [(one.name, f"{one.title} (TLP:{one.tlp.upper()})") for one in lists.lists().exclude(pk__in=has)]
        self.fields["list"].choices = named  # type: ignore[attr-defined]


@needs("partners.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All partners."""
    found = page(request, queries.partners().order_by("pk"))
    context = {
        "rows": [_row(one) for one in found.rows],
        "shown": found,
        "may_change": request.user.may("partners.change"),
    }
    return render(request, "federation/index.html", context)


@needs("partners.change")
@require_http_methods(["GET", "POST"])
def add(request: StaffRequest) -> HttpResponse:
    """Admit another body; its key is shown this once."""
    form = AddForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with told_at(form):
            given = dict(form.cleaned_data)
            made, key = services.add_partner(given.pop("name"), by=request.user.actor, **given)
            return _secret(request, made, key)
    return render(request, "federation/add.html", {"form": form}, status=422 if form.errors else 200)


@needs("partners.view")
@require_safe
def partner(request: StaffRequest, name: str) -> HttpResponse:
    """One partner: what it may read, by which keys, and where."""
    return _page(request, services.find_partner(name))


def _page(request: StaffRequest, found: Partner, form: ShareForm | None = None, *, status: int = 200) -> HttpResponse:
    granted = {grant.list_id: grant for grant in queries.grants(found)}
    reads = [] if found.ended_at else list(queries.readable(found))
    example = reads[0].name if reads else "LIST"
    context = {
        **_row(found),
        "reads": [{"list": one, "grant": granted.get(one.pk)} for one in reads],
        "off": [grant for grant in granted.values() if not grant.list.enabled],
        "barred": [one for one in granted.values() if one.list.enabled and one.list not in reads],
        "doors": [
            (gettext(words), request.build_absolute_uri(f"/exchange/{rest.replace('LIST', example)}"))
            for words, rest in DOORS
        ],
        "form": form or ShareForm(found),
        "may_change": request.user.may("partners.change") and found.ended_at is None,
        "may_share": request.user.may("partners.share") and found.ended_at is None,
    }
    return render(request, "federation/partner.html", context, status=status)


@needs("partners.share")
@require_POST
def share(request: StaffRequest, name: str) -> HttpResponse:
    """Let it read a list."""
    found = services.find_partner(name)
    form = ShareForm(found, request.POST)
    if form.is_valid():
        with told_at(form):
            try:
                given = dict(form.cleaned_data)
                services.share_list(given.pop("list"), partner=name, by=request.user.actor, **given)
            except NeedsSecond as needed:
                return proposed(request, needed)
            messages.success(request, gettext("It may read the list from now on."))
            return redirect("partners:partner", name)
    return _page(request, found, form, status=422)


@needs("partners.share")
@require_POST
def unshare(request: StaffRequest, name: str, list_name: str) -> HttpResponse:
    """Let it read a list no more."""
    services.end_sharing(list_name, partner=name, by=request.user.actor)
    messages.success(request, gettext("It gets no more news of the list. What it has of it, it has to drop itself."))
    return redirect("partners:partner", name)


@needs("partners.change")
@require_POST
def add_key(request: StaffRequest, name: str) -> HttpResponse:
    """Another key, shown this once."""
    return _secret(request, services.find_partner(name), services.add_partner_key(name, by=request.user.actor))


@needs("partners.change")
@require_POST
def end_key(request: StaffRequest, name: str, prefix: str) -> HttpResponse:
    """Revoke one of its keys."""
    services.end_partner_key(name, prefix=prefix, by=request.user.actor)
    messages.success(request, gettext("The key is revoked."))
    return redirect("partners:partner", name)


@needs("partners.change")
@require_POST
def end(request: StaffRequest, name: str) -> HttpResponse:
    """Let it read nothing any more."""
    services.end_partner(name, by=request.user.actor)
    messages.success(request, gettext("It reads no more."))
    return redirect("partners:partner", name)


def _secret(request: StaffRequest, found: Partner, made: NewKey) -> HttpResponse:
    """Shown this once, as the answer to the post itself: neither a session nor a cookie ever holds it."""
    context = {"partner": found, "secret": made.secret, "copy": gettext("Copy the key")}
    return render(request, "federation/secret.html", context)


def _row(one: Partner) -> dict[str, Any]:
    requests, items = queries.use_today(one)
    now, keys = clock.now(), queries.reading_keys(one)
    good = [key.expires_at for key in keys if key.expires_at > now]
    named = [grant.list.title or grant.list.name for grant in queries.grants(one)]
    return {
        "partner": one,
        "keys": [{"key": key, "over": key.expires_at <= now} for key in keys],
        "until": max(good, default=None),
        "read_at": queries.last_reading(one),
        "requests": requests,
        "items": items,
        "named": joined(named),
    }


urlpatterns = [
    path("", index, name="index"),
    re_path("^new/?$", add, name="add"),
    path("<slug:name>/", partner, name="partner"),
    path("<slug:name>/share", share, name="share"),
    path("<slug:name>/lists/<slug:list_name>/end", unshare, name="unshare"),
    path("<slug:name>/keys/add", add_key, name="add_key"),
    path("<slug:name>/keys/<slug:prefix>/revoke", end_key, name="end_key"),
    path("<slug:name>/end", end, name="end"),
]
