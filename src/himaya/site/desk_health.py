"""Whether somebody looks after the legal desk: what is late there has to be known to whoever opens the first page."""

from __future__ import annotations

from typing import Literal

from himaya.accounts.words import number
from himaya.core.words import N_, Said
from himaya.evidence.demands import queries
from himaya.evidence.demands.clocks import ANSWER
from himaya.evidence.demands.lists import EMERGENCY
from himaya.site.finding import Finding

WHAT = N_("Legal desk")


def desk_health() -> list[Finding]:
    """What is late at the desk, emergencies first; nothing where nothing is."""
    late = queries.late()
    emergencies = late.filter(what=ANSWER, demand__kind=EMERGENCY).count()
    answers = late.filter(what=ANSWER).count() - emergencies
    others = late.count() - emergencies - answers
    found = []
    if emergencies:
        said = Said("demands in an emergency that nobody has answered in time: {n}", n=number(emergencies))
        found.append(_finding("danger", said))
    if answers:
        found.append(_finding("danger", Said("demands that were to be answered by now: {n}", n=number(answers))))
    if others:
        said = Said("other things that are late, such as the end of a time of preserving: {n}", n=number(others))
        found.append(_finding("wait", said))
    return found


def _finding(state: Literal["wait", "danger"], said: str) -> Finding:
    remedy = N_("Open Legal desk, then All that is due: what is late is on top.")
    return Finding(WHAT, state, said, remedy, "demands.work", N_("A lead works at the legal desk."))
