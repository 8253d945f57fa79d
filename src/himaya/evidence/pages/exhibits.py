"""What is kept: the list, one exhibit with its custody, what ends next, and what a person decides about its end."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.again import confirmed
from himaya.accounts.faces import Actors, asked, told_at
from himaya.accounts.paging import page
from himaya.accounts.words import apart, sentence
from himaya.core import clock
from himaya.core.vault.verifier import NotProved
from himaya.core.words import N_
from himaya.evidence import anchoring, custody, labelling, losing, queries, retention, words
from himaya.evidence.closing import open_readings
from himaya.evidence.demands.keeping import FOR_DEMAND
from himaya.evidence.forms import WhyForm
from himaya.evidence.handing import handovers_of
from himaya.evidence.naming import BadCaseName, case_of
from himaya.evidence.pages.drawing import picture
from himaya.evidence.pages.hands import hand_rows
from himaya.evidence.pages.held import rows_of
from himaya.evidence.returning import can_go_back
from himaya.evidence.stamping import stamped
from himaya.evidence.states import DESTROYED, ENDING, KEPT
from himaya.evidence.stopping import stops

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.evidence.models import Binding, Exhibit, Step

SOON = ("30", "90", "365")
"""Days within which something ends, to choose from."""
SHOWN = 200
"""Rows of what ends next."""
KEY = re.compile(r"[0-9a-f]{32}")
"""The name of a custody key."""
OTHER = re.compile(r"(?!case:)[a-z]{1,20}:[0-9]{1,18}")
"""What an exhibit can belong to besides a case."""
HOLDS = 20
"""Holds on the page of an exhibit: all of them have a page of their own."""
DIGESTS = ("sha", "sealed_sha", "reading", "demand", "came_back")
"""How facts begin that are digests."""
STATES = {
    "": N_("all"),
    KEPT: N_("kept"),
    "held": N_("on hold"),
    "rotten": N_("rotten"),
    "lost": N_("lost"),
    ENDING: N_("about to end"),
    DESTROYED: N_("destroyed"),
}


@needs("evidence.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Exhibits, the newest first, by filters that stand in the address."""
    chosen = asked(request, "case", "state", "ends", "label")
    chosen["case"], strange = _case(chosen["case"])
    chosen["state"] = chosen["state"] if chosen["state"] in STATES else ""
    chosen["ends"] = chosen["ends"] if chosen["ends"] in SOON else ""
    before = clock.now() + timedelta(days=int(chosen["ends"])) if chosen["ends"] else None
    chosen["label"] = chosen["label"][:200]
    found = queries.find(case=chosen["case"], state=chosen["state"], ends_before=before, label=chosen["label"])
    shown = page(request, found, newest_first=True)
    narrowed = {name: value for name, value in chosen.items() if value}
    context = {
        "rows": _rows(shown.rows),
        "strange": strange,
        "shown": shown,
        "chosen": chosen,
        "narrowed": bool(narrowed),
        "filters": [
            {
                "label": gettext(label),
                "url": _url({**narrowed, "state": state}),
                "current": state == chosen["state"],
            }
            for state, label in STATES.items()
        ],
        "soon": [(days, days == chosen["ends"]) for days in SOON],
        "standing": queries.standing(),
        "waiting": queries.waiting_accesses(),
        "stopped": stops().exists(),
        "ruled": queries.rules_that_hold().exists(),
        "may_ask": request.user.may("evidence.ask"),
    }
    return render(request, "evidence/index.html", context)


def _url(chosen: dict[str, str]) -> str:
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f"?{query}" if query else "?"


def _case(text: str) -> tuple[str, str]:
    """The case that is asked for; and what is wrong with it, where it is none: nothing is like that then."""
    try:
        return (text if OTHER.fullmatch(text) else case_of(text)), ""
    except BadCaseName as error:
        return text[:60], sentence(error)


def _rows(found: Iterable[Exhibit]) -> list[dict[str, Any]]:
    every = list(found)
    named = words.case_words(one.case for one in every)
    lost = losing.lost_generations()
    return [_row(one, named, lost) for one in every]


def _row(one: Exhibit, named: Mapping[str, str], lost: Container[tuple[int, int]]) -> dict[str, Any]:
    return {
        "one": one,
        "state": words.state_of(one, lost),
        "case": named[one.case],
        "case_pk": one.case.partition(":")[2] if one.case.startswith("case:") else "",
        "occasion": words.occasion(one.occasion),
        "rotten": one.blob.state == "rotten",
        "askable": one.state != DESTROYED,
    }


@needs("evidence.view")
@require_safe
def exhibit(request: StaffRequest, pk: int) -> HttpResponse:
    """One exhibit."""
    return _page(request, pk)


def _page(request: StaffRequest, pk: int, form: WhyForm | None = None, *, status: int = 200) -> HttpResponse:
    one = queries.exhibit(pk)
    found, bound = queries.bindings(one)
    steps, (holds, more_holds) = queries.steps(one), queries.last_holds(one, most=HOLDS)
    hold_rows = rows_of(holds, request.user, exhibit=one)
    for row in hold_rows:
        if row["of_demand"]:  # the drawing says of it what the table says
            row["one"].authority = gettext(FOR_DEMAND)
    me, stands = request.user, one.state != DESTROYED
    over = one.until <= clock.now()
    context = {
        **_rows([one])[0],
        "how": gettext(words.HOW[one.how]) if one.how in words.HOW else one.how,
        "by": Actors([one.acquired_by])[one.acquired_by],
        "clock": words.clock_word(one.clock),
        "digests": words.digests(one),
        "logged": anchoring.logged(one),
        "stamps": stamped(one),
        "file": words.word(words.FILES, one.blob.state),
        "bound": bound,
        "rules": [_rule(each, bound.by) for each in found],
        "holds": hold_rows,
        "more_holds": more_holds,
        "picture": picture(one, steps, found, holds, by=bound.by.pk),
        "entries": _entries(steps),
        "verdict": _verdict(one),
        **_labels(one),
        "accesses": [{"one": each, **words.access_state(each)} for each in queries.accesses_to(one)[:20]],
        "renewable": [each for each in found if each.renewed < each.rule.renewals] if stands else [],
        "to_review": stands and one.review,
        "over": over and stands,
        "form": form or WhyForm(),
        "may_rule": me.may("evidence.rule"),
        "may_hold": stands and me.may("evidence.hold"),
        "may_ask": me.may("evidence.ask") and stands,
        "may_request": me.may("demands.work") and stands,
        "may_take": me.may("evidence.urgent") and stands,
        "goes_back": me.may("evidence.ask") and stands and can_go_back(one),
        "hands": hand_rows(handovers_of(one)[:HOLDS]),
    }
    return render(request, "evidence/exhibit.html", context, status=status)


def _rule(one: Binding, counts: Binding) -> dict[str, Any]:
    return {
        "one": one,
        "counts": one.pk == counts.pk,
        "begins": words.event(one.rule.begins),
        "left": one.rule.renewals - one.renewed,
    }


def _entries(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The same as the picture, as a list: each step in words, who did it, and its facts."""
    read = [(step, queries.told(step)) for step in steps]
    open_readings(facts for _, (_by, facts) in read)
    holders = queries.holders_of({str(facts.get(side, "")) for _, (_by, facts) in read for side in ("from", "to")})
    for _step, (_by, facts) in read:
        named = {side: str(facts[side]) for side in ("from", "to") if KEY.fullmatch(str(facts.get(side, "")))}
        facts |= {side: holders[key] for side, key in named.items()}
        if "bundle" in facts and "from" in named:  # each node counts its own
            facts["bundle"] = gettext("%(bundle)s, as %(who)s counts") % {
                "bundle": facts["bundle"],
                "who": apart(facts["from"]),
            }
    who = Actors([*(by for _, (by, _facts) in read), *(str(facts.get("to", "")) for _, (_by, facts) in read)])
    return [
        {
            "number": step.number,
            "act": words.act(step.act),
            "at": step.at,
            "who": f"{who['system']}{by[6:]}" if by.startswith("system (") else who[by],
            "facts": [
                (
                    words.fact(name),
                    words.fact_value(name, value, None if " (" in by else who),
                    name.startswith(DIGESTS),
                )
                for name, value in facts.items()
                if value not in ("", [])
            ],
        }
        for step, (by, facts) in read
    ]


def _labels(one: Exhibit) -> dict[str, Any]:
    """What other bodies say of it, and in what they contradict one another."""
    rows = labelling.labels_of([one])[one.pk]
    against = labelling.contradictions(rows)
    return {
        "labels": [
            {"one": each, **words.label(each.kind, each.value), "query": f"{each.kind}:{each.value}"} for each in rows
        ],
        "contradicting": [words.kind(each) for each in sorted(against)],
    }


def _verdict(one: Exhibit) -> dict[str, Any]:
    """Whether its chain of custody is proved, now."""
    try:
        proved = custody.check(one)
    except NotProved as error:
        return {"proved": False, "why": str(error)}
    return {"proved": True, "n": len(proved), "keys": sorted({key for step in proved for key in step.signers})}


@needs("evidence.rule")
@confirmed(back="evidence:index")
@require_POST
def renew(request: StaffRequest, pk: int) -> HttpResponse:
    """Keep it for one more of the periods that a rule allows."""
    form = WhyForm(request.POST)
    if form.is_valid():
        with told_at(form):
            name = request.POST.get("rule", "")[:60]
            one = retention.renew(pk, rule=name, reason=form.cleaned_data["reason"], by=request.user.actor)
            messages.success(request, gettext("Renewed. %(exhibit)s is kept for longer.") % {"exhibit": one.reference})
            return redirect("evidence:exhibit", pk)
    return _page(request, pk, form, status=422)


@needs("evidence.rule")
@confirmed(back="evidence:index")
@require_POST
def let_end(request: StaffRequest, pk: int) -> HttpResponse:
    """Somebody has looked at it: it may end when its time is over."""
    form = WhyForm(request.POST)
    if form.is_valid():
        with told_at(form):
            one = retention.end_reviewed(pk, reason=form.cleaned_data["reason"], by=request.user.actor)
            said = gettext("Noted. %(exhibit)s ends when its time is over, unless a hold keeps it.")
            messages.success(request, said % {"exhibit": one.reference})
            return redirect("evidence:exhibit", pk)
    return _page(request, pk, form, status=422)


@needs("evidence.view")
@require_safe
def ends(request: StaffRequest) -> HttpResponse:
    """What ends next, the first one first, and what waits for somebody to look at it."""
    chosen = asked(request, "days")["days"]
    chosen = chosen if chosen in SOON else SOON[1]
    now = clock.now()
    found = queries.ends_next(before=now + timedelta(days=int(chosen))).select_related("blob")
    rows = [{**row, "over": row["one"].until <= now} for row in _rows(found[: SHOWN + 1])]
    context = {
        "rows": rows[:SHOWN],
        "more": len(rows) > SHOWN,
        "looks": _rows(queries.to_review()[:SHOWN]),
        "days": [(days, days == chosen) for days in SOON],
        "may_rule": request.user.may("evidence.rule"),
    }
    return render(request, "evidence/ends.html", context)
