"""Well-being by rule: what counts, when it is enough, what *next* gives then, and what leads see of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.browsing import words as text
from tests.cases.test_services import at_once
from tests.casework import digest, match, opened
from tests.configured import configured

from himaya.cases import giving, services
from himaya.cases.care import keeping, queries, reckoning
from himaya.cases.care.keeping import EnoughForToday, OnBreak
from himaya.cases.care.models import Exposure, Rest, Shift
from himaya.cases.care.reckoning import CASE, LOOK, PLAIN, Used
from himaya.cases.models import Case
from himaya.cases.quality.models import SecondLook
from himaya.cases.quality.services import answer_second
from himaya.core.caring import Care
from himaya.ledger.models import Entry

CARE = Care()
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


# --- what follows from what was seen ---------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([CASE, LOOK, PLAIN]), st.integers(0, 3), st.booleans())
def test_nothing_weighs_nothing_and_a_look_weighs_more_than_a_case(kind: str, severity: int, severe: bool) -> None:
    weight = reckoning.points(kind, severity=severity, severe=severe)
    assert weight >= reckoning.points(CASE, severity=0, severe=severe) == 1
    assert (
        reckoning.points(PLAIN, severity=severity, severe=severe)
        > reckoning.points(LOOK, severity=severity, severe=severe)
        > reckoning.points(CASE, severity=severity, severe=severe)
    )


def test_a_limit_is_reached_when_nothing_is_left_and_none_is_never_reached() -> None:
    used = Used(looks=30, seconds=29 * 60 + 1, points=399)
    assert [one.reached for one in reckoning.limits(used, CARE)] == [True, True, False]
    assert [one.left for one in reckoning.limits(used, CARE)] == [0, 0, 1]
    none = Care(looks_a_day=0, minutes_a_day=0, points_a_day=0)
    assert not any(one.reached for one in reckoning.limits(used, none))


@pytest.mark.parametrize(
    ("since", "due"),
    [(Used(looks=9, seconds=599), False), (Used(looks=10), True), (Used(seconds=600), True), (Used(points=999), False)],
)
def test_a_break_is_due_by_looks_or_by_minutes(since: Used, due: bool) -> None:
    assert reckoning.is_break_due(since, CARE) is due
    assert not reckoning.is_break_due(since, Care(looks_before_break=0, minutes_before_break=0))


def test_the_end_of_a_shift_is_mild_and_so_is_what_comes_after_it() -> None:
    ends = NOON + timedelta(minutes=30)
    assert reckoning.is_near_the_end(ends, NOON, CARE)
    assert reckoning.is_near_the_end(ends, ends + timedelta(hours=1), CARE)
    assert not reckoning.is_near_the_end(ends, NOON - timedelta(seconds=1), CARE)
    assert not reckoning.is_near_the_end(None, NOON, CARE)


def test_after_so_many_severe_cases_in_a_row_a_mild_one_is_due() -> None:
    assert reckoning.is_mild_due([True] * 5, CARE)
    assert not reckoning.is_mild_due([True, True, False, True, True], CARE)
    assert not reckoning.is_mild_due([True] * 4, CARE)
    assert not reckoning.is_mild_due([True] * 9, Care(severe_in_a_row=0))


# --- what is given ---------------------------------------------------------------------------------------------------


def severe(number: int) -> Case:
    return opened(number)


def mild(number: int) -> Case:
    """Known byte for byte: no look is needed."""
    return opened(number, signal="sha256", value=digest(number), distance=0, radius=0)


def look(person: Any, case: Case | None = None, *, plain: bool = False, urgent: bool = False) -> None:
    keeping.note_look(case.about if case else "", person=person, plain=plain, urgent=urgent)


def decide(case: Case, person: Any) -> None:
    services.claim(case.pk, person=person)
    services.decide(case.pk, person=person, scheme="interpol", code="baseline", reason="Agrees.")


@pytest.mark.django_db
def test_a_look_lasts_until_the_next_act_and_two_minutes_at_most(people: SimpleNamespace, clock: Any) -> None:
    look(people.reviewer)
    clock.advance(timedelta(seconds=40))
    look(people.reviewer, plain=True)
    clock.advance(timedelta(minutes=30))
    decide(severe(1), people.reviewer)
    assert list(Exposure.objects.order_by("pk").values_list("kind", "seconds", "points")) == [
        ("look", 40, 6), ("plain", 120, 12), ("case", 0, 4),
    ]  # fmt: skip
    assert [(str(one.what), one.used) for one in queries.today(people.reviewer)] == [
        ("looks", 1), ("minutes of looking", 3), ("points", 22),
    ]  # fmt: skip
    clock.advance(timedelta(hours=12))
    assert not any(one.used for one in queries.today(people.reviewer)), "a new day begins anew"


@pytest.mark.django_db
def test_after_so_many_looks_comes_a_break_and_nothing_is_given_or_shown_in_it(
    people: SimpleNamespace, clock: Any, sign_in: Any
) -> None:
    case, me = severe(1), people.reviewer
    with configured(care={"looks_before_break": 2}, second_factor=False):
        look(me)
        assert queries.resting(me) is None
        look(me)
        with pytest.raises(OnBreak, match="until 12:10 UTC"):
            look(me)
        with pytest.raises(OnBreak):
            giving.claim_next(person=me)
        look(me, urgent=True)
        assert Exposure.objects.count() == 3, (
            "what was refused was not counted; where a life hangs on it, no limit stops"
        )
        page = text(sign_in("reviewer").post("/cases/next/claim", follow=True))
        assert "You have a break until 12:10 UTC: until then nothing is given to you and nothing shown." in page
        assert "A break until 12:10 UTC" in page
        assert "It is no fault and nobody is told." in page
        assert giving.claim_next(person=people.lead) == case, "it is a break of one person"
        clock.advance(timedelta(minutes=11))
        assert queries.resting(me) is None
        look(me)
        assert queries.resting(me) is None, "it counts anew"


@pytest.mark.django_db
def test_who_has_seen_enough_is_shown_nothing_more_and_given_mild_cases_alone(
    people: SimpleNamespace, clock: Any
) -> None:
    severe(1)
    known, me = mild(2), people.reviewer
    with configured(care={"looks_a_day": 1}):
        look(me)
        with pytest.raises(EnoughForToday, match="looks are used up"):
            look(me)
        look(me, plain=True)
        assert giving.claim_next(person=me) == known
        assert giving.claim_next(person=me) is None
        clock.advance(timedelta(days=1))
        look(me)


@pytest.mark.django_db
def test_nothing_severe_comes_last_in_a_shift(people: SimpleNamespace, clock: Any, sign_in: Any) -> None:
    first, me = severe(1), people.reviewer
    assert giving.claim_next(person=me) == first, "a shift begins with the first case"
    services.release(first.pk, person=me)
    clock.advance(timedelta(hours=7, minutes=30))
    assert giving.claim_next(person=me) is None
    page = text(sign_in("reviewer").post("/cases/next/claim", follow=True))
    assert "No mild case is free, and nothing severe is given to you: your shift is nearly over" in page
    assert giving.claim_next(person=me) is None
    known = mild(2)
    assert giving.claim_next(person=me) == known
    keeping.end_shift(person=me)
    services.release(known.pk, person=me)
    clock.advance(timedelta(hours=12))
    assert giving.claim_next(person=me) == first, "a new shift"
    clock.advance(timedelta(hours=15))
    assert queries.shift(me) is None, "one that nobody ended is over some hours after its end"
    assert keeping.begin_shift(person=me).began_at == clock.now()


@pytest.mark.django_db
def test_a_second_look_at_a_verdict_burdens_as_the_first_one_did(people: SimpleNamespace) -> None:
    with configured(second_look_percent=100):
        case = severe(1)
        decide(case, people.lead)
        second = SecondLook.objects.get(case=case)
        answer_second(second.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="The same.")
    rows = Exposure.objects.order_by("pk").values_list("person", "case", "points")
    assert list(rows) == [(who.pk, case.about, 4) for who in (people.lead, people.reviewer)]


@pytest.mark.django_db(transaction=True)
def test_of_two_looks_at_once_the_second_one_counts_the_first(people: SimpleNamespace) -> None:
    with configured(care={"looks_a_day": 1}):
        results = at_once(*[lambda: look(people.reviewer)] * 3)
    assert sorted(type(one).__name__ for one in results) == ["EnoughForToday", "EnoughForToday", "NoneType"]
    assert (Exposure.objects.count(), Shift.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_after_severe_cases_in_a_row_comes_a_mild_one_unless_a_child_may_be_in_danger(people: SimpleNamespace) -> None:
    me, many = people.reviewer, [severe(number) for number in range(4)]
    known = mild(9)
    with configured(care={"severe_in_a_row": 2}):
        decide(many[0], me)
        assert giving.claim_next(person=me) == many[1]
        decide(many[1], me)
        Case.objects.filter(pk=many[3].pk).update(rank=0)
        assert giving.claim_next(person=me) == many[3]
        assert giving.claim_next(person=me) == known
        assert giving.claim_next(person=me) == many[2], "where there is no mild one, the next one"


@pytest.mark.django_db
def test_who_opts_out_of_a_kind_is_given_none_of_it_and_nobody_is_told(people: SimpleNamespace, sign_in: Any) -> None:
    me, harsh = people.reviewer, severe(1)
    other = opened(2, matches=[match(2, scheme="uk-sap", code="C")])
    before = Entry.objects.count()
    client = sign_in("reviewer")
    client.post("/cases/load/kinds", {"facet": ["act:penetr", "legality:baseline"]})
    assert queries.opt_outs(me) == ["act:penetr", "legality:baseline"]
    assert Entry.objects.count() == before
    assert 'value="act:penetr" checked' in client.get("/cases/load").content.decode()
    assert (
        "checked"
        not in sign_in("lead")
        .get("/cases/load")
        .content.decode()
        .partition('class="choices"')[2]
        .partition("</form>")[0]
    )
    assert giving.claim_next(person=me) == other
    assert giving.claim_next(person=me) is None
    with pytest.raises(keeping.BadOptOut):
        keeping.set_opt_outs(["act:of-nobody"], person=me)
    keeping.set_opt_outs([], person=me)
    assert giving.claim_next(person=me) == harsh


# --- my load, and the team's -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_break_that_one_takes_can_be_ended_and_one_that_is_due_cannot(
    people: SimpleNamespace, clock: Any, sign_in: Any
) -> None:
    client, me = sign_in("reviewer"), people.reviewer
    assert "Go on now" in text(client.post("/cases/load/break", follow=True))
    assert keeping.take_break(person=me) == queries.resting(me), "it goes on"
    client.post("/cases/load/resume")
    assert queries.resting(me) is None
    Rest.objects.create(person=me, at=clock.now(), until=clock.now() + timedelta(minutes=5), due=True)
    assert "Go on now" not in text(client.get("/cases/load"))
    client.post("/cases/load/resume")
    assert queries.resting(me) is not None
    page = text(client.post("/cases/load/begin", follow=True))
    assert "Your shift began at 12:00 and ends at 20:00 UTC." in page
    assert "Your shift is over." in client.post("/cases/load/end", follow=True).content.decode()


@pytest.mark.django_db
def test_what_is_left_is_shown_to_the_person_alone(people: SimpleNamespace, clock: Any, sign_in: Any) -> None:
    look(people.reviewer)
    left = "Left for you today: 29 looks, 28 minutes of looking, 394 points"
    assert left in text(sign_in("reviewer").get("/cases/"))
    assert "Left for you today: 30 looks" in text(sign_in("lead").get("/cases/"))
    assert "Left for you" not in text(sign_in("auditor").get("/cases/"))


@pytest.mark.django_db
def test_leads_see_sums_and_names_only_where_support_is_due(people: SimpleNamespace, clock: Any, sign_in: Any) -> None:
    case = severe(1)
    with configured(care={"looks_a_day": 1, "looks_before_break": 0}, second_factor=False):
        for person, days in ((people.reviewer, 3), (people.analyst, 2)):
            for ago in range(days):
                Exposure.objects.create(
                    person=person, at=clock.now(), day=clock.now().date() - timedelta(days=ago), kind=LOOK, severity=2,
                    severe=True, points=6, seconds=60,
                )  # fmt: skip
        giving.leave_case(case.pk, person=people.analyst, reason="I know the place.")
        page = sign_in("lead").get("/cases/team")
    assert [(day.day, day.used.looks, day.limits) for day in queries.team()[:1]] == [(date(2026, 1, 15), 2, 0)]
    assert [row["one"].limits for row in page.context["days"][:4]] == [2, 2, 1, 0]
    said = text(page)
    due = said.partition("Support is due")[2].partition("Day by day")[0]
    assert "Reviewer · reached a limit on several days" in due
    assert "Analyst" not in due
    assert "I know the place. Analyst" in said


@pytest.mark.django_db
def test_deciding_in_a_break_that_was_due_is_working_through_it(people: SimpleNamespace, clock: Any) -> None:
    for person in (people.reviewer, people.lead):
        Rest.objects.create(person=person, at=clock.now(), until=clock.now() + timedelta(minutes=5), due=True)
    decide(severe(1), people.reviewer)
    assert (queries.team()[0].breaks, queries.team()[0].worked) == (1, 1)
    assert [(one.person, one.why) for one in queries.support_due()] == [
        (people.reviewer, ("worked through a break in the last seven days",))
    ]
