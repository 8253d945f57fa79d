"""Proposals: what waits for a second person before it changes a common list, and the decision about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, asked, told_at
from himaya.accounts.paging import page
from himaya.accounts.words import number, say, sentence
from himaya.core.errors import HimayaError
from himaya.core.words import N_, told, unpacked
from himaya.lists import proposals
from himaya.lists.forms import RefuseForm
from himaya.lists.glimpsing import MOST, glimpse
from himaya.lists.quarantine import NEVER
from himaya.lists.words import STATES as ITEM_STATES
from himaya.lists.words import class_label, signal_label

if TYPE_CHECKING:
    from typing import BinaryIO

    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.lists.models import Proposal
    from himaya.lists.seconding import NeedsSecond

ACTS = {
    "mark": N_("Set the state of an item"),
    "import": N_("Import a file"),
    "change": N_("Change the terms of the list"),
    "subscribe": N_("Follow a source"),
    "add": N_("Add items"),
    "source": N_("Change what is set for a source"),
    "release": N_("Let an item out of quarantine"),
    "share": N_("Share the list with a partner"),
    "admit": N_("Pass on what another organisation signs"),
}
"""Act of a proposal → in words."""
STATES = {
    "waiting": ("wait", N_("waiting")),
    "approved": ("wait", N_("approved, being done")),
    "done": ("ok", N_("done")),
    "refused": ("calm", N_("refused")),
    "failed": ("danger", N_("failed")),
}
"""State of a proposal → its shape and its word."""
TERMS = {
    "title": N_("Title"),
    "enabled": N_("The list is on"),
    "radius": N_("Match radius"),
    "organisations": N_("Organisations that have to vouch"),
    "jurisdictions": N_("Jurisdictions they have to be of"),
    "disputes": N_("Votes that make an item disputed"),
    "tlp": N_("How far it may be handed on"),
    "common": N_("It is a common list"),
}
"""Term of a list → how it is called."""
OPTIONS = {
    "name": N_("Name"),
    "exchange": N_("Connector"),
    "interval": N_("Seconds between rounds"),
    "private": N_("It may lie in a private network"),
    "members": N_("It is believed about who of its members says what"),
    "organisation": N_("Organisation"),
    "jurisdiction": N_("Jurisdiction"),
    "basis": N_("Legal basis"),
    "format": N_("Format"),
    "signal": N_("Signal"),
    "partner": N_("Partner"),
    "subscription": N_("Source"),
    "permission": N_("Permission"),
    "accept_good": N_("The good lines alone, where others are refused"),
}
"""Argument of another act → how it is called."""
FIRST = 20
"""Rows to add that are shown."""


def proposed(request: StaffRequest, needed: NeedsSecond, *, file: BinaryIO | None = None) -> HttpResponse:
    """Keep what a person of the console wants to do, and lead them to where it waits."""
    try:
        made = proposals.propose(needed, by=request.user.actor, file=file)
    except HimayaError as error:
        say(request, error)
        return redirect("lists:proposals")
    said = gettext("This is a common list: it waits now for a second person, a lead, to approve.")
    messages.info(request, said)
    return redirect("lists:proposal", made.pk)


@needs("lists.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All proposals; at first those that wait."""
    state = asked(request, "state")["state"] if "state" in request.GET else "waiting"
    shown = page(request, proposals.proposals(state), newest_first=True)
    who = Actors(one.by for one in shown.rows)
    words = {**{name: gettext(word) for name, (_, word) in STATES.items()}, "": gettext("all")}
    context = {
        "rows": [{**_row(one), "by": who[one.by]} for one in shown.rows],
        "shown": shown,
        "state": state,
        "filters": [{"word": word, "url": f"?state={name}", "current": name == state} for name, word in words.items()],
    }
    return render(request, "lists/proposals.html", context)


@needs("lists.view")
@require_safe
def one(request: StaffRequest, pk: int) -> HttpResponse:
    """One proposal: what is to be done, and what may be done with it."""
    return _page(request, pk, RefuseForm())


@needs("lists.approve")
@require_POST
def approve(request: StaffRequest, pk: int) -> HttpResponse:
    """Do what was proposed."""
    try:
        made = proposals.approve(pk, person=request.user)
    except HimayaError as error:
        say(request, error)
    else:
        if made.state == made.APPROVED:
            messages.success(
                request, gettext("Approved. It touches many items: a worker does it, and this page says when.")
            )
        elif made.state == made.DONE:
            messages.success(request, gettext("Approved, and done."))
        else:
            messages.error(request, gettext("It could not be done: %(why)s") % {"why": made.why})
    return redirect("lists:proposal", pk)


@needs("lists.approve")
@require_POST
def refuse(request: StaffRequest, pk: int) -> HttpResponse:
    """Say that it is not done, and why."""
    form = RefuseForm(request.POST)
    if form.is_valid():
        with told_at(form):
            proposals.refuse(pk, person=request.user, reason=form.cleaned_data["reason"])
            messages.success(request, gettext("Refused. Nothing was changed."))
            return redirect("lists:proposal", pk)
    return _page(request, pk, form, status=422)


@needs("lists.view")
@require_POST
def take_back(request: StaffRequest, pk: int) -> HttpResponse:
    """Whoever proposed it does not want it any more."""
    try:
        proposals.take_back(pk, by=request.user.actor)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("Taken back. Nothing was changed."))
    return redirect("lists:proposal", pk)


def _page(request: StaffRequest, pk: int, form: RefuseForm, *, status: int = 200) -> HttpResponse:
    found, me = proposals.find(pk), request.user
    who, waits = Actors([found.by, found.decided_by]), found.state == found.WAITING
    context = {
        **_row(found),
        "by": who[found.by],
        "decided_by": who[found.decided_by] if found.decided_by else "",
        "facts": _facts(found),
        "added": found.arguments.get("rows", [])[:FIRST] if found.act == found.ADD else [],
        "file": _file(found) if found.act == found.IMPORT and waits else None,
        "item": found.arguments.get("item") if found.act in (found.MARK, found.RELEASE) else None,
        "form": form,
        "mine": waits and found.by == me.actor,
        "may_approve": waits and me.may("lists.approve") and found.by != me.actor,
    }
    return render(request, "lists/proposal.html", context, status=status)


def _file(one: Proposal) -> dict[str, Any]:
    """What the file says that waits: whoever approves has seen it. ``trouble`` where it cannot be read."""
    try:
        seen = glimpse(one)
    except HimayaError as error:
        return {"trouble": sentence(error)}
    classes = [
        (gettext("known benign") if benign else class_label(scheme, code), n)
        for (scheme, code, benign), n in seen.classes.most_common(FIRST)
    ]
    return {
        "seen": seen,
        "most": MOST,
        "rows": [
            {**row, "class": class_label(row["scheme"], row["code"]), "label": signal_label(row["signal"])}
            for row in seen.rows
        ],
        "classes": classes,
        "refusals": [{**line, "why": told(unpacked(line["why"]), gettext)} for line in seen.refusals],
    }


def _row(one: Proposal) -> dict[str, Any]:
    shape, word = STATES[one.state]
    return {"one": one, "act": gettext(ACTS[one.act]), "shape": shape, "word": gettext(word)}


def _facts(one: Proposal) -> list[tuple[str, str]]:
    """What is to be done, as names and values."""
    given = {**one.arguments, **one.arguments.get("voice", {})}
    if one.act == one.CHANGE:
        return [(gettext(TERMS[name]), _value(value)) for name, value in given["wanted"].items()]
    if one.act == one.MARK:
        return [(gettext("State"), gettext(ITEM_STATES[given["state"]][1]))]
    facts = [
        (gettext(word), _value(given[name])) for name, word in OPTIONS.items() if given.get(name) not in (None, "")
    ]
    if one.act == one.IMPORT:
        facts += [(gettext("Rows that can be taken"), number(given["rows"])), ("SHA-256", one.sha256)]
    if one.act == one.ADD:
        facts.append((gettext("Items to add"), number(len(given["rows"]))))
    if one.act == one.RELEASE and given["limit"] != NEVER:
        facts.append((gettext("Contents it may match before it is held again"), number(given["limit"])))
    if one.act in (one.SUBSCRIBE, one.SOURCE):
        facts += [(name, _value(value)) for name, value in sorted(given["options"].items())]
    return facts


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return number(value) if isinstance(value, int) else str(value)
