"""The desk in numbers: none is so small that it tells of one person."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.desk import accepted, received, verified

from himaya.evidence import queries as evidence
from himaya.evidence.demands import objecting, services, telling
from himaya.evidence.demands.numbers import FEW, SOME, hidden, hidden_together, tallied, tally


@settings(suppress_health_check=[HealthCheck.too_slow])  # where much else runs on the machine
@given(st.dictionaries(st.text(max_size=3), st.integers(0, 30), max_size=8))
def test_a_small_number_is_never_shown_nor_told_by_the_others(counts: dict[str, int]) -> None:
    shown = hidden(counts)
    assert set(shown) == set(counts)
    for key, n in counts.items():
        assert shown[key] in (str(n), FEW, SOME)
        if 0 < n < 5:
            assert shown[key] == FEW
        if shown[key] == SOME:
            assert n >= 5
    unknown = [key for key in counts if shown[key] in (FEW, SOME)]
    assert len(unknown) != 1 or len([n for n in counts.values() if n]) == 1


@pytest.mark.django_db
def test_demands_are_counted_by_kind_country_and_outcome_with_median_days(people: SimpleNamespace, clock: Any) -> None:
    for days in (1, 2, 3, 4, 10):
        one = received(people.lead, "production", country="FR")
        clock.advance(timedelta(days=days))
        services.refuse_demand(one.pk, ground="no-basis", text="t", person=people.lead)
        services.close_demand(one.pk, why="filed", person=people.lead)
    one = received(people.lead, "production", country="FR")
    services.withdraw_demand(one.pk, why="w", person=people.lead)
    for _ in range(2):
        received(people.lead)
    found = tallied()
    assert found.kinds == {"production": SOME, "preservation": FEW}
    assert found.countries == {"FR": SOME, "LU": FEW}
    assert found.outcomes == {"refused": "5", "withdrawn": FEW, "pending": FEW}
    assert found.days == {"production": 3.0}
    assert tallied(since=clock.now(), until=clock.now()).kinds == {}
    assert tallied(until=clock.now()).kinds == {"production": "5"}


def test_what_one_table_hides_another_does_not_tell_by_its_sum() -> None:
    kinds, countries = {"production": 100}, {"LU": 98, "FR": 1, "DE": 1}
    assert hidden_together(kinds, countries) == [{"production": SOME}, {"LU": "98", "FR": FEW, "DE": FEW}]
    assert hidden_together(kinds, {"LU": 100}) == [{"production": "100"}, {"LU": "100"}]
    assert hidden_together({}, {"LU": 3}, {"a": 0}) == [{}, {"LU": FEW}, {"a": "0"}]


@pytest.mark.django_db
def test_secrecy_notices_objections_parts_and_what_was_handed_over_are_counted(
    people: SimpleNamespace, clock: Any
) -> None:
    for n in range(12):
        one = received(people.lead, "production", gag=n < 6)
        telling.set_notice(one.pk, notice="withheld" if n else "planned", ground="danger" if n else "", why="w",
                           person=people.lead)  # fmt: skip
    assert tallied().also == {
        "secret": "6", "notice-given": "0", "notice-withheld": SOME, "objected": "0", "in-part": "0", "exhibits": "0",
    }  # fmt: skip
    challenged = accepted(people.lead, "production")
    objecting.file_objection(challenged.pk, filed_with="a court", why="w", person=people.lead)
    assert tallied().also["objected"] == FEW


@pytest.mark.django_db
def test_numbers_are_those_of_a_year(people: SimpleNamespace, clock: Any, sign_in: Any) -> None:
    for _ in range(6):
        received(people.lead, "production")
    clock.advance(timedelta(days=366))
    client = sign_in("lead")
    assert "Hand over" not in client.get("/desk/numbers/").content.decode()
    answer = client.get("/desk/numbers/?year=2026")
    assert answer.context["years"] == [2026]
    assert 'href="?year=2026"' in answer.content.decode()
    assert ("Hand over", "6") in answer.context["numbers"][0][1]
    for odd in ("1999", "20260", "x", "٢٠٢٦"):
        assert client.get("/desk/numbers/", {"year": odd}).status_code == 200


@pytest.mark.django_db
def test_what_came_of_demands_is_in_the_numbers_of_the_node(people: SimpleNamespace, clock: Any) -> None:
    lead = people.lead
    for _ in range(6):
        one = accepted(lead)
        services.confirm_preservation(one.pk, why="told", person=lead)
    part = verified(lead, country="FR")
    services.accept_part(part.pk, scope="accounts: a; kinds: videos", ground="too-broad", text="t", person=lead)
    telling.set_gag(part.pk, gag=True, why="an order", person=lead)
    telling.set_notice(one.pk, notice="given", why="a letter", person=lead)
    refused = received(lead, "production")
    services.refuse_demand(refused.pk, ground="no-basis", text="t", person=lead)
    telling.set_notice(refused.pk, notice="withheld", ground="danger", why="so", person=lead)
    assert tally() == {
        "demands.received": 8, "demands.answered": 6, "demands.refused": 1, "demands.in-part": 1,
        "demands.preserved": 7, "demands.secret": 1, "demands.told": 1, "demands.not-told": 1, "requests.sent": 0,
    }  # fmt: skip
    assert evidence.tally()["demands.preserved"] == 7
