"""Terms of law are counted as calendars do: ends of months, leap years, hours."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core.periods import MOST, BadPeriod, Period, add_period

DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 12, 31))
MONTHS = st.integers(1, MOST["months"])
YEARS = st.integers(1, MOST["years"])
LUXEMBOURG = ZoneInfo("Europe/Luxembourg")


@pytest.mark.parametrize(
    ("start", "amount", "unit", "end"),
    [
        ("2023-01-31", 1, "months", "2023-02-28"),
        ("2024-01-31", 1, "months", "2024-02-29"),
        ("2024-02-29", 1, "years", "2025-02-28"),
        ("2024-02-29", 4, "years", "2028-02-29"),
        ("2096-02-29", 4, "years", "2100-02-28"),
        ("2026-11-29", 12, "months", "2027-11-29"),
        ("2026-11-30", 3, "months", "2027-02-28"),
        ("2026-12-31", 2, "months", "2027-02-28"),
        ("2026-11-29", 90, "days", "2027-02-27"),
        ("2027-12-01", 90, "days", "2028-02-29"),
    ],
)
def test_a_term_ends_where_the_calendar_says(start: str, amount: int, unit: str, end: str) -> None:
    assert add_period(date.fromisoformat(start), Period(amount, unit)) == date.fromisoformat(end)


@given(DAYS, MONTHS)
def test_months_end_on_the_same_day_or_on_the_last_of_the_month(start: date, months: int) -> None:
    end = add_period(start, Period(months, "months"))
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day == min(start.day, monthrange(end.year, end.month)[1])


@given(DAYS, YEARS)
def test_a_year_is_twelve_months(start: date, years: int) -> None:
    if years * 12 <= MOST["months"]:
        assert add_period(start, Period(years, "years")) == add_period(start, Period(years * 12, "months"))


@given(DAYS, YEARS)
def test_only_the_29th_of_february_moves_when_years_are_added(start: date, years: int) -> None:
    end = add_period(start, Period(years, "years"))
    assert end.year == start.year + years
    moved = (end.month, end.day) != (start.month, start.day)
    assert moved == ((start.month, start.day) == (2, 29) and monthrange(end.year, 2)[1] == 28)


@given(DAYS, DAYS, st.integers(1, 120), st.sampled_from(["days", "months", "years"]))
def test_what_begins_later_does_not_end_earlier(one: date, other: date, amount: int, unit: str) -> None:
    period = Period(min(amount, MOST[unit]), unit)
    first, second = sorted((one, other))
    assert add_period(first, period) <= add_period(second, period)
    assert add_period(first, period) > first


@given(st.integers(0, 4_000_000_000), st.integers(1, MOST["hours"]))
def test_hours_are_elapsed_time_in_every_zone(start: int, hours: int) -> None:
    begun = datetime.fromtimestamp(start, LUXEMBOURG)
    end = add_period(begun, Period(hours, "hours"))
    assert end.astimezone(UTC) - begun.astimezone(UTC) == timedelta(hours=hours)
    assert end.tzinfo is LUXEMBOURG


def test_days_keep_the_time_of_the_day_where_clocks_change_and_hours_do_not() -> None:
    begun = datetime(2026, 3, 28, 12, tzinfo=LUXEMBOURG)  # the night after, clocks are put forward
    assert add_period(begun, Period(1, "days")) == datetime(2026, 3, 29, 12, tzinfo=LUXEMBOURG)
    assert add_period(begun, Period(24, "hours")) == datetime(2026, 3, 29, 13, tzinfo=LUXEMBOURG)
    assert add_period(datetime(2026, 1, 31, 9, 30, tzinfo=UTC), Period(1, "months")) == datetime(
        2026, 2, 28, 9, 30, tzinfo=UTC
    )


def test_hours_from_a_day_or_from_a_time_of_no_zone_are_refused() -> None:
    for start in (date(2026, 11, 29), datetime(2026, 11, 29, 12)):  # noqa: DTZ001
        with pytest.raises(BadPeriod, match="of a known zone"):
            add_period(start, Period(24, "hours"))


@pytest.mark.parametrize("unit", ["days", "months", "years"])
def test_a_term_that_ends_after_the_year_9999_is_refused(unit: str) -> None:
    with pytest.raises(BadPeriod, match="9999"):
        add_period(date(9999, 12, 31), Period(1, unit))
    with pytest.raises(BadPeriod, match="9999"):
        add_period(datetime(9999, 12, 31, 23, 59, tzinfo=UTC), Period(2, "hours"))


@pytest.mark.parametrize(("amount", "unit"), [(0, "days"), (-1, "years"), (101, "years"), (1, "weeks"), (1, "")])
def test_what_is_no_period_cannot_be_made(amount: int, unit: str) -> None:
    with pytest.raises(BadPeriod):
        Period(amount, unit)


def test_a_period_reads_as_people_say_it() -> None:
    assert [str(Period(1, "years")), str(Period(90, "days"))] == ["1 year", "90 days"]
