"""What a service knows of an incident, typed by a person: the main things; a program tells all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from himaya.accounts.access import needs
from himaya.accounts.faces import told_at
from himaya.cases.queries import case
from himaya.core.words import N_
from himaya.reporting import drafting, queries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.core.particulars import Particulars

VENUES = {
    "web": N_("A web page"),
    "email": N_("E-mail"),
    "chat": N_("A chat or a messenger"),
    "game": N_("An online game"),
    "newsgroup": N_("A newsgroup"),
    "peer-to-peer": N_("A network of peers"),
    "phone": N_("Telephone"),
    "offline": N_("Not on the internet"),
}
ACCOUNT = ("id", "service", "country", "note")
LISTS = ("screen_names", "emails", "phones")
"""Of an account: what is one text, and what is a list, typed line by line."""


class ParticularsForm(forms.Form):
    """The main things. Of accounts and places the first one; others that a program told of stay as they are."""

    note = forms.CharField(
        label=_("What happened"), max_length=3000, required=False, widget=forms.Textarea,
        help_text=_("In neutral words; nothing that describes what is shown."),
    )  # fmt: skip
    happened_at = forms.CharField(
        label=_("When it happened"), max_length=40, required=False,
        help_text=_("With the zone: 2026-11-29T14:30:00Z."), widget=forms.TextInput(attrs={"dir": "ltr"}),
    )  # fmt: skip
    urgent = forms.CharField(
        label=_("Why somebody should look at once"), max_length=3000, required=False,
        help_text=_("Empty: nothing is urgent."),
    )  # fmt: skip
    venue_kind = forms.ChoiceField(
        label=_("Where it happened"), required=False,
        choices=lambda: [("", gettext("not known")), *((name, gettext(word)) for name, word in VENUES.items())],
    )  # fmt: skip
    venue_url = forms.CharField(
        label=_("Its address"), max_length=2083, required=False, widget=forms.TextInput(attrs={"dir": "ltr"})
    )
    venue_name = forms.CharField(label=_("Its name"), max_length=255, required=False)
    account_id = forms.CharField(
        label=_("The account's identifier"), max_length=255, required=False,
        help_text=_("The service's own, which does not change."), widget=forms.TextInput(attrs={"dir": "ltr"}),
    )  # fmt: skip
    account_service = forms.CharField(label=_("Service"), max_length=255, required=False)
    account_screen_names = forms.CharField(
        label=_("Names on the screen"), required=False, widget=forms.Textarea, help_text=_("One in a line.")
    )
    account_emails = forms.CharField(
        label=_("E-mail addresses"), required=False, widget=forms.Textarea, help_text=_("One in a line.")
    )
    account_phones = forms.CharField(
        label=_("Telephone numbers"), required=False, widget=forms.Textarea, help_text=_("One in a line.")
    )
    account_country = forms.CharField(
        label=_("Country"), max_length=2, required=False, help_text=_("Two letters, as LU.")
    )
    account_note = forms.CharField(
        label=_("Note on the account"), max_length=3000, required=False, widget=forms.Textarea
    )


@needs("reports.write")
@require_http_methods(["GET", "POST"])
def particulars(request: StaffRequest, case_id: int) -> HttpResponse:
    """Type what is known of the incident behind a case."""
    found = case(case_id)
    if found is None:
        raise Http404
    told = drafting.particulars_of(case_id)
    form = ParticularsForm(request.POST) if request.method == "POST" else ParticularsForm(initial=_initial(told))
    if request.method == "POST" and form.is_valid():
        with told_at(form):
            drafting.keep_particulars(case_id, content=_content(told, form.cleaned_data), by=request.user.actor)
            messages.success(request, gettext("Kept. Drafts that nobody has changed are filled with it."))
            return redirect(f"{reverse('reporting:filings')}?case={case_id}")
    context = {
        "case": found,
        "form": form,
        "more_accounts": max(len(told.accounts) - 1, 0),
        "drafts": queries.filings(case=case_id)[:20],
    }
    return render(request, "reporting/particulars.html", context, status=422 if form.errors else 200)


def _initial(told: Particulars) -> dict[str, Any]:
    first = told.accounts[0] if told.accounts else None
    venue = told.venues[0] if told.venues else None
    return {
        "note": told.note,
        "happened_at": told.happened_at.isoformat() if told.happened_at else "",
        "urgent": told.urgent,
        **({"venue_kind": venue.kind, "venue_url": venue.url, "venue_name": venue.name} if venue else {}),
        **({f"account_{name}": getattr(first, name) for name in ACCOUNT} if first else {}),
        **({f"account_{name}": "\n".join(getattr(first, name)) for name in LISTS} if first else {}),
    }


def _content(told: Particulars, typed: Mapping[str, str]) -> dict[str, Any]:
    """The particulars with what was typed in its place."""
    plain = told.model_dump(mode="json", exclude_defaults=True)
    accounts, venues = plain.get("accounts", []), plain.get("venues", [])
    first = dict(accounts[0]) if accounts else {"role": "reported"}
    first |= {name: typed[f"account_{name}"] for name in ACCOUNT}
    first |= {name: [line for line in typed[f"account_{name}"].splitlines() if line.strip()] for name in LISTS}
    first["country"] = first["country"].upper()
    place = (dict(venues[0]) if venues else {}) | {
        "kind": typed["venue_kind"], "url": typed["venue_url"], "name": typed["venue_name"],
    }  # fmt: skip
    return {
        **plain,
        "note": typed["note"],
        "happened_at": typed["happened_at"] or None,
        "urgent": typed["urgent"],
        "accounts": [first, *accounts[1:]] if any(first.get(name) for name in (*ACCOUNT, *LISTS)) else accounts[1:],
        "venues": [place, *venues[1:]] if place["kind"] else venues[1:],
    }
