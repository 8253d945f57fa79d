"""Pages of lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path, re_path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, asked, told_at
from himaya.accounts.paging import page
from himaya.accounts.words import joined, number, translated
from himaya.core import registry
from himaya.core.words import N_, told
from himaya.ledger.queries import entries
from himaya.lists import composition, queries, services, subscription_pages
from himaya.lists.forms import ChangeForm, CreateForm, ImportForm, MarkForm
from himaya.lists.quarantine import is_held, quarantines
from himaya.lists.quarantine_pages import quarantine, release
from himaya.lists.uploads import spooled
from himaya.lists.words import class_label, signal_label

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person
    from himaya.core.ports import Refusal
    from himaya.lists.models import HashList, Item

STATES = {"active": ("ok", N_("active")), "disputed": ("wait", N_("disputed")), "withdrawn": ("calm", N_("withdrawn"))}
"""State of an item → its shape and its word."""
MARKS = {
    "active": (N_("Restore"), N_("It matches again, without a mark.")),
    "disputed": (N_("Mark as disputed"), N_("It still matches, and every match says that it is disputed.")),
    "withdrawn": (N_("Withdraw"), N_("It matches no more. A later import does not bring it back.")),
}
"""State to set → the word on the button, and what follows."""
BENIGN = ("calm", N_("known benign"))
"""Shape and word of a negative item."""
BENIGN_MARKS = {
    "active": (N_("Restore"), N_("It suppresses matches again.")),
    "disputed": (N_("Mark as disputed"), N_("It suppresses nothing while people look into it.")),
    "withdrawn": (N_("Withdraw"), N_("It suppresses nothing any more.")),
}
"""As :data:`MARKS`, for a negative item."""
HAPPENED = {
    "item.quarantined": N_("Held: it suddenly matched too much"),
    "item.released": N_("Let go"),
    "item.benign": N_("Said to be known benign"),
    "item.active": N_("Restored"),
    "item.disputed": N_("Marked as disputed"),
    "item.withdrawn": N_("Withdrawn"),
}
PART = ("signal", "scheme", "code", "organisation", "agreement")
SHOWN = 200


def badge(item: Item) -> dict[str, str]:
    """Shape and word of an item's state; of one known to be benign, that it is, as long as that holds."""
    shape, word = BENIGN if item.negative and item.state == "active" else STATES[item.state]
    return {"state": shape, "word": gettext(word)}


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
    """Switch a list on or off, change its radius."""
    found = services.find_list(name)
    now = {"enabled": found.enabled, "radius": found.radius}
    form = ChangeForm(_posted(request), initial=now)
    if form.is_valid():
        with told_at(form):
            services.change_list(name, by=request.user.actor, **form.cleaned_data)
            messages.success(request, gettext("Saved. It holds from the next screening on."))
            return redirect("lists:list", name)
    return render(request, "lists/change.html", {"list": found, "form": form}, status=422 if form.errors else 200)


# --- files -----------------------------------------------------------------------------------------------------------


class _Refusals:
    """Counts every refused line and keeps the first ones to show."""

    def __init__(self) -> None:
        self.first: list[dict[str, Any]] = []
        self.number = 0

    def add(self, refusal: Refusal) -> None:
        self.number += 1
        if self.number <= SHOWN:
            self.first.append({"line": refusal.line, "why": told(refusal.why, gettext), "excerpt": refusal.excerpt})

    @property
    def left_out(self) -> int:
        return self.number - len(self.first)


@needs("lists.change")
@require_http_methods(["GET", "POST"])
@spooled
def import_file(request: StaffRequest, name: str) -> HttpResponse:
    """Import a file, all of it or nothing; every line that was refused is shown with its reason."""
    found = services.find_list(name)
    form = ImportForm(_posted(request), request.FILES if request.method == "POST" else None)
    refusals, result = _Refusals(), None
    if form.is_valid():
        result = _import(form, found, refusals, request.user)
    if result and not result.refused:
        messages.success(request, _counts(result))
        return redirect("lists:list", name)
    context = {"list": found, "form": form, "result": result, "refusals": refusals}
    context["counts"] = _counts(result) if result and result.imported else ""
    failed = bool(form.errors) or (result is not None and not result.imported)
    return render(request, "lists/import.html", context, status=422 if failed else 200)


def _import(form: ImportForm, to: HashList, refusals: _Refusals, person: Person) -> services.ImportResult | None:
    given = form.cleaned_data
    format_name, signal = services.kind_of(given["file"].name)
    with told_at(form):
        try:
            return services.import_items(
                to,
                stream=given["file"].file,
                format_name=given["format"] or format_name,
                signal=given["signal"] or signal,
                by=person.actor,
                accept_good=given["accept_good"],
                benign=person.may("lists.excuse"),
                on_refusal=refusals.add,
            )
        except services.AmbiguousSignal as error:  # its remedy speaks of the command line
            form.add_error("signal", f"{translated(error)[0]} {gettext('Choose the signal here.')}")
    return None


def _counts(result: services.ImportResult) -> str:
    """What an import did, in one sentence."""
    said = gettext("{added} added, {changed} changed, {unchanged} unchanged.").format(
        added=number(result.added), changed=number(result.changed), unchanged=number(result.unchanged)
    )
    if result.kept_withdrawn:
        kept = ngettext(
            "{n} is withdrawn here and stays so.", "{n} are withdrawn here and stay so.", result.kept_withdrawn
        )
        said += " " + kept.format(n=number(result.kept_withdrawn))
    return said


@needs("lists.export")
@require_safe
def export(request: StaffRequest, name: str) -> StreamingHttpResponse:
    """The active items as a file, written as it is sent."""
    format_ = registry.format_(request.GET.get("format", "csv"))
    parts = services.export_items(name, format_name=format_.name, by=request.user.actor)
    response = StreamingHttpResponse(parts, content_type=f"{format_.media_type}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}{format_.accepts[0]}"'
    return response


# --- items -----------------------------------------------------------------------------------------------------------


@needs("lists.view")
@require_safe
def one_item(request: StaffRequest, pk: int) -> HttpResponse:
    """One item: where it comes from, and what was done with it here."""
    return _item_page(request, pk, MarkForm())


@needs("lists.change")
@require_POST
def mark(request: StaffRequest, pk: int) -> HttpResponse:
    """Withdraw, dispute or restore an item, for a reason."""
    form = MarkForm(request.POST)
    if form.is_valid():
        with told_at(form):
            services.mark_item(
                pk,
                state=request.POST.get("state", ""),
                by=request.user.actor,
                benign=request.user.may("lists.excuse"),
                **form.cleaned_data,
            )
            messages.success(request, gettext("Recorded. It holds from the next screening on."))
            return redirect("lists:item", pk)
    return _item_page(request, pk, form, status=422)


def _item_page(request: StaffRequest, pk: int, form: MarkForm, *, status: int = 200) -> HttpResponse:
    item = queries.item(pk)
    if item is None:
        raise Http404
    scheme, marks = registry.schemes().get(item.scheme), BENIGN_MARKS if item.negative else MARKS
    context = {
        "item": item,
        "badge": badge(item),
        "signal": signal_label(item.signal),
        "class": class_label(item.scheme, item.code),
        "code": scheme.get(item.code) if scheme else None,
        "added_by": Actors([item.added_by])[item.added_by],
        "history": _history(request, item),
        "held": is_held(item),
        "form": form,
        "marks": [(state, *map(gettext, words)) for state, words in marks.items() if state != item.state],
        "may_change": request.user.may("lists.excuse" if item.negative else "lists.change"),
    }
    return render(request, "lists/item.html", context, status=status)


def _history(request: StaffRequest, item: Item) -> list[dict[str, Any]]:
    """What was done with the item, from the ledger; the reason belongs to the last change of its state."""
    rows = list(entries(about=f"item:{item.pk}")[:50])
    who, sees_ledger = Actors(row.actor for row in rows), request.user.may("ledger.view")
    return [
        {
            "at": row.at,
            "who": who[row.actor],
            "what": gettext(HAPPENED.get(row.act, row.act)),
            "note": item.reason if place == 0 else "",
            "place": row.seq,
            "url": reverse("ledger:entry", args=[row.seq]) if sees_ledger else "",
        }
        for place, row in enumerate(rows)
    ]


urlpatterns = [
    path("", index, name="index"),
    *subscription_pages.urlpatterns,
    re_path("^quarantine/?$", quarantine, name="quarantine"),
    path("items/<int:pk>/release", release, name="release"),
    re_path("^new/?$", create, name="create"),
    path("items/<int:pk>", one_item, name="item"),
    path("items/<int:pk>/state", mark, name="mark"),
    path("<slug:name>/", one_list, name="list"),
    path("<slug:name>/settings", change, name="change"),
    path("<slug:name>/import", import_file, name="import"),
    path("<slug:name>/export", export, name="export"),
]
