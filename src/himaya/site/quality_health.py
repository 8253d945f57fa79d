"""Whether verdicts are looked after: appeals that are late, and what waits for a second look."""

from __future__ import annotations

from himaya.accounts.words import number
from himaya.cases.quality import appeal_queries, queries
from himaya.core.words import N_, Said
from himaya.site.finding import Finding

WHAT = N_("Quality")


def quality_health() -> list[Finding]:
    """What is late; nothing where nothing is."""
    late, held = appeal_queries.late(), queries.held_long()
    found = []
    if late:
        said = Said("appeals of users that were to be answered by now: {n}", n=number(late))
        remedy = N_("Open Queue, Quality, Appeals: what is late is on top.")
        found.append(Finding(WHAT, "danger", said, remedy, "appeals.answer", N_("A reviewer or a lead answers.")))
    if held:
        said = Said("confirmed cases whose reports wait too long for a second look: {n}", n=number(held))
        remedy = N_("Open Queue, Quality, and decide them, or call the second looks off.")
        found.append(Finding(WHAT, "danger", said, remedy, "quality.look", N_("A reviewer or a lead decides, too.")))
    return found
