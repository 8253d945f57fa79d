"""One case: left what is known, right the one next decision, below what happened."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import rules
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.paging import page
from himaya.accounts.queries import names, who_may
from himaya.cases import queries, words
from himaya.cases.benign import excusable
from himaya.cases.dispatch import coming
from himaya.cases.history import Happening, Run, history
from himaya.cases.leaving import leaving
from himaya.cases.pages.looking import looking
from himaya.cases.pages.urgent import urgency_of
from himaya.cases.quality import queries as quality
from himaya.cases.quality.pages.appealed import appeals_of
from himaya.cases.quality.pages.veil import second_of, veiled
from himaya.cases.services import UnknownCase
from himaya.cases.states import DECIDED, OPEN
from himaya.cases.telling import card
from himaya.core import clock, registry
from himaya.core.config import config
from himaya.evidence import queries as evidence
from himaya.evidence.losing import lost_generations
from himaya.evidence.words import state_of
from himaya.ledger.queries import entries
from himaya.lists.words import class_label, signal_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person
    from himaya.cases.models import Case, Match, SecondLook, Sighting
    from himaya.core.ports import Scheme

OWN_WORDS = "himaya-review"
"""The scheme of the outcomes that no published one names; it always stands open, after the one that fits."""
FIRST = "interpol"
SHOWN = 50
KIN = 10
SIGHTINGS = 20
"""Sightings on the case's own page; the others have a page of theirs."""


@needs("cases.view")
@require_safe
def case(request: StaffRequest, pk: int) -> HttpResponse:
    """What is known about a case, and the one next decision."""
    return case_page(request, find(pk))


@needs("cases.view")
@require_safe
def sightings(request: StaffRequest, pk: int) -> HttpResponse:
    """Every sighting of a case, newest first."""
    found = find(pk)
    shown = page(request, queries.sightings(found), newest_first=True)
    return render(
        request,
        "cases/sightings.html",
        {
            "case": found,
            "places": queries.places(found),
            "sightings": _sightings(shown.rows),
            "shown": shown,
        },
    )


def find(pk: int) -> Case:
    """The case of that number.

    Raises:
        UnknownCase: there is none.
    """
    found = queries.case(pk)
    if found is None:
        raise UnknownCase(case=pk)
    return found


def case_page(
    request: StaffRequest, shown: Case, *, typed: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    """The page; ``typed`` brings back a form that was refused (``form`` says which, ``error`` why)."""
    matches = list(queries.matches(shown)[:SHOWN])
    veil = quality.veil(shown, request.user)
    open_kin = list(queries.kin(shown, state=OPEN)[:KIN])
    kin = _kin(queries.kin(shown, state=DECIDED)[:KIN], request.user, veil)
    context = {
        "case": shown,
        "now": clock.now(),
        "reason": words.reason(matches[0] if matches else None),
        "tile": matches[0].value if matches else shown.subject,
        "matches": [_match(one) for one in matches],
        "fingerprints": [
            {"label": signal_label(name), "value": value, "quality": quality}
            for name, value, quality in shown.fingerprints
        ],
        "sightings": _sightings(queries.sightings(shown)[:SIGHTINGS]),
        "places": queries.places(shown),
        "earlier": [_verdict(one) for one in queries.earlier_verdicts(shown)],
        "kin": kin,
        "open_kin": open_kin,
        "verdict": _verdict(shown.verdict) if shown.verdict else None,
        "deliveries": _deliveries(shown, request.user),
        "exhibits": _exhibits(shown, request.user),
        "drafted": not veil
        and request.user.may("reports.view")
        and entries(about=shown.about, act="report.drafted").exists(),
        "told": card(request.GET, shown, request.user),
        "may_file": request.user.may("cases.file"),
        "may_ask_to_look": request.user.may("evidence.ask"),
        "may_request": request.user.may("demands.work"),
        "history": _history(request, shown, upto=quality.first_of_people(shown) if veil else 0),
        "typed": typed or {},
        **looking(shown, matches, [one["confirms"] for one in kin]),
        **urgency_of(shown, request.user),
        **_next(shown, matches, request.user, around=bool(open_kin)),
    }
    context |= appeals_of(shown, request.user)
    context["second"] = second_of(quality.look_at(shown), request.user)
    if veil is not None:
        context |= veiled(veil, request.user, schemes_for(matches))
    shown_forms = {
        "verdict": context["may_decide"],
        "reopen": context["may_reopen"],
        "comment": context["may_comment"],
        "excuse": bool(context["excusable"]),
        "flag": context["may_flag"],
        "hand": bool(context["mine"] and context["is_open"]),
        "skip": bool(context["mine"] and context["is_open"]),
        "look": bool(context.get("may_look")),
    }
    context["lost"] = typed is not None and not shown_forms[typed["form"]]
    return render(request, "cases/case.html", context, status=status)


# --- facts -----------------------------------------------------------------------------------------------------------


def _match(one: Match) -> dict[str, Any]:
    return {
        "signal": signal_label(one.signal),
        "near": words.nearness(one),
        "variant": words.variant(one.variant),
        "list": one.list_name,
        "item": one.item,
        "value": one.value,
        "class": class_label(one.scheme, one.code),
        "source": one.source,
        "added_by": names([one.added_by]).get(one.added_by, one.added_by),
        "added_at": one.added_at,
        "disputed": one.state == "disputed",
    }


def _sightings(found: Iterable[Sighting]) -> list[dict[str, Any]]:
    rows = list(found)
    who = names(row.by for row in rows)
    return [
        {
            "at": row.at,
            "place": row.place,
            "origin": gettext(words.ORIGINS.get(row.origin, row.origin)) if row.origin else "",
            "by": who.get(row.by, row.by),
        }
        for row in rows
    ]


def _verdict(one: Any) -> dict[str, Any]:
    label = class_label(one.scheme, one.code)
    known = {name: getattr(one, name) for name in ("confirms", "harmful", "reason", "by", "at")}
    return {"label": label, "facets": words.facets(one.facets), "leaves": one.confirms or one.harmful, **known}


def _kin(others: Iterable[Case], person: Person, veil: SecondLook | None) -> list[dict[str, Any]]:
    found = [(one, one.verdict) for one in others]
    hidden = quality.veiled((one for one, _ in found), person)
    hidden |= quality.decided_with(veil, (one for one, _ in found)) if veil else set()
    return [
        {"case": one, "label": class_label(verdict.scheme, verdict.code), "confirms": verdict.confirms}
        for one, verdict in found
        if verdict is not None and one.pk not in hidden
    ]


def _deliveries(shown: Case, person: Person) -> dict[str, Any]:
    """Reports and notices of this case and how far they have come, for those whose role includes it."""
    if not (person.may("documents.view") or person.may("deliveries.view")):
        return {"hidden": True, "rows": [], "gone": []}
    expected = coming(shown)
    rows = [_delivery(kind, route, "wait", gettext("is being prepared"), ahead=True) for kind, route in expected]
    left = []
    for one in islice(leaving(shown), SHOWN):
        state, word = words.JOB_STATES[one.state]
        left.append((one.kind, one.route, one.state))
        row = _delivery(one.kind, one.route, state, gettext(word))
        url = reverse("ledger:delivery", args=[one.number]) if person.may("deliveries.view") else ""
        ahead, going = one.state == "ready", one.state == "running"
        rows.append({**row, "number": one.number, "url": url, "at": one.settled_at, "ahead": ahead, "going": going})
    gone = words.gone(left)
    return {
        "rows": rows,
        "prepared": words.prepared(expected),
        "gone": gone,
        "told_before": " ".join([gettext("A verdict that no longer holds was told outside."), *gone]),
        "waiting": sum(row["ahead"] for row in rows),
        "moving": any(row["ahead"] or row["going"] for row in rows),
        "hidden": False,
    }


def _exhibits(shown: Case, person: Person) -> dict[str, Any]:
    """What is kept of this case, for those whose role includes it; empty where nothing is, or it is not theirs."""
    if not person.may("evidence.view"):
        return {}
    found = list(evidence.find(case=shown.about).order_by("pk")[: SHOWN + 1])
    lost = lost_generations()
    rows = [{"one": one, **state_of(one, lost)} for one in found[:SHOWN]]
    return {"rows": rows, "more": len(found) > SHOWN} if rows else {}


def _delivery(kind: str, route: str, state: str, word: str, *, ahead: bool = False) -> dict[str, Any]:
    label = gettext(words.KINDS.get(kind, "Delivery"))
    return {"kind": label, "route": route, "state": state, "word": word, "ahead": ahead, "going": False}


def _history(request: StaffRequest, shown: Case, *, upto: int = 0) -> dict[str, Any]:
    """A page of the history; the entry in the address says where it begins. What came from ``upto`` on is left out."""
    before = request.GET.get("before", "")
    asked = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else 0
    found = history(shown, before=min(filter(None, (asked, upto)), default=0))
    sees_ledger = request.user.may("ledger.view")
    return {
        "lines": [_line(one, shown, sees_ledger) for one in found.lines],
        "opening": [_line(found.opening, shown, sees_ledger)] if found.opening else [],
        "previous_url": f"{request.path}#history" if before else "",
        "next_url": f"{request.path}?before={found.before}#history" if found.before else "",
    }


def _line(one: Happening | Run, shown: Case, sees_ledger: bool) -> dict[str, Any]:
    if isinstance(one, Run):
        more = {"url": reverse("cases:sightings", args=[shown.pk]), "label": gettext("Where it was seen")}
        return {"what": words.met_again(one), "more": more}
    return {
        "at": one.at,
        "who": gettext("the node itself") if one.actor == "system" else one.actor,
        "what": words.happened(one),
        "note": one.text,
        "place": one.seq,
        "url": reverse("ledger:entry", args=[one.seq]) if sees_ledger else "",
    }


# --- the next decision -----------------------------------------------------------------------------------------------


def _next(shown: Case, matches: list[Match], person: Person, *, around: bool) -> dict[str, Any]:
    holder = shown.holder()
    mine, is_open = holder == person, shown.verdict is None
    may_decide = person.may("cases.decide")
    groups = schemes_for(matches) if mine and is_open else []
    keys = [(c["key"], c["label"]) for group in groups for c in group["codes"] if c["key"] and may_decide]
    if is_open and not mine and person.may("cases.claim"):
        keys.insert(0, ("c", gettext("Claim this case")))
    if is_open and mine:
        keys += words.holder_keys(around=may_decide and around)
    if is_open and person.may("cases.flag"):
        keys.append(("u", gettext("Say that it is urgent")))
    keys += [] if is_open else words.next_key(person)
    return {
        "is_open": is_open,
        "holder": holder,
        "mine": mine,
        "may_claim": is_open and holder is None and person.may("cases.claim"),
        "may_release": is_open and mine,
        "colleagues": [one for one in who_may("cases.claim") if one != person] if is_open and mine else [],
        "schemes": groups,
        "may_decide": may_decide and bool(groups),
        "graded": list(dict.fromkeys(class_label(one.scheme, one.code) for one in matches if one.code)),
        "follows": words.what_follows() if groups else [],
        "harm_follows": words.what_follows(harm=True) if groups else [],
        "facets": words.facet_choices() if groups else [],
        "may_reopen": not is_open and rules.has_perm("cases.reopen", person, shown),
        "may_comment": person.may("cases.comment"),
        "excusable": excusable(shown) if person.may("lists.excuse") else [],
        "may_go_on": not is_open and person.may("cases.claim"),
        "held": 0 if is_open else queries.held(person),
        "page_keys": [*keys, ("r", gettext("Write the reason"))] if groups and may_decide else keys,
    }


def schemes_for(matches: list[Match]) -> list[dict[str, Any]]:
    """Every scheme with its codes: first the one that this node prefers or the list grades by, then our own words.

    These two stand open. Where the list gives no class, all of them do: there is nothing to agree with, only to choose.
    """
    told = {one.scheme for one in matches}
    told.add(config().preferred_scheme)
    usable = {name: one for name, one in registry.schemes().items() if not one.withdrawn}
    known = {name: one for name, one in usable.items() if one.reviewed or name in told}
    listed = {f"{one.scheme}/{one.code}" for one in matches if one.code}
    graded = [one.scheme for one in matches if one.code]
    first = next(name for name in (config().preferred_scheme, *graded, FIRST, *known) if name in known)
    order = [first, *(name for name in known if name not in (first, OWN_WORDS))]
    order[1:1] = [OWN_WORDS] if OWN_WORDS in known and first != OWN_WORDS else []
    free = iter("123456789")
    return [_scheme(known[name], name in (first, OWN_WORDS), free, listed) for name in order]


def _scheme(scheme: Scheme, is_open: bool, free: Iterator[str], listed: set[str]) -> dict[str, Any]:
    codes = [
        {
            "value": f"{scheme.name}/{code.code}",
            "label": gettext(code.label),
            "definition": gettext(code.definition),
            "confirms": code.confirms,
            "harmful": code.facets.legality == "harmful",
            "listed": f"{scheme.name}/{code.code}" in listed,
            "key": next(free, "") if is_open else "",
        }
        for code in scheme.codes
    ]
    outcomes = {code.confirms for code in scheme.codes}
    return {
        "name": scheme.name,
        "label": gettext(scheme.label),
        "outcome": "mixed" if len(outcomes) > 1 else "confirms" if True in outcomes else "none",
        "codes": codes,
        "open": is_open,
    }
