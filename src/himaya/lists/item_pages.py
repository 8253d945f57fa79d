"""The page of an item: who says what about it, what was done with it here, and what a person may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, told_at
from himaya.accounts.paging import page
from himaya.accounts.words import number, say
from himaya.core import registry
from himaya.core.errors import HimayaError
from himaya.core.statements import ACTS, BASES
from himaya.core.words import N_
from himaya.ledger.queries import entries
from himaya.lists import queries, services, subscribing, voting
from himaya.lists.forms import MarkForm, VoteForm
from himaya.lists.proposal_pages import proposed
from himaya.lists.quarantine import is_held
from himaya.lists.words import badge, class_label, signal_label, standing_words

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.lists.models import Item, Subscription

SHOWN = 20
"""Other fingerprints of the same content that are named."""
MARKS = {
    "active": (N_("Restore"), N_("It matches again, without a mark.")),
    "disputed": (N_("Mark as disputed"), N_("It still matches, and every match says that it is disputed.")),
    "withdrawn": (N_("Withdraw"), N_("It matches no more. A later import does not bring it back.")),
}
"""State to set → the word on the button, and what follows."""
BENIGN_MARKS = {
    "active": (N_("Restore"), N_("It suppresses matches again.")),
    "disputed": (N_("Mark as disputed"), N_("It suppresses nothing while people look into it.")),
    "withdrawn": (N_("Withdraw"), N_("It suppresses nothing any more.")),
}
"""As :data:`MARKS`, for a negative item."""
VOTES = {
    "confirm": N_("It is what they say"),
    "dispute": N_("It is not"),
    "abstain": N_("Take our vote back"),
}
"""Opinion → the word on the button."""
HAPPENED = {
    "item.quarantined": N_("Held: it suddenly matched too much"),
    "item.released": N_("Let go"),
    "item.benign": N_("Said to be known benign"),
    "item.active": N_("Restored"),
    "item.disputed": N_("Marked as disputed"),
    "item.withdrawn": N_("Withdrawn"),
    "item.voted": N_("Voted"),
    "delivery.sent": N_("Our vote arrived at a source"),
    "delivery.failed": N_("Our vote did not arrive at a source; a person must look at it"),
    "delivery.unknown": N_("It is not known whether our vote arrived at a source"),
    "delivery.retried": N_("Our vote was sent again by hand"),
    "delivery.settled": N_("Our vote was noted as arrived"),
    "delivery.cancelled": N_("Our vote was taken back before it left"),
}
"""Act of the ledger about an item → its words; deliveries about one are votes on their way to its sources."""


STATES = ("item.active", "item.disputed", "item.withdrawn")
"""Acts that set a state, and give a reason for it."""


@needs("lists.view")
@require_safe
def one_item(request: StaffRequest, pk: int) -> HttpResponse:
    """One item: where it comes from, and what was done with it here."""
    return _item_page(request, pk, MarkForm(), VoteForm(auto_id="vote-%s"))


@needs("lists.change")
@require_POST
def mark(request: StaffRequest, pk: int) -> HttpResponse:
    """Withdraw, dispute or restore an item, for a reason."""
    form = MarkForm(request.POST)
    if form.is_valid():
        with told_at(form):
            try:
                services.mark_item(
                    pk,
                    state=request.POST.get("state", ""),
                    by=request.user.actor,
                    benign=request.user.may("lists.excuse"),
                    **form.cleaned_data,
                )
            except services.NeedsSecond as needed:
                return proposed(request, needed)
            messages.success(request, gettext("Recorded. It holds from the next screening on."))
            _warn_of_others(request, pk)
            return redirect("lists:item", pk)
    return _item_page(request, pk, form, VoteForm(auto_id="vote-%s"), status=422)


def _warn_of_others(request: StaffRequest, pk: int) -> None:
    """Where one fingerprint of a content was withdrawn: its others match still."""
    item = _found(pk)
    if item.state == "withdrawn" and (n := queries.siblings(item).exclude(state="withdrawn").count()):
        said = ngettext(
            "%(n)s other fingerprint of the same content still stands: look whether it is to be withdrawn, too.",
            "%(n)s other fingerprints of the same content still stand: look whether they are to be withdrawn, too.",
            n,
        )
        messages.warning(request, said % {"n": number(n)})


@needs("lists.vote")
@require_POST
def vote(request: StaffRequest, pk: int) -> HttpResponse:
    """Say, for this organisation, whether an item is what its sources say."""
    form = VoteForm(request.POST, auto_id="vote-%s", opinion=request.POST.get("opinion", ""))
    if form.is_valid():
        with told_at(form):
            opinion = request.POST.get("opinion", "")
            voting.vote(pk, opinion=opinion, by=request.user.actor, reason=form.cleaned_data["reason"])
            messages.success(request, gettext("Recorded as the vote of this organisation."))
            return redirect("lists:item", pk)
    return _item_page(request, pk, MarkForm(), form, status=422)


@needs("subscriptions.change")
@require_POST
def ask(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask the sources that may be asked what they know of the item's hash, which they learn thereby."""
    item = _found(pk)
    for one in _askable(item):
        try:
            line = subscribing.hasty_client(one)
            told = subscribing.ask(
                one, signal=item.signal, values=[item.value], by=request.user.actor, anew=True, line=line
            )
            knows = gettext("%(source)s knows it.") if told.known else gettext("%(source)s does not know it.")
            messages.success(request, knows % {"source": one.organisation.title})
        except HimayaError as error:
            say(request, error)
    return redirect("lists:item", pk)


def _found(pk: int) -> Item:
    item = queries.item(pk)
    if item is None:
        raise Http404
    return item


def _askable(item: Item) -> list[Subscription]:
    """Whose sources may be asked about it; nobody is asked about what is known to be benign."""
    return [] if item.negative else subscribing.askable(item.signal)


def _item_page(
    request: StaffRequest, pk: int, form: MarkForm, vote_form: VoteForm, *, status: int = 200
) -> HttpResponse:
    item = _found(pk)
    scheme, marks = registry.schemes().get(item.scheme), BENIGN_MARKS if item.negative else MARKS
    ours, may_ask = voting.own_vote(item), request.user.may("subscriptions.change")
    context = {
        "item": item,
        "badge": badge(item),
        "siblings": [
            {"one": one, "signal": signal_label(one.signal), **badge(one)} for one in queries.siblings(item)[:SHOWN]
        ],
        "stands": standing_words(item),
        "signal": signal_label(item.signal),
        "class": class_label(item.scheme, item.code),
        "code": scheme.get(item.code) if scheme else None,
        "added_by": Actors([item.added_by])[item.added_by],
        **_statements(request, item),
        "history": _history(request, item),
        "held": is_held(item),
        "form": form,
        "marks": [(state, *map(gettext, words)) for state, words in marks.items() if state != item.state],
        "may_change": request.user.may("lists.excuse" if item.negative else "lists.change"),
        "vote_form": vote_form,
        "votes": [(name, gettext(word)) for name, word in VOTES.items() if name != (ours or "abstain")],
        "our_vote": gettext(ACTS[ours]) if ours else "",
        "may_vote": request.user.may("lists.vote") and not item.negative,
        "answers": [
            {"one": one, "class": class_label(one.scheme, one.code)}
            for one in subscribing.answers(item.signal, value=item.value)
        ],
        "askable": [one.organisation.title for one in _askable(item)] if may_ask else [],
    }
    return render(request, "lists/item.html", context, status=status)


def _statements(request: HttpRequest, item: Item) -> dict[str, Any]:
    """Everything that was said about the item, the newest first."""
    shown = page(request, queries.statements(item), newest_first=True)
    who = Actors(one.by for one in shown.rows)
    rows = [
        {
            "one": one,
            "act": gettext(ACTS[one.act]),
            "class": class_label(one.scheme, one.code) if one.code else "",
            "basis": gettext(BASES[one.basis]) if one.basis != "unstated" else "",
            "by": who[one.by],
        }
        for one in shown.rows
    ]
    return {"statements": rows, "shown": shown}


def _history(request: StaffRequest, item: Item) -> list[dict[str, Any]]:
    """What was done with the item, from the ledger; the reason belongs to the last change of its state."""
    rows = list(entries(about=f"item:{item.pk}")[:50])
    who, sees_ledger = Actors(row.actor for row in rows), request.user.may("ledger.view")
    last = next((row.seq for row in rows if row.act in STATES), 0)
    return [
        {
            "at": row.at,
            "who": who[row.actor],
            "what": gettext(HAPPENED.get(row.act, row.act)),
            "note": item.reason if row.seq == last else "",
            "place": row.seq,
            "url": reverse("ledger:entry", args=[row.seq]) if sees_ledger else "",
        }
        for row in rows
    ]
