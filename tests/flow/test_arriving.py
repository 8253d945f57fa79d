"""What arrives in a decided case is followed by itself, however much the case has; and nobody waits in a ring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.casework import opened
from tests.configured import configured
from tests.crash.test_different_acts import at_once
from tests.desk import verified

from himaya.cases import services as cases
from himaya.evidence.demands import services as desk
from himaya.evidence.models import Binding, Exhibit
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import Acquired, preserve
from himaya.flow.reactor import react

pytestmark = pytest.mark.django_db
TERMS = RuleTerms("a law", "US", "duty", ["match"], minimum="1 year")
numbers = count()


@pytest.fixture(autouse=True)
def ruled(tmp_path: Path, clock: Any) -> Any:
    """A node that keeps what matched for a year, what somebody brought for two, and what was confirmed for three."""
    set_rule("matches", terms=TERMS, by="system")
    set_rule("tips", terms=replace(TERMS, occasions=["tip"], minimum="2 years"), by="system")
    set_rule("verdicts", terms=replace(TERMS, occasions=["verdict"], minimum="3 years"), by="system")
    with configured(evidence_store=f"file:{tmp_path / 'sealed'}", epoch_keys=str(tmp_path / "epochs")):
        yield


def kept(case: Any, occasion: str = "match") -> Exhibit:
    once = f"act {next(numbers)}"
    acquired = Acquired("a file", occasion, once, "screened", "a program 1", "system", case=case.about)
    return preserve(BytesIO(once.encode()), acquired=acquired)


def confirmed(number: int, person: Any) -> Any:
    case = opened(number)
    cases.claim(case.pk, person=person)
    cases.decide(case.pk, person=person, scheme="interpol", code="baseline", reason="As listed.")
    return case


def follow_all() -> None:
    while react():
        pass


def asked(act: Callable[[], object]) -> int:
    """How many questions an act asks the database."""
    with CaptureQueriesContext(connection) as asked_for:
        act()
    return len(asked_for)


def test_what_arrives_in_a_decided_case_costs_the_same_however_much_is_kept_of_it(people: SimpleNamespace) -> None:
    case, costs = confirmed(1, people.reviewer), []
    follow_all()
    for some in (4, 4, 16):
        for _ in range(some):
            kept(case)
        costs.append(asked(follow_all) / some)
    assert Binding.objects.filter(rule__name="verdicts").count() == 24
    first, again, more = costs
    assert again <= first
    assert more <= again
    assert more < 40


def test_a_verdict_that_says_nothing_new_costs_no_more_for_many_than_for_one(people: SimpleNamespace) -> None:
    costs = []
    for number, some in ((1, 1), (2, 30)):
        case = confirmed(number, people.reviewer)
        for _ in range(some):
            kept(case)
        follow_all()
        cases.reopen(case.pk, person=people.lead, reason="A doubt.")
        cases.claim(case.pk, person=people.lead)
        cases.decide(case.pk, person=people.lead, scheme="interpol", code="baseline", reason="As listed.")
        costs.append(asked(follow_all))
    assert costs[1] <= costs[0]


def test_what_a_demand_holds_is_bound_with_a_few_questions_for_each(people: SimpleNamespace) -> None:
    set_rule("demands", terms=replace(TERMS, occasions=["demand"], minimum="4 years"), by="system")
    costs = []
    for case, some in ((SimpleNamespace(about="case:1"), 5), (SimpleNamespace(about="case:2"), 25)):
        for _ in range(some):
            kept(case)
        follow_all()
        demand = verified(people.lead, scope=f"case H-2026-{case.about.removeprefix('case:'):>06}")
        desk.accept_demand(demand.pk, why="it is as it must be", person=people.lead)
        costs.append(asked(follow_all))
    assert Binding.objects.filter(rule__name="demands").count() == 30
    assert (costs[1] - costs[0]) / 20 < 12


@pytest.mark.django_db(transaction=True)
def test_things_arrive_in_decided_cases_while_their_entries_are_followed(people: SimpleNamespace) -> None:
    one, two = confirmed(1, people.reviewer), confirmed(2, people.reviewer)
    follow_all()
    assert at_once(lambda _: kept(one), lambda _: kept(two, "tip"), lambda _: react()) == []
    follow_all()
    assert Binding.objects.filter(rule__name="verdicts").count() == Exhibit.objects.count() == 50
