"""Scopes: what a text says is read exactly, or not at all, and nothing outside of it ever fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.evidence.demands.scope import KINDS, Reference, Scope, Span, as_text, is_of, kind_of, matches, small
from himaya.evidence.demands.scoping import BadScope, read_scope

WHOLE = "accounts: a, b; from 2026-01-01T00:00Z to 2026-02-01; exhibits E-2026-000012-E-2026-000020, case H-2026-000001"


@dataclass
class Thing:
    pk: int = 15
    acquired_at: datetime = datetime(2026, 1, 20, tzinfo=UTC)
    origin: str = ""
    case: str = ""
    media_type: str = "image/png"
    account: str = ""


def at(*parts: int, away: int = 0) -> datetime:
    return datetime(*parts, tzinfo=timezone(timedelta(hours=away)))  # type: ignore[arg-type, misc]


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_whole_scope_is_read() -> None:
    assert read_scope(WHOLE) == Scope(
        accounts=("a", "b"),
        cases=(Reference(2026, 1),),
        exhibits=(Span(Reference(2026, 12), Reference(2026, 20)),),
        since=at(2026, 1, 1),
        until=at(2026, 2, 2),
    )


@pytest.mark.parametrize(
    "text",
    [
        "ACCOUNTS A and B\nFrom 2026-01-01T00:00Z until 2026-02-01\nExhibits E-2026-12 to E-2026-20, Case H-2026-1",
        "case:H-2026-000001; E-2026-000012..E-2026-000020; since 2026-01-01 to 2026-02-01 UTC; users: b,\n a",
        'accounts "a", "B"; cases: h-2026-1; exhibits e-2026-12 – e-2026-20; zone UTC; from 2026-01-01 to 2026-02-01',
        "to 2026-02-01 from 2026-01-01 00:00 Z exhibits: E-2026-12—E-2026-20 case H-2026-1 account a & b",
    ],
)
def test_the_same_scope_can_be_written_in_many_ways(text: str) -> None:
    assert read_scope(text) == read_scope(WHOLE)


def test_a_day_as_the_end_counts_whole_and_a_time_is_the_first_moment_outside() -> None:
    day = read_scope("account a from 2026-03-01Z to 2026-03-01Z")
    assert (day.since, day.until) == (at(2026, 3, 1), at(2026, 3, 2))
    moment = read_scope("account a to 2026-03-01T00:00:00Z")
    assert (moment.since, moment.until) == (None, at(2026, 3, 1))


def test_days_are_those_of_the_zone_that_is_named_summer_and_winter() -> None:
    scope = read_scope("account a; from 2026-03-01 to 2026-07-31; zone Europe/Luxembourg")
    assert (scope.since, scope.until) == (at(2026, 3, 1, away=1), at(2026, 8, 1, away=2))
    offset = read_scope("account a from 2026-03-01T10:30:15.5+05:30")
    assert offset.since == datetime(2026, 3, 1, 5, 0, 15, 500_000, tzinfo=UTC)


def test_a_name_in_quotation_marks_may_be_any_word() -> None:
    assert read_scope('accounts: "from", "case", "ann, the 2nd", "E-2026-000012"').accounts == (
        "ann, the 2nd", "case", "e-2026-000012", "from",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("", 1, "names no account, no case and no exhibit"),
        ("from 2026-01-01Z to 2026-02-01Z", 32, "names no account"),
        ("a, b", 1, "whether this is an account"),
        ("accounts: a; b", 14, "whether this is an account"),
        ("accounts: ann marie", 15, "another account"),
        ("accounts: to, b", 1, "nothing stands behind it"),
        ("accounts", 1, "nothing stands behind it"),
        ('accounts: "a', 11, "never closed"),
        ('accounts: ""', 11, "1 to 200"),
        ("exhibits 12", 10, "written as E-2026-000012"),
        ("exhibits E-2026-000012-20", 10, "written as E-2026-000012"),
        ("exhibits E-2026-000020-E-2026-000012", 10, "ends before it begins"),
        ("exhibits E-2026-0", 10, "begin with 1"),
        ("exhibits E-2026-1-E-2026-3 to E-2026-5", 28, "second range"),
        ("case 7", 6, "written as H-2026-000001"),
        ("account a kinds secrets", 17, "the kinds are pictures"),
        ("account a from 2026-01-01", 16, "in which zone"),
        ("account a from 01/02/2026", 16, "a day is written as"),
        ("account a from 2026-02-30Z", 16, "no such day"),
        ("account a from 2026-02-01T24:00Z", 16, "no such day"),
        ("account a from 2026-02-01T10:00+19:00", 16, "no such day"),
        ("account a to 9999-12-31Z", 14, "no such day"),
        ("account a from 2026-02-02Z to 2026-02-01Z", 31, "ends before it begins"),
        ("account a from 2026-02-01Z from 2026-02-01Z", 33, "said twice"),
        ("account a from 2026-10-25T02:30 zone Europe/Luxembourg", 16, "clocks are changed"),
        ("account a from 2026-03-29T02:30 zone Europe/Luxembourg", 16, "clocks are changed"),
        ("account a zone Mars/Olympus", 16, "no zone of that name"),
        ("account a zone ../etc/passwd", 16, "a zone is written as"),
        ("account a zone UTC zone UTC", 25, "said twice"),
        ("account a\0b", 1, "cannot be kept"),
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused_with_the_place(text: str, place: int, why: str) -> None:
    with pytest.raises(BadScope, match=why) as caught:
        read_scope(text)
    assert caught.value.facts["at"] == place


def test_a_scope_has_an_end() -> None:
    with pytest.raises(BadScope, match="longer than 10000"):
        read_scope("accounts: " + "a," * 5000)
    with pytest.raises(BadScope, match="more than 1000"):
        read_scope("accounts: " + ",".join(f"a{n}" for n in range(1001)))


# --- properties ------------------------------------------------------------------------------------------------------

NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"'), min_size=1, max_size=12).map(
    lambda text: small(text.strip())
)
REFERENCES = st.builds(Reference, st.integers(1970, 9999), st.integers(1, 10**18 - 1))
MOMENTS = st.datetimes(datetime(1000, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SPANS = st.tuples(REFERENCES, REFERENCES).map(
    lambda two: Span(
        Reference(min(two[0].year, two[1].year), min(two[0].number, two[1].number)),
        Reference(max(two[0].year, two[1].year), max(two[0].number, two[1].number)),
    )
)


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    names = draw(st.lists(NAMES.filter(lambda name: len(name) > 0 and name.isprintable()), max_size=4))
    cases, spans = draw(st.lists(REFERENCES, max_size=3)), draw(st.lists(SPANS, max_size=3))
    if not (names or cases or spans):
        names = ["a"]
    ends = sorted(draw(st.lists(MOMENTS, min_size=2, max_size=2, unique=True)))
    kinds = draw(st.sets(st.sampled_from(list(KINDS))))
    return Scope(
        tuple(sorted(set(names))), tuple(sorted(set(cases))), tuple(sorted(set(spans))),
        draw(st.sampled_from([None, ends[0]])), draw(st.sampled_from([None, ends[1]])),
        tuple(kind for kind in KINDS if kind in kinds),
    )  # fmt: skip


@settings(deadline=None)
@given(scopes())
def test_what_is_written_is_read_as_the_same(scope: Scope) -> None:
    assert read_scope(as_text(scope)) == scope


@settings(deadline=None)
@given(st.text(max_size=80) | st.lists(st.sampled_from(WHOLE.replace(",", " , ").split()), max_size=14).map(" ".join))
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str) -> None:
    place = 0
    try:
        scope = read_scope(text)
    except BadScope as error:
        place = int(str(error.facts["at"]))
    if place:
        assert place <= len(text) + 1
    else:
        assert scope.accounts or scope.cases or scope.exhibits
        assert read_scope(as_text(scope)) == scope


@settings(deadline=None)
@given(scopes(), st.integers(1, 10**9), MOMENTS, st.text(max_size=20), st.integers(1, 9))
def test_a_window_and_kinds_only_ever_narrow(scope: Scope, pk: int, met: datetime, origin: str, case: int) -> None:
    thing = Thing(pk, met, origin, f"case:{case}")
    if matches(scope, thing):
        assert matches(replace(scope, since=None, until=None, kinds=()), thing)
        assert scope.since is None or scope.since <= met
        assert scope.until is None or met < scope.until
        assert not matches(replace(scope, accounts=(), cases=(), exhibits=()), thing)


@settings(deadline=None)
@given(NAMES.filter(lambda name: len(name) > 0 and name.isprintable()))
def test_an_account_is_found_where_it_stands_in_whatever_letters(name: str) -> None:
    assert is_of(name, f"https://video.example/ {name} /1")
    assert is_of(name, f'"{small(name)}"')
    assert not is_of(name, f"x{name}x")


# --- matching --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "thing", "fits"),
    [
        ("exhibits E-2026-12-E-2026-20", Thing(12), True),
        ("exhibits E-2026-12-E-2026-20", Thing(20), True),
        ("exhibits E-2026-12-E-2026-20", Thing(21), False),
        ("exhibits E-2025-12-E-2025-20", Thing(15), False),
        ("case H-2026-1", Thing(case="case:1"), True),
        ("case H-2026-1", Thing(case="case:11"), False),
        ("account Ann", Thing(origin="https://video.example/ANN/7"), True),
        ("account ann", Thing(origin="ann.b@mail.example"), False),
        ("account mail.example", Thing(origin="ann.b@mail.example"), False),
        ("account ann.b@mail.example", Thing(origin="from ann.b@mail.example"), True),
        ("account ann", Thing(origin="joann"), False),
        ("account ann", Thing(origin=""), False),
        ("account k", Thing(origin="\u212a"), False),
        ("account é", Thing(origin="É"), True),
        ("exhibits E-2026-15 from 2026-01-20Z", Thing(), True),
        ("exhibits E-2026-15 from 2026-01-21Z", Thing(), False),
        ("exhibits E-2026-15 to 2026-01-19Z", Thing(), False),
        ("exhibits E-2026-15 to 2026-01-20T00:00Z", Thing(), False),
        ("exhibits E-2026-15 kinds pictures", Thing(), True),
        ("exhibits E-2026-15 kinds videos, sounds", Thing(), False),
        ("exhibits E-2026-15 kinds others", Thing(media_type=""), True),
    ],
)
def test_an_exhibit_fits_or_does_not(text: str, thing: Thing, fits: bool) -> None:
    assert matches(read_scope(text), thing) is fits


def test_what_is_named_adds_up_and_the_window_narrows_all_of_it() -> None:
    scope = read_scope("account ann, case H-2026-1 from 2026-01-01Z")
    assert matches(scope, Thing(origin="ann"))
    assert matches(scope, Thing(case="case:1"))
    assert not matches(scope, Thing(case="case:1", acquired_at=at(2025, 12, 31)))
    assert not matches(scope, Thing())


def test_letters_outside_of_ascii_do_not_become_letters_of_it() -> None:
    assert not is_of("s", "\u017f")
    for name in ("Straße", "\u212a", "\u0130x", "ΣΑΣ"):
        (account,) = read_scope(f"account {name}").accounts
        assert is_of(account, f"from {name}")
        assert small(account) == account
    assert is_of("straße", "STRASSE") is False


def test_every_type_has_a_kind() -> None:
    assert {kind_of(each) for each in ("image/png", "video/mp4", "audio/ogg", "text/plain", "", "x/y")} == set(KINDS)
