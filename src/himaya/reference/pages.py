"""Pages of the reference: its tables, one row with its history, and the forms with which leads change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, asked, told_at
from himaya.accounts.paging import page
from himaya.core.reference import TABLES
from himaya.core.words import N_
from himaya.reference import class_pages, confirming, country_pages, queries, services
from himaya.reference.forms import ReasonForm, RowForm
from himaya.reference.rows import find_table
from himaya.reference.words import choices, differences, gist, happened, label, said, sure

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.core.reference import Table
    from himaya.reference.models import Revision
    from himaya.reference.rows import Row

SIZE = 50
GISTS = {"limits": N_("How long"), "contacts": N_("How it is reached")}
"""Table → what its column of the gist is called; without one there is none."""


@needs("reference.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """The tables."""
    tables = [
        {"table": one, "title": gettext(one.title), "about": gettext(one.about), "n": queries.standing(one.name)}
        for one in TABLES.values()
    ]
    return render(request, "reference/index.html", {"tables": tables})


@needs("reference.view")
@require_safe
def rows(request: StaffRequest, table: str) -> HttpResponse:
    """The rows of a table, narrowed by place and kind."""
    found, chosen = find_table(table), asked(request, "place", "kind", "aside", "after")
    every = queries.rows(table, aside=None)
    fits = [
        row
        for row in every
        if row.aside is (chosen["aside"] == "1")
        and chosen["place"] in ("", row.values[found.place])
        and chosen["kind"] in ("", row.values.get(found.kind))
    ]
    start = next((n + 1 for n, row in enumerate(fits) if row.key == chosen["after"]), 0)
    part = fits[start : start + SIZE]
    narrowed = {name: chosen[name] for name in ("place", "kind", "aside") if chosen[name]}
    context = {
        **_named(found),
        "rows": [{"row": row, **_shown(row)} for row in part],
        "places": choices(found, found.place, of={row.values[found.place] for row in every}),
        "kinds": choices(found, found.kind) if found.kind else [],
        "chosen": chosen,
        "narrowed": bool(narrowed),
        "any_aside": any(row.aside for row in every),
        "previous_url": _url(request, narrowed, fits, start - SIZE) if start else "",
        "next_url": _url(request, narrowed, fits, start + SIZE) if start + SIZE < len(fits) else "",
        "may_change": request.user.may("reference.change"),
    }
    return render(request, "reference/rows.html", context)


def _url(request: StaffRequest, narrowed: Mapping[str, str], fits: list[Row], start: int) -> str:
    """The address of the page that begins at a row: it names the row before."""
    query = urlencode({**narrowed, **({"after": fits[start - 1].key} if start > 0 else {})})
    return f"?{query}" if query else request.path


def _named(table: Table) -> dict[str, Any]:
    """A table and its columns in words."""
    place, kind, named = (table.field(name) for name in (table.place, table.kind, table.label))
    return {
        "table": table,
        "title": gettext(table.title),
        "about": gettext(table.about),
        "label_word": gettext(named.label) if named else "",
        "place_word": gettext(place.label) if place else "",
        "kind_word": gettext(kind.label) if kind else "",
        "gist_word": gettext(GISTS[table.name]) if table.name in GISTS else "",
    }


def _shown(row: Row) -> dict[str, Any]:
    return {
        "label": label(row),
        "place": said(row, row.table.place),
        "kind": said(row, row.table.kind),
        "more": row.values.get("area") or row.values.get("instrument", ""),
        "gist": gist(row),
        "sure": sure(row.values),
    }


@needs("reference.view")
@require_safe
def row(request: StaffRequest, table: str, row_key: str) -> HttpResponse:
    """One row: what it says, how the program ships it, and what was changed here."""
    return _page(request, queries.row(table, row_key))


def _page(request: StaffRequest, one: Row, form: ReasonForm | None = None, *, status: int = 200) -> HttpResponse:
    past = page(request, queries.history(one), newest_first=True)
    context = {
        **_named(one.table),
        **_shown(one),
        "row": one,
        "facts": _facts(one),
        "differs": differences(one.table, one.shipped, one.values) if one.ours and one.shipped is not None else [],
        "changes": _changes(one, past.rows),
        "shown": past,
        "form": form or ReasonForm(initial={"seen": one.number}),
        "may_change": request.user.may("reference.change"),
    }  # fmt: skip
    return render(request, "reference/row.html", context, status=status)


def _facts(one: Row) -> list[tuple[str, str, bool]]:
    """Every field: label, value in words, whether it is an address that can be opened."""
    return [
        (gettext(field.label), said(one, field.name), one.values[field.name].startswith(("https://", "http://")))
        for field in one.table.fields
    ]


def _changes(one: Row, shown_now: list[Revision]) -> list[dict[str, Any]]:
    """Changes of a row, the last first: what each did to which field, who did it, when and why."""
    who = Actors(revision.by for revision in shown_now)
    every = {revision.number: revision for revision in queries.history(one)}
    found = []
    for revision in shown_now:
        last = every.get(revision.number - 1)
        before = (last.values if last else None) or revision.shipped or {}
        after = revision.values or revision.shipped or {}
        found.append(
            {
                "one": revision,
                "what": happened(last, revision),
                "fields": differences(one.table, before, after),
                "who": who[revision.by],
            }
        )
    return found


@needs("reference.change")
@require_http_methods(["GET", "POST"])
def add(request: StaffRequest, table: str) -> HttpResponse:
    """A row of this node's own."""
    found = find_table(table)
    begun = {one.name: request.GET[one.name] for one in found.fields if one.name in request.GET}
    form = RowForm(found, request.POST if request.method == "POST" else None, values=begun)
    if form.is_valid():
        with told_at(form):
            made = services.add_row(
                table, values=form.values(), reason=form.cleaned_data["reason"], by=request.user.actor
            )
            messages.success(request, gettext("The row was added."))
            return redirect("reference:row", table, made.key)
    context = {**_named(found), "form": form}
    return render(request, "reference/change.html", context, status=422 if form.errors else 200)


@needs("reference.change")
@require_http_methods(["GET", "POST"])
def change(request: StaffRequest, table: str, row_key: str) -> HttpResponse:
    """Change a row: this node's words hold from then on."""
    one = queries.row(table, row_key)
    posted = request.POST if request.method == "POST" else None
    form = RowForm(one.table, posted, values=one.values, seen=one.number)
    if form.is_valid():
        with told_at(form):
            given = form.cleaned_data
            services.change_row(
                table,
                key=row_key,
                values=form.values(),
                reason=given["reason"],
                by=request.user.actor,
                seen=given["seen"],
            )
            messages.success(request, gettext("The row was changed."))
            return redirect("reference:row", table, row_key)
    context = {**_named(one.table), "row": one, "label": label(one), "form": form}
    return render(request, "reference/change.html", context, status=422 if form.errors else 200)


def _act(request: StaffRequest, table: str, row_key: str, service: Callable[..., Row], said_then: str) -> HttpResponse:
    form = ReasonForm(request.POST)
    if form.is_valid():
        with told_at(form):
            given = form.cleaned_data
            service(table, key=row_key, reason=given["reason"], by=request.user.actor, seen=given["seen"])
            messages.success(request, said_then)
            return redirect("reference:row", table, row_key)
    return _page(request, queries.row(table, row_key), form, status=422)


@needs("reference.change")
@require_POST
def aside(request: StaffRequest, table: str, row_key: str) -> HttpResponse:
    """Let a row be used no more."""
    return _act(request, table, row_key, services.set_row_aside, gettext("The row was set aside."))


@needs("reference.change")
@require_POST
def restore(request: StaffRequest, table: str, row_key: str) -> HttpResponse:
    """Take a row up again."""
    return _act(request, table, row_key, services.restore_row, gettext("The row is used again."))


@needs("reference.change")
@require_POST
def as_shipped(request: StaffRequest, table: str, row_key: str) -> HttpResponse:
    """Let the program's words hold again."""
    return _act(request, table, row_key, services.take_shipped_row, gettext("The row is as the program ships it."))


urlpatterns = [
    path("", index, name="index"),
    *country_pages.urlpatterns,
    *confirming.urlpatterns,
    *class_pages.urlpatterns,
    path("<slug:table>/", rows, name="rows"),
    path("<slug:table>/add", add, name="add"),
    path("<slug:table>/rows/<slug:row_key>/", row, name="row"),
    path("<slug:table>/rows/<slug:row_key>/change", change, name="change"),
    path("<slug:table>/rows/<slug:row_key>/aside", aside, name="aside"),
    path("<slug:table>/rows/<slug:row_key>/restore", restore, name="restore"),
    path("<slug:table>/rows/<slug:row_key>/as-shipped", as_shipped, name="as_shipped"),
]
