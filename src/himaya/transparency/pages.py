"""The numbers of a node, for those who work here: each with its words, the days as plots, all of it as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.words import joined, number
from himaya.cases import flowing
from himaya.core.words import N_
from himaya.evidence.demands import lists
from himaya.evidence.demands import numbers as desk
from himaya.evidence.demands.words import country
from himaya.reporting import queries as reporting
from himaya.screening import queries as screening
from himaya.takedown import queries as takedown
from himaya.transparency import flow
from himaya.transparency.queries import numbers as all_numbers
from himaya.transparency.tables import table

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

DAYS = 30
ROOMS = {
    "screening": N_("Screening"),
    "cases": N_("Cases"),
    "reporting": N_("Reports"),
    "takedown": N_("Notices"),
    "lists": N_("Lists"),
    "federation": N_("Partners"),
    "evidence": N_("Evidence"),
    "ledger": N_("Ledger and deliveries"),
    "log": N_("Log"),
    "accounts": N_("People and keys"),
}
WORDS = {
    "screened": N_("files and hashes screened"),
    "screened.hits": N_("of them, matched a list"),
    "screened.suppressed": N_("of them, nearer to what a list knows to be benign"),
    "screened.misses": N_("of them, matched none"),
    "screened.skipped": N_("could not be read"),
    "screened.before": N_("screened earlier, and known only now"),
    "screened.released": N_("cases of what waited for an item in quarantine"),
    "scans": N_("scans of folders"),
    "cases.open": N_("cases that are open"),
    "cases.decided": N_("cases that are decided"),
    "cases.confirmed": N_("of them, confirmed"),
    "cases.dismissed": N_("of them, not confirmed"),
    "sightings": N_("sightings of the content of cases"),
    "cases.second-looks": N_("verdicts at which a second person looked, too"),
    "cases.second-looks-changed": N_("of them, changed"),
    "appeals": N_("appeals of users"),
    "appeals.open": N_("of them, to be answered"),
    "appeals.upheld": N_("of them, where the verdict stays"),
    "appeals.overturned": N_("of them, where it does not"),
    "reports.cases": N_("cases of which a report arrived"),
    "reports.sent": N_("reports that arrived, one for each route of a case"),
    "reports.waiting": N_("reports on their way"),
    "reports.need-a-person": N_("reports that need a person"),
    "filings.filed": N_("reports filed in the form of the body that takes them"),
    "filings.drafts": N_("drafts of such reports"),
    "filings.waiting": N_("such reports on their way"),
    "filings.need-a-person": N_("such reports in doubt, not taken, or missing at the other side"),
    "notices.cases": N_("cases of which a notice arrived"),
    "notices.sent": N_("notices that arrived, one for each route of a case"),
    "notices.waiting": N_("notices on their way"),
    "notices.need-a-person": N_("notices that need a person"),
    "lists": N_("lists"),
    "items.active": N_("items that can match"),
    "items.disputed": N_("items in dispute, which can match"),
    "items.withdrawn": N_("items withdrawn, which cannot match"),
    "items.quarantined": N_("items in quarantine, because they suddenly matched too much"),
    "screened.quarantined": N_("of them, matched only items in quarantine"),
    "screened.disputed": N_("of them, matched only disputed items"),
    "items.proposed": N_("items proposed, for which too few vouch yet"),
    "items.expired": N_("items whose time is over"),
    "items.negative": N_("items known to be benign, which suppress matches"),
    "partners": N_("partners that may read"),
    "partners.requests": N_("questions of partners that were answered"),
    "partners.items": N_("items that partners were told, each as often as it was"),
    "published.lists": N_("lists that were published, signed"),
    "published.bundles": N_("bundles of lists written for a stick"),
    "evidence.kept": N_("exhibits that are kept"),
    "evidence.held": N_("of them, held for an authority"),
    "evidence.urgent": N_("urgent readings by one person"),
    "evidence.destroyed": N_("exhibits that were destroyed, their time over"),
    "demands.received": N_("demands to keep or hand over something that were received"),
    "demands.answered": N_("of them, answered"),
    "demands.refused": N_("of them, refused"),
    "demands.in-part": N_("of them, accepted in part only"),
    "demands.preserved": N_("of them, demands to preserve that were accepted"),
    "demands.secret": N_("of them, with an order to tell nobody"),
    "demands.told": N_("of them, told to the person concerned"),
    "demands.not-told": N_("of them, deliberately not told to the person concerned"),
    "requests.sent": N_("requests of this node to others that were sent"),
    "ledger.entries": N_("entries in the ledger"),
    "deliveries.sent": N_("deliveries that arrived"),
    "deliveries.waiting": N_("deliveries on their way"),
    "deliveries.need-a-person": N_("deliveries that need a person"),
    "log.leaves": N_("leaves of the log"),
    "log.published": N_("of them, in a checkpoint"),
    "log.witnesses": N_("witnesses of the log"),
    "log.witnessed": N_("logs that this node witnesses"),
    "log.alarms": N_("alarms of the log that are open"),
    "people.active": N_("people who may sign in"),
    "keys.valid": N_("keys that are not revoked"),
}
"""What every number counts."""
BY_ROUTE = {"reporting": reporting.by_route, "takedown": takedown.by_route}


@needs("numbers.view")
@require_safe
def numbers(request: HttpRequest) -> HttpResponse:
    """All numbers, and the last thirty days."""
    groups = [
        {
            "label": gettext(ROOMS.get(room, room)),
            "rows": [{"name": name, "words": _words(name), "value": value} for name, value in values.items()],
            "note": _desk() if room == "evidence" else _routes(room),
        }
        for room, values in all_numbers().by_room.items()
    ]
    return render(request, "transparency/numbers.html", {"groups": groups, "plots": _plots()})


def _routes(room: str) -> str:
    """Which routes the documents of a room arrived over: a route may lead to an authority, or only into a log."""
    found = BY_ROUTE[room]() if room in BY_ROUTE else {}
    parts = [gettext("%(route)s %(n)s") % {"route": route, "n": number(n)} for route, n in found.items()]
    return gettext("Arrived over these routes: %(routes)s") % {"routes": joined(parts)} if parts else ""


def _desk() -> str:
    """Who demanded, as it can be published: the kinds and the countries, no number so small that it tells of one."""
    found = desk.tallied()
    by_kind = [f"{gettext(lists.KINDS[kind])} {n}" for kind, n in sorted(found.kinds.items())]
    by_country = [f"{country(code)} {n}" for code, n in sorted(found.countries.items())]
    told = {"kinds": joined(by_kind), "countries": joined(by_country)}
    return gettext("Demands by kind: %(kinds)s. By country: %(countries)s.") % told if by_kind else ""


def _words(name: str) -> str:
    return gettext(WORDS[name]) if name in WORDS else name


def _plots() -> list[list[dict[str, Any]]]:
    """What was looked at and what of it was known; what was opened and what was decided."""
    looked, worked = screening.per_day(days=DAYS), flowing.per_day(days=DAYS)
    screened, hits = [(day, n) for day, n, _ in looked], [(day, n) for day, _, n in looked]
    opened, decided = [(day, n) for day, n, _ in worked], [(day, n) for day, _, n in worked]
    return [
        [
            _plot(screened, gettext("In 30 days, %(n)s files and hashes were screened"), gettext("screened")),
            _plot(hits, gettext("Of these, %(n)s matched a list"), gettext("hits")),
        ],
        [
            _plot(opened, gettext("Cases opened in 30 days: %(n)s"), gettext("cases opened")),
            _plot(decided, gettext("Verdicts given in 30 days: %(n)s"), gettext("verdicts")),
        ],
    ]


def _plot(days: list[tuple[str, int]], title: str, up: str) -> dict[str, Any]:
    """One plot; its title says the sum, its axis names days as month and day."""
    total = sum(value for _, value in days)
    rows = [{"label": day[5:], "value": value} for day, value in days]
    return {"title": title % {"n": number(total)}, "up": up, "rows": rows}


@needs("numbers.view")
@require_safe
def numbers_csv(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Every number with its room and its words."""
    rows = [
        (room, name, value, _words(name))
        for room, values in all_numbers().by_room.items()
        for name, value in values.items()
    ]
    return table("numbers", ("room", "number", "value", "words"), rows)


@needs("numbers.view")
@require_safe
def days_csv(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The last thirty days, a line a day."""
    rows = [
        (day, total, hits, opened, decided)
        for (day, total, hits), (_, opened, decided) in zip(
            screening.per_day(days=DAYS), flowing.per_day(days=DAYS), strict=True
        )
    ]
    return table("days", ("day", "screened", "hits", "cases_opened", "verdicts"), rows)


urlpatterns = [
    path("", numbers, name="numbers"),
    path("queues/", flow.queues, name="queues"),
    path("queues.csv", flow.queues_csv, name="queues_csv"),
    path("numbers.csv", numbers_csv, name="numbers_csv"),
    path("days.csv", days_csv, name="days_csv"),
]
