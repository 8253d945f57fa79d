"""The desk in numbers: none is so small that it tells of one person."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.desk import received

from himaya.evidence.demands import services
from himaya.evidence.demands.numbers import FEW, SOME, hidden, tallied


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
