"""Pages that are opened often read what they show: their questions are answered by an index, however large the node."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from tests.casework import opened
from tests.plans import plans

from himaya.cases import flowing, queries, services
from himaya.cases.care import queries as care
from himaya.cases.dispatch import coming
from himaya.cases.history import history
from himaya.cases.models import Case
from himaya.ledger.services import record

pytestmark = pytest.mark.django_db


ASKED: dict[str, Callable[[Case], Any]] = {
    "the queue": lambda case: list(queries.queue()[:51]),
    "the next mild one": lambda case: list(queries.queue(free=True, severe=False)[:20]),
    "what somebody has seen today": lambda case: (care.today(case.verdict.by), care.since_break(case.verdict.by)),
    "whether somebody rests": lambda case: (care.resting(case.verdict.by), care.why_mild(case.verdict.by)),
    "what a case has cost": lambda case: care.looks_of(case.about),
    "the load on the team": lambda case: (care.team(), care.support_due(), list(queries.skips()[:50])),
    "how many are free": lambda case: queries.queue(free=True).count(),
    "its matches": lambda case: list(queries.matches(case)[:50]),
    "its sightings": lambda case: list(queries.sightings(case)[:20]),
    "what was decided before": lambda case: list(queries.earlier_verdicts(case)),
    "other cases of the same items": lambda case: list(queries.kin(case, state="open")[:10]),
    "its history": history,
    "what is coming": coming,
    "the hours of a day": lambda case: flowing.opened_per_hour(),
    "the days of a month": lambda case: flowing.per_day(),
    "how old the queue is": lambda case: (flowing.queue_ages(), flowing.oldest_open()),
}


@pytest.mark.parametrize("asked", ASKED)
def test_no_page_of_a_case_reads_a_whole_table(asked: str, people: SimpleNamespace) -> None:
    services.claim(opened(1).pk, person=people.lead)
    case = services.decide(opened(1).pk, person=people.lead, scheme="interpol", code="baseline", reason="Agrees.")
    plan = plans(lambda: ASKED[asked](case))
    assert plan
    for whole in ("SCAN cases_", "SCAN ledger_entry", "Seq Scan on cases_", "Seq Scan on ledger_entry"):
        assert whole not in plan


def test_a_case_does_not_walk_through_the_sightings_or_the_queue_of_the_whole_node() -> None:
    case = opened(1)
    if connection.vendor == "postgresql":  # of a table of a few rows, one way is as short as another
        with transaction.atomic(), connection.cursor() as cursor:
            for number in range(1000):
                record("node.tried", by="system", about=f"thing:{number}")
            cursor.execute("ANALYZE ledger_entry")
    story, kin = plans(lambda: history(case)), plans(lambda: list(queries.kin(case, state="open")[:10]))
    if connection.vendor == "sqlite":  # which has no statistics to know better by
        assert ("ledger_act" in story, "cases_queue" in kin) == (False, False)
    assert ("ledger_about" in story, "cases_match_" in kin) == (True, True)


def test_a_question_that_reads_everything_is_found() -> None:
    opened(1)
    assert "cases_case" in plans(lambda: list(Case.objects.filter(media_type="image/jpeg")))
    plan = plans(lambda: list(Case.objects.filter(media_type="image/jpeg")))
    assert "SCAN cases_" in plan or "Seq Scan on cases_" in plan
