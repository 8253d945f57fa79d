"""The desk in numbers: none is so small that it tells of one person."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.desk import accepted, received, verified

from himaya.evidence import queries as evidence
from himaya.evidence.demands import services, telling
from himaya.evidence.demands.numbers import FEW, SOME, hidden, hidden_table, tallied, tally


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


cells = st.dictionaries(st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")), st.integers(0, 30), max_size=16)


@given(cells)
def test_a_small_number_of_a_table_is_told_by_no_sum_of_a_row_or_a_column(counts: dict[tuple[str, str], int]) -> None:
    table = hidden_table(counts)
    shown = {(row, column): text for row, line in table.items() for column, text in line.items()}
    assert set(shown) == {key for key, n in counts.items() if n}
    for key, text in shown.items():
        assert text in (FEW, SOME, str(counts[key]))
        assert (text == FEW) is (counts[key] < 5)
    for side in (0, 1):
        for name in {key[side] for key in shown}:
            line = [key for key in shown if key[side] == name]
            unknown = [key for key in line if shown[key] in (FEW, SOME)]
            assert len(unknown) != 1 or len(line) == 1


@pytest.mark.django_db
def test_what_came_of_demands_is_counted_by_kind_and_country_and_in_the_numbers_of_the_node(
    people: SimpleNamespace, clock: Any
) -> None:
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
    found = tallied()
    assert found.by_country["FR"] == {"in part": FEW, "preserved": FEW, "secret": FEW}
    assert found.by_country["LU"] == {
        "answered": "6", "preserved": SOME, "refused": FEW, "told": FEW, "not told": FEW,
    }  # fmt: skip
    assert found.by_kind["production"] == {"refused": FEW, "not told": FEW}
    assert tally() == {
        "demands.received": 8, "demands.answered": 6, "demands.refused": 1, "demands.in-part": 1,
        "demands.preserved": 7, "demands.secret": 1, "demands.told": 1, "demands.not-told": 1, "requests.sent": 0,
    }  # fmt: skip
    assert evidence.tally()["demands.preserved"] == 7
