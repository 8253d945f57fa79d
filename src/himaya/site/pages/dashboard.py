"""Today: what waits for a person, and whether the house stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.standing import waiting as new_leads
from himaya.accounts.words import number
from himaya.cases import flowing
from himaya.cases import queries as cases
from himaya.cases.words import next_key
from himaya.core import clock
from himaya.core.words import told
from himaya.evidence.demands import queries as demands
from himaya.ledger import queries as ledger
from himaya.lists import queries as lists
from himaya.lists.proposals import proposals
from himaya.lists.quarantine import quarantines
from himaya.reporting import queries as reporting
from himaya.screening import queries as screening
from himaya.site.health import health
from himaya.site.pages import errands

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person
    from himaya.site.health import Finding

WORST_FIRST = ("danger", "wait", "ok")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its word; ``url`` leads to the rows behind it, for those who may see them."""

    number: int
    word: str
    url: str = ""


@needs("numbers.view")
@require_safe
def dashboard(request: StaffRequest) -> HttpResponse:
    """The first page after signing in. Everybody sees the numbers; the links are for those who may follow them."""
    person: Person = request.user
    hours, ages, oldest = flowing.opened_per_hour(), flowing.queue_ages(), flowing.oldest_open()
    today = screening.today()
    findings = [_translated(one, person) for one in sorted(health(), key=lambda one: WORST_FIRST.index(one.state))]
    context = {
        "waits": _waits(person),
        "errands": errands.errands(person),
        "clocks": errands.clocks(person),
        "now": clock.now(),
        "screened": screening.screened(today),
        "hits": today["hit"],
        "hours": [{"label": f"{hour:%H}", "value": n} for hour, n in hours],
        "hours_title": _hours_title(sum(n for _, n in hours)),
        "ages": [{"label": label, "value": n} for label, n in ages],
        "ages_title": _ages_title(oldest),
        "findings": findings,
        "troubles": [finding for finding in findings if finding["state"] != "ok"],
        "nothing_known": bool(lists.nothing_to_match()),
        "may_see_cases": person.may("cases.view"),
        "may_claim": person.may("cases.claim"),
        "held": cases.held(person),
        "page_keys": next_key(person),
        "may_see_settings": person.may("settings.view"),
    }
    return render(request, "site/dashboard.html", context)


def _translated(finding: Finding, person: Person) -> dict[str, str]:
    advice, said = finding.advice(person.may), str(told(finding.said, gettext))
    return {
        "what": gettext(finding.what),
        "state": finding.state,
        "said": said,
        "remedy": gettext(advice) if advice else "",
        "command": advice.removeprefix("Run: ") if advice.startswith("Run: ") else "",
    }


def _waits(person: Person) -> list[Figure]:
    opened, jobs = cases.queue().count(), ledger.waiting()
    free = cases.queue(free=True).count()
    queue = reverse("cases:queue") if person.may("cases.view") else ""
    letters = reverse("ledger:deliveries") if person.may("deliveries.view") else ""
    dead, unknown = jobs.get("dead", 0), jobs.get("unknown", 0)
    figures = [
        Figure(free, ngettext("free case", "free cases", free), queue and f"{queue}?state=free"),
        Figure(
            opened - free, ngettext("claimed case", "claimed cases", opened - free), queue and f"{queue}?state=open"
        ),
        Figure(dead, ngettext("delivery failed", "deliveries failed", dead), letters and f"{letters}?state=dead"),
        Figure(
            unknown,
            ngettext("delivery in doubt", "deliveries in doubt", unknown),
            letters and f"{letters}?state=unknown",
        ),
    ]
    drafts = reporting.filing_states().get("draft", 0)
    if drafts:
        page = reverse("reporting:filings") if person.may("reports.view") else ""
        word = ngettext("report to complete", "reports to complete", drafts)
        figures.append(Figure(drafts, word, page and f"{page}?state=draft"))
    if urgent := cases.queue(urgent=True).count():
        page = queue and f"{queue}?state=urgent"
        figures.insert(0, Figure(urgent, ngettext("urgent case", "urgent cases", urgent), page))
    if held := quarantines().count():
        items = reverse("lists:quarantine") if person.may("lists.view") else ""
        figures.append(Figure(held, ngettext("item held", "items held", held), items))
    figures += _disputed(person)
    if new := new_leads().count():
        page = reverse("site:leads") if person.may("leads.view") else ""
        figures.append(Figure(new, ngettext("new lead to confirm", "new leads to confirm", new), page))
    if waiting := proposals("waiting").count():
        items = reverse("lists:proposals") if person.may("lists.view") else ""
        figures.append(Figure(waiting, ngettext("proposal waits", "proposals wait", waiting), items))
    if person.may("demands.view") and (late := demands.late().count()):
        desk = reverse("demands:due")
        figures.append(
            Figure(late, ngettext("thing late at the desk", "things late at the desk", late), f"{desk}?late=1")
        )
    if person.may("cases.claim"):
        mine = cases.queue(held_by=person).count()
        figures.insert(0, Figure(mine, ngettext("case of yours", "cases of yours", mine), f"{queue}?state=mine"))
    return figures


def _disputed(person: Person) -> list[Figure]:
    """Disputed items, a figure for each list that has some."""
    named, figures = {one.pk: one for one in lists.lists()}, []
    for pk, standing in lists.standings().items():
        if (n := standing.disputed) and pk in named:
            word = ngettext("disputed item of %(list)s", "disputed items of %(list)s", n) % {"list": named[pk].title}
            items = reverse("lists:list", args=[named[pk].name]) if person.may("lists.view") else ""
            figures.append(Figure(n, word, items and f"{items}?state=disputed#items"))
    return figures


def _hours_title(total: int) -> str:
    if not total:
        return gettext("No case was opened in the last 24 hours")
    said = ngettext(
        "%(total)s case was opened in the last 24 hours", "%(total)s cases were opened in the last 24 hours", total
    )
    return said % {"total": number(total)}


def _ages_title(oldest: Any) -> str:
    if oldest is None:
        return gettext("No case waits")
    return gettext("The oldest open case has waited for %(age)s") % {"age": timesince(oldest, clock.now(), depth=1)}
