"""Pages of subscriptions: all of them with how they are, one of them, a new one in two steps."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, re_path, reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, asked, told_at
from himaya.accounts.words import say, sentence
from himaya.core import registry
from himaya.core.errors import HimayaError
from himaya.core.statements import BASES
from himaya.core.words import N_, told, unpacked
from himaya.ledger.queries import entries
from himaya.lists import subscribing
from himaya.lists import subscription_words as words
from himaya.lists.following import follow
from himaya.lists.proposal_pages import proposed
from himaya.lists.seconding import NeedsSecond
from himaya.lists.subscription_forms import FollowForm, SourceForm, TermsForm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from himaya.accounts.access import StaffRequest
    from himaya.core.exchange import Exchange
    from himaya.lists.models import Subscription

SHOWN = 50
NEAR = "subscriptions.near"


@needs("subscriptions.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All subscriptions, each with its health."""
    context = {
        "rows": [_row(one) for one in subscribing.subscriptions()],
        "may_change": request.user.may("subscriptions.change"),
    }
    return render(request, "lists/subscriptions.html", context)


def _row(one: Subscription) -> dict[str, Any]:
    how = subscribing.health(one)
    return {
        "one": one,
        "how": how,
        "badge": words.badge(how),
        "lag": words.since(how),
        "source": words.source_label(one.exchange),
        "brings": subscribing.brings_list(one),
        "brought": words.brought(one),
        "trouble": words.trouble(one),
    }


@needs("subscriptions.view")
@require_safe
def show(request: StaffRequest, name: str) -> HttpResponse:
    """One subscription: how it is, what its last round brought, what is set, what happened."""
    one = subscribing.find(name)
    context = {
        **_row(one),
        "basis": gettext(BASES.get(one.basis, one.basis)),
        "asks": words.asks(one),
        "counts": words.counts(one),
        "vouched": subscribing.vouched(one),
        "unread": words.unread(one),
        "refusals": [{**line, "why": told(unpacked(line["why"]), gettext)} for line in one.told.get("first", ())],
        "options": words.option_rows(one),
        "history": _history(request, one),
        "maker": Actors([one.created_by])[one.created_by],
        "may_change": request.user.may("subscriptions.change"),
    }
    return render(request, "lists/subscription.html", context)


def _history(request: StaffRequest, one: Subscription) -> list[dict[str, Any]]:
    """What was done with it and what it did, from the ledger."""
    acts = (entries(act=act, actor=subscribing.actor(one))[:SHOWN] for act in ("list.followed", "list.canary"))
    found = chain(entries(about=subscribing.actor(one))[:SHOWN], *acts)
    rows = sorted(found, key=lambda row: -row.seq)[:SHOWN]
    who, sees_ledger = Actors(row.actor for row in rows), request.user.may("ledger.view")
    return [
        {
            "at": row.at,
            "who": who[row.actor],
            "what": words.happened(row.act, row.data),
            "place": row.seq,
            "url": reverse("ledger:entry", args=[row.seq]) if sees_ledger else "",
        }
        for row in rows
    ]


# --- a new one -------------------------------------------------------------------------------------------------------


@needs("subscriptions.change")
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    """First choose a source; then say what it needs."""
    source = asked(request, "source")["source"]
    if not source:
        return render(request, "lists/sources.html", {"sources": _sources()})
    plugin, near = registry.exchange(source), request.user.may(NEAR)
    page = _Page(request, plugin)
    page.form = FollowForm(plugin, page.terms, near=near)
    if page.asks:
        private = near and bool(request.POST.get("private"))
        page.ask(lambda given: subscribing.try_out(source, given, private=private))
    elif page.is_valid():
        with page.placed():
            given = {"exchange": source, "options": page.options.options(), **page.form.terms()}
            try:
                made = follow(by=request.user.actor, near=near, **given)
            except NeedsSecond as needed:
                return proposed(request, needed)
            said = gettext("The source is followed: it is read at once, where a worker runs.")
            closed = gettext("The source is here. It may not be asked yet: choose Change to let it be asked.")
            messages.success(request, said if plugin.pulls else closed)
            return redirect("lists:subscription", made.name)
    return page.render("lists/follow.html")


def _sources() -> list[dict[str, str]]:
    return [
        {"name": one.name, "label": gettext(one.label), "terms": gettext(one.terms)}
        for one in registry.exchanges().values()
    ]


class _Page:
    """Two forms on one page, what the source asks for and how it is followed, and the answer to a question."""

    def __init__(self, request: StaffRequest, plugin: Exchange, one: Subscription | None = None) -> None:
        self._request, self._plugin, self._one = request, plugin, one
        self._data = request.POST if request.method == "POST" else None
        self.asks = "check" in request.POST
        self.terms = None if self.asks else self._data
        self.options = SourceForm(plugin, self._data, person=request.user.actor, one=one)
        self.form: Any = None
        self._answer: dict[str, Any] = {}

    def is_valid(self) -> bool:
        """Whether both were sent, and nothing is wrong with them."""
        return self._data is not None and self.options.is_valid() & self.form.is_valid()

    def ask(self, question: Callable[[dict[str, Any]], str]) -> None:
        """Ask the source; what was typed for that is kept for saving, and not shown again."""
        self.form.initial |= {name: self._request.POST.get(name, "") for name in self.form.fields}
        if not self.options.is_valid():
            return
        try:
            said = str(told(question(self.options.options()), gettext))
            said = said or gettext("This source cannot be asked without reading it.")
            self._answer = {"answer": said, "answered": True}
        except subscribing.BadSubscription as error:
            self._at_fields(error)
        except HimayaError as error:
            self._answer = {"answer": sentence(error), "answered": False}

    @contextmanager
    def placed(self) -> Iterator[None]:
        """An error of the block becomes one of the field that it is about, or of the form."""
        with told_at(self.form):
            try:
                yield
            except subscribing.BadSubscription as error:
                self._at_fields(error)

    def _at_fields(self, error: subscribing.BadSubscription) -> None:
        for flaw in error.errors:
            there = flaw["where"] if flaw["where"] in self.options.fields else None
            self.options.add_error(there, str(told(flaw["why"], gettext)))

    def render(self, template: str) -> HttpResponse:
        """The page, with what is wrong at its place."""
        wrong = self.form.errors or (self._data is not None and self.options.errors)
        kept = ""
        if self._data is not None and not wrong:
            kept = self.options.keep() if self.options.fields else ""
            again = self._data.copy()
            again["option-kept"] = kept
            if self.options.fields:
                self.options = SourceForm(self._plugin, again, person=self._request.user.actor, one=self._one)
        context = {"plugin": self._plugin, "options": self.options, "form": self.form, "one": self._one, "kept": kept}
        context |= {"label": gettext(self._plugin.label), "terms": gettext(self._plugin.terms), **self._answer}
        return render(self._request, template, context, status=422 if wrong else 200)


# --- one that is there -----------------------------------------------------------------------------------------------


@needs("subscriptions.change")
@require_http_methods(["GET", "POST"])
def change(request: StaffRequest, name: str) -> HttpResponse:
    """What is set for its source, and how it is followed."""
    one, near = subscribing.find(name), request.user.may(NEAR)
    page = _Page(request, registry.exchange(one.exchange), one)
    page.form = TermsForm(registry.exchange(one.exchange), page.terms, near=near, one=one)
    if one.private and not near:
        page.options.fields.clear()  # they are an administrator's to set
    if page.asks:
        private = one.private or (near and bool(request.POST.get("private")))
        page.ask(lambda given: subscribing.try_out(one.exchange, given, private=private, like=one))
    elif page.is_valid():
        with page.placed():
            options = page.options.options() if page.options.fields else None
            given = {"options": options, **page.form.cleaned_data}
            try:
                subscribing.change(name, by=request.user.actor, near=near, **given)
            except NeedsSecond as needed:
                return proposed(request, needed)
            brings = subscribing.brings_list(one)
            said = gettext("Saved. It is read at once, where a worker runs.") if brings else gettext("Saved.")
            messages.success(request, said)
            return redirect("lists:subscription", name)
    return page.render("lists/subscription_change.html")


@needs("subscriptions.change")
@require_POST
def due(request: StaffRequest, name: str) -> HttpResponse:
    """Have it read at once."""
    return _done(request, name, lambda: subscribing.set_due(name, by=request.user.actor), _READ)


@needs("subscriptions.change")
@require_POST
def pause(request: StaffRequest, name: str) -> HttpResponse:
    """Read it no more until somebody lets it go on."""
    return _done(request, name, lambda: subscribing.change(name, by=request.user.actor, enabled=False), _PAUSED)


@needs("subscriptions.change")
@require_POST
def resume(request: StaffRequest, name: str) -> HttpResponse:
    """Go on."""
    said = _READ if subscribing.brings_list(subscribing.find(name)) else _GOES_ON
    return _done(request, name, lambda: subscribing.change(name, by=request.user.actor, enabled=True), said)


_READ = N_("It is read at once, where a worker runs.")
_GOES_ON = N_("It goes on.")
_PAUSED = N_("It is read no more until somebody lets it go on. What it brought stays on the list.")


def _done(request: StaffRequest, name: str, act: Callable[[], object], words_: str) -> HttpResponse:
    subscribing.find(name)
    try:
        act()
        messages.success(request, gettext(words_))
    except HimayaError as error:
        say(request, error)
    return redirect("lists:subscription", name)


urlpatterns = [
    re_path("^subscriptions/?$", index, name="subscriptions"),
    path("subscriptions/new", new, name="follow"),
    path("subscriptions/<slug:name>/", show, name="subscription"),
    path("subscriptions/<slug:name>/change", change, name="subscription_change"),
    path("subscriptions/<slug:name>/due", due, name="subscription_due"),
    path("subscriptions/<slug:name>/pause", pause, name="subscription_pause"),
    path("subscriptions/<slug:name>/resume", resume, name="subscription_resume"),
]
