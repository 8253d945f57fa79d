"""Whether reports in forms of others can leave, leave in time, and are there: whoever opens the first page sees it."""

from __future__ import annotations

from typing import Literal

from himaya.accounts.words import number
from himaya.core.words import N_, Said
from himaya.reporting import queries
from himaya.reporting.routes import BadFilingRoute, resolve, routes
from himaya.site.finding import Finding

WHAT = N_("Reports")


def reports_health() -> list[Finding]:
    """What is late, in doubt, missing at the other side, or cannot leave; nothing where all is well."""
    standing = queries.concerns()
    told: list[tuple[Literal["wait", "danger"], int, str]] = [
        ("danger", standing.late, N_("reports that were to be filed by now: {n}")),
        ("danger", standing.soon, N_("reports that must be filed within a day: {n}")),
        ("danger", standing.missing, N_("filed reports that the other side does not have: {n}")),
        ("danger", standing.unknown, N_("reports of which nobody knows whether they are there: {n}")),
        (
            "danger",
            standing.gone,
            N_("filed reports whose verdict does not hold any more, and that nothing corrects: {n}"),
        ),
        ("wait", standing.left, N_("reports that were taken back and stay unfinished at the other side: {n}")),
        ("wait", standing.refused, N_("reports that were not taken: {n}")),
    ]
    found = [_finding(state, Said(text, n=number(n))) for state, n, text in told if n]
    return [*filing_routes_health(), *found]


def filing_routes_health() -> list[Finding]:
    """Every route for reports in a form that cannot be used."""
    found = []
    for route in routes():
        try:
            resolve(route.name)
        except BadFilingRoute as error:
            found.append(Finding(N_("Routes"), "danger", str(error), error.remedy.format(**error.facts)))
    return found


def _finding(state: Literal["wait", "danger"], said: str) -> Finding:
    remedy = N_("Open Reports, then In forms of others: what needs a person is on top.")
    return Finding(WHAT, state, said, remedy, "reports.write", N_("A reviewer or a lead works on reports."))
