"""Pages of lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, re_path
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts import streams
from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, asked, told_at
from himaya.accounts.paging import page
from himaya.accounts.words import joined, number
from himaya.core import registry
from himaya.lists import composition, import_pages, item_pages, proposal_pages, queries, services, subscription_pages
from himaya.lists.forms import ChangeForm, CreateForm
from himaya.lists.proposal_pages import proposed
from himaya.lists.proposals import proposals
from himaya.lists.quarantine import quarantines
from himaya.lists.quarantine_pages import quarantine, release
from himaya.lists.words import BENIGN, STATES, badge, class_label, needs_words, signal_label

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest

PART = ("signal", "scheme", "code", "organisation", "agreement")


def _posted(request: StaffRequest) -> QueryDict | None:
    """What was posted, even if that is nothing; None where the page is only looked at."""
    return request.POST if request.method == "POST" else None


# --- lists -----------------------------------------------------------------------------------------------------------


@needs("lists.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All lists."""
    standings = queries.standings()
    rows = [{"list": one, "n": standings.get(one.pk, queries.Standing())} for one in queries.lists()]
    context = {
        "rows": rows,
        "may_change": request.user.may("lists.change"),
        "may_follow": request.user.may("subscriptions.view"),
        "held": quarantines().count(),
        "sees_partners": request.user.may("partners.view"),
        "waiting": proposals("waiting").count(),
    }
    return render(request, "lists/index.html", context)


@needs("lists.change")
@require_http_methods(["GET", "POST"])
def create(request: StaffRequest) -> HttpResponse:
    """A new list."""
    form = CreateForm(_posted(request))
    if form.is_valid():
        with told_at(form):
            made = services.create_list(**form.cleaned_data, by=request.user.actor)
            messages.success(request, gettext("The list was made. It is empty: import a file."))
            return redirect("lists:import", made.name)
    return render(request, "lists/create.html", {"form": form}, status=422 if form.errors else 200)


@needs("lists.view")
@require_safe
def one_list(request: StaffRequest, name: str) -> HttpResponse:
    """One list: what it is made of, and its items."""
    found = services.find_list(name)
    chosen = asked(request, "state", "value")
    part = {key: value for key, value in asked(request, *PART).items() if key in request.GET}
    shown = page(request, queries.items(found, **_state(chosen["state"]), value=chosen["value"], part=part))
    standing = queries.standings(found).get(found.pk, queries.Standing())
    made_of = [_part(row) for row in queries.composition(found)]
    by_signal = _by_signal(made_of)
    context = {
        "list": found,
        "needs": needs_words(found),
        "n": standing,
        "arriving": queries.arriving(found),
        "made_of": made_of,
        "by_signal": by_signal,
        "finding": _finding(by_signal),
        "plots": composition.plots(found, state_words=_state_words()),
        "items": shown,
        "rows": [
            {
                "item": one,
                "badge": badge(one),
                "class": class_label(one.scheme, one.code),
                "signal": signal_label(one.signal),
            }
            for one in shown.rows
        ],
        "chosen": chosen,
        "part": _part_words(part),
        "unreadable": bool(chosen["value"]) and not queries.readings(chosen["value"]),
        "filters": _state_filters(chosen["state"], {**part, "value": chosen["value"]}, standing),
        "formats": registry.formats().values(),
        "may_change": request.user.may("lists.change"),
        "may_export": request.user.may("lists.export"),
        "creator": Actors([found.created_by])[found.created_by],
    }
    return render(request, "lists/list.html", context)


def _state_words() -> dict[str, str]:
    return {**{state: word for state, (_, word) in STATES.items()}, "negative": BENIGN[1]}


def _state(chosen: str) -> dict[str, Any]:
    """What the link to a state narrows the items to; those known to be benign stand apart."""
    if chosen == "negative":
        return {"negative": True}
    return {"state": chosen, "negative": False} if chosen else {}


def _part_words(part: dict[str, str]) -> str:
    """What the items are narrowed to: signal, class, organisation, how many vouch for them."""
    words = [signal_label(part["signal"]) if part.get("signal") else ""]
    words.append(class_label(part.get("scheme", ""), part["code"]) if "code" in part else "")
    words.append(composition.organisation_title(part["organisation"]) if "organisation" in part else "")
    if "agreement" in part:
        words.append(gettext("organisations that vouch: %(n)s") % {"n": part["agreement"]})
    return joined(filter(None, words))


def _part(row: dict[str, Any]) -> dict[str, Any]:
    """A signal and a class, how many items they have, and where those are."""
    part = {key: row[key] for key in ("signal", "scheme", "code")}
    return {
        **part,
        "label": signal_label(row["signal"]),
        "class": class_label(row["scheme"], row["code"]),
        "value": row["n"],
        "url": f"?{urlencode(part)}#items",
    }


def _by_signal(made_of: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One bar a signal, the highest first."""
    bars: dict[str, dict[str, Any]] = {}
    for part in made_of:
        address = f"?{urlencode({'signal': part['signal']})}#items"
        bar = bars.setdefault(part["signal"], {"label": part["label"], "value": 0, "url": address})
        bar["value"] += part["value"]
    return sorted(bars.values(), key=lambda bar: -bar["value"])


def _finding(bars: list[dict[str, Any]]) -> str:
    """What the plot shows, in words."""
    total = sum(bar["value"] for bar in bars)
    if len(bars) > 1 and bars[0]["value"] * 2 > total:
        facts = {"label": bars[0]["label"], "n": number(bars[0]["value"]), "total": number(total)}
        return gettext("Most items are %(label)s: %(n)s of %(total)s") % facts
    return gettext("What kinds of signal are on the list?")


def _state_filters(state: str, rest: dict[str, str], standing: queries.Standing) -> list[dict[str, Any]]:
    """Links to the states, with their numbers where nothing else narrows the items."""
    rest = rest if any(rest.values()) else {}
    words = {"": gettext("all"), **{name: gettext(word) for name, (_, word) in STATES.items()}}
    words |= {"negative": gettext(BENIGN[1])} if standing.negative or state == "negative" else {}
    return [
        {
            "word": word,
            "url": f"?{urlencode({**rest, **({'state': name} if name else {})})}#items",
            "current": name == state,
            "count": None if rest else (getattr(standing, name) if name else standing.items),
        }
        for name, word in words.items()
    ]


@needs("lists.change")
@require_http_methods(["GET", "POST"])
def change(request: StaffRequest, name: str) -> HttpResponse:
    """Change the terms of a list; under another rule, every item is judged anew."""
    found = services.find_list(name)
    now = {field: getattr(found, field) for field in ChangeForm.base_fields}
    form = ChangeForm(_posted(request), initial=now)
    if form.is_valid():
        wanted = {field: value for field, value in form.cleaned_data.items() if value != now[field]}
        with told_at(form):
            try:
                services.change_list(name, by=request.user.actor, most=services.AT_ONCE, **wanted)
            except services.NeedsSecond as needed:
                return proposed(request, needed)
            messages.success(request, gettext("Saved. It holds from the next screening on."))
            return redirect("lists:list", name)
    return render(request, "lists/change.html", {"list": found, "form": form}, status=422 if form.errors else 200)


# --- files -----------------------------------------------------------------------------------------------------------


@needs("lists.export")
@require_POST
def export(request: StaffRequest, name: str) -> streams.Streamed:
    """The active items as a file, written as it is sent; the ledger says who took it."""
    format_ = registry.format_(request.POST.get("format", "csv"))
    with streams.place(request.user.actor) as at:
        parts = services.export_items(name, format_name=format_.name, by=request.user.actor)
        response = streams.Streamed(parts, at=at, content_type=f"{format_.media_type}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}{format_.accepts[0]}"'
    return response


urlpatterns = [
    path("", index, name="index"),
    *subscription_pages.urlpatterns,
    re_path("^quarantine/?$", quarantine, name="quarantine"),
    path("items/<int:pk>/release", release, name="release"),
    re_path("^new/?$", create, name="create"),
    path("items/<int:pk>", item_pages.one_item, name="item"),
    path("items/<int:pk>/state", item_pages.mark, name="mark"),
    path("items/<int:pk>/vote", item_pages.vote, name="vote"),
    path("items/<int:pk>/ask", item_pages.ask, name="ask"),
    re_path("^proposals/?$", proposal_pages.index, name="proposals"),
    path("proposals/<int:pk>", proposal_pages.one, name="proposal"),
    path("proposals/<int:pk>/approve", proposal_pages.approve, name="approve"),
    path("proposals/<int:pk>/refuse", proposal_pages.refuse, name="refuse"),
    path("proposals/<int:pk>/withdraw", proposal_pages.take_back, name="take_back"),
    path("<slug:name>/", one_list, name="list"),
    path("<slug:name>/settings", change, name="change"),
    *import_pages.urlpatterns,
    path("<slug:name>/export", export, name="export"),
]
