"""How far people agree: against worked examples that were published, and by what holds of any numbers."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.cases.quality.agreement import FEWEST, alpha, confusion, interval, kappa, measured

KRIPPENDORFF = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""
"""Four observers, twelve units, gaps: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), example C."""
FLEISS = {
    ("p", "p"): 75, ("p", "n"): 1, ("p", "o"): 4,
    ("n", "p"): 5, ("n", "n"): 4, ("n", "o"): 1,
    ("o", "o"): 10,
}  # fmt: skip
"""J. L. Fleiss, B. Levin, M. C. Paik, Statistical Methods for Rates and Proportions (2003), table 18.1."""
PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=40).map(Counter)


def krippendorff() -> Counter[tuple[str, ...]]:
    rows = [line.split() for line in KRIPPENDORFF.split("\n") if line]
    return Counter(tuple(value for value in unit if value != ".") for unit in zip(*rows, strict=True))


def test_alpha_of_the_published_example_is_what_was_published() -> None:
    assert alpha(krippendorff()) == pytest.approx(0.743, abs=0.0005)
    assert alpha(krippendorff(), order="12345") == pytest.approx(0.815, abs=0.0005)


@pytest.mark.parametrize(
    ("first", "second", "published"),
    [("0100000010", "1110010000", 0.095), ("aabbdcccedda", "babbbccceddd", 0.692)],
    ids=["example A", "example B"],
)
def test_alpha_of_two_observers_is_what_was_published(first: str, second: str, published: float) -> None:
    assert alpha(Counter(zip(first, second, strict=True))) == pytest.approx(published, abs=0.0005)


def test_kappa_of_the_published_example_is_what_was_published() -> None:
    assert kappa(FLEISS) == pytest.approx(0.676, abs=0.0005)


@given(PAIRS)
@settings(max_examples=60)
def test_agreement_is_one_exactly_where_nobody_differs_and_never_more(units: Counter[tuple[str, str]]) -> None:
    for found in (kappa(units), alpha(units), alpha(units, "abc")):
        if found is not None:
            assert found <= 1 + 1e-9
            assert (found > 1 - 1e-9) == all(a == b for a, b in units)


@given(PAIRS)
@settings(max_examples=60)
def test_it_is_the_same_whoever_came_first(units: Counter[tuple[str, str]]) -> None:
    turned = Counter({(b, a): n for (a, b), n in units.items()})
    for statistic in (kappa, alpha, partial(alpha, order="abc")):
        assert statistic(units) == pytest.approx(statistic(turned))


@given(PAIRS)
@settings(max_examples=60)
def test_with_two_classes_order_changes_nothing(units: Counter[tuple[str, str]]) -> None:
    two = Counter({pair: n for pair, n in units.items() if "c" not in pair})
    assert alpha(two) == pytest.approx(alpha(two, "ab"))


def test_a_far_difference_weighs_more_than_a_near_one_where_there_is_an_order() -> None:
    same = {("a", "a"): 10, ("b", "b"): 10, ("c", "c"): 10}
    near, far = alpha({**same, ("a", "b"): 4}, "abc"), alpha({**same, ("a", "c"): 4}, "abc")
    assert near is not None
    assert far is not None
    assert near > far


@pytest.mark.parametrize("units", [{}, {("a", "a"): 50}, {("a",): 50}])
def test_nothing_is_said_where_nothing_can_be(units: dict[tuple[str, ...], int]) -> None:
    assert alpha(units) is None
    assert kappa({pair: n for pair, n in units.items() if len(pair) == 2}) is None


def test_a_class_without_a_place_in_the_order_is_refused() -> None:
    with pytest.raises(ValueError, match="'c'"):
        alpha({("a", "c"): 3}, "ab")


def test_the_interval_holds_the_value_is_the_same_each_time_and_narrows() -> None:
    low, high = interval(FLEISS, kappa, times=300)
    assert low < 0.676 < high
    assert interval(FLEISS, kappa, times=300) == (low, high)
    assert interval(FLEISS, kappa, times=300, seed=2) != (low, high)
    closer = interval({pair: n * 16 for pair, n in FLEISS.items()}, kappa, times=300)
    assert closer[1] - closer[0] < (high - low) / 2
    assert interval({}, kappa) is None


def test_too_few_are_told_as_a_number_of_things_and_nothing_else() -> None:
    few = measured({("a", "a"): FEWEST - 2, ("a", "b"): 1, ("a",): 9})
    assert (few.n, few.value, few.low, few.few) == (FEWEST - 1, None, None, True)
    enough = measured({("a", "a"): FEWEST - 2, ("a", "b"): 1, ("b", "b"): 1})
    assert enough.n == FEWEST
    assert enough.low <= enough.value <= enough.high


def test_the_table_does_not_say_who_was_first() -> None:
    assert confusion({("a", "a"): 3, ("a", "b"): 2, ("b", "a"): 1}, "ab") == [[3, 3], [3, 0]]
