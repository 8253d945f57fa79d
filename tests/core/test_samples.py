"""Samples are drawn alike by everybody, evenly, and the interval is the known one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core.samples import drawn, wilson


@given(st.binary(min_size=32, max_size=32), st.integers(1, 500), st.integers(1, 60))
def test_a_sample_has_as_many_different_indexes_as_were_asked_for(seed: bytes, size: int, number: int) -> None:
    found = drawn(seed, size=size, number=number)
    assert found == drawn(seed, size=size, number=number) == sorted(set(found))
    assert len(found) == min(size, number)
    assert all(0 <= index < size for index in found)


def test_another_seed_is_another_sample_and_each_index_has_its_chance() -> None:
    assert drawn(bytes(32), size=10**6, number=10) != drawn(bytes([1]) * 32, size=10**6, number=10)
    seen = {index for n in range(200) for index in drawn(n.to_bytes(32, "big"), size=50, number=5)}
    assert seen == set(range(50))


@pytest.mark.parametrize(
    ("wrong", "number", "low", "high"),
    [(0, 100, 0.0, 0.0370), (1, 100, 0.0018, 0.0545), (5, 50, 0.0435, 0.2136), (10, 10, 0.7225, 1.0)],
)
def test_the_interval_is_wilson_s(wrong: int, number: int, low: float, high: float) -> None:
    assert wilson(wrong, number) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_there_is_no_share_of_nothing() -> None:
    for wrong, number in ((0, 0), (2, 1), (-1, 1)):
        with pytest.raises(ValueError, match="looked at"):
            wilson(wrong, number)
