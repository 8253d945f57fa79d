"""Queues by list: what waits, what came and what went."""

import csv
from datetime import timedelta

import pytest
from tests.casework import match, opened

from himaya.cases import services
from himaya.cases.flowing import flows, queues

pytestmark = pytest.mark.django_db


def decided(case, person) -> None:
    services.claim(case.pk, person=person)
    services.decide(case.pk, person=person, scheme="interpol", code="baseline", reason="Agrees.")


def test_a_case_that_matches_two_lists_waits_in_both_once(clock):
    opened(1, matches=[match(1), match(2, list_name="hotline"), match(3, list_name="survivors")])
    clock.advance(timedelta(hours=2))
    opened(4)
    found = {one.list_name: one for one in queues()}
    assert {name: one.open for name, one in found.items()} == {"hotline": 2, "survivors": 1}
    assert found["hotline"].oldest == found["survivors"].oldest < clock.now()


def test_days_say_what_came_and_what_went_and_sum_to_what_there_is(people, clock):
    cases = [opened(n) for n in range(1, 4)]
    clock.advance(timedelta(days=3))
    decided(cases[0], people.reviewer)
    (flow,) = flows(days=5)
    assert [(came, went) for _, came, went in flow.days] == [(0, 0), (3, 0), (0, 0), (0, 0), (0, 1)]
    assert (flow.opened, flow.decided) == (3, 1)
    assert [one.open for one in queues()] == [2]
    clock.advance(timedelta(days=40))
    assert flows(days=5) == []


def test_the_page_says_whether_a_queue_grows(sign_in, people):
    for n in range(1, 3):
        opened(n)
    page = sign_in("analyst").get("/numbers/queues/").content.decode()
    assert "2 cases wait." in page
    assert "It grows: 2 cases more came than were decided." in page
    for n in range(1, 3):
        decided(opened(n), people.reviewer)
    assert "As much came as was decided." in sign_in("auditor").get("/numbers/queues/").content.decode()


def test_where_nothing_waits_the_page_says_so(sign_in):
    assert "No case waits, and none came in 30 days." in sign_in("lead").get("/numbers/queues/").content.decode()


def test_the_days_can_be_taken_away_as_a_table(sign_in, clock):
    opened(1)
    header, *lines = csv.reader(sign_in("auditor").get("/numbers/queues.csv").content.decode().splitlines())
    assert header == ["list", "day", "cases_opened", "verdicts"]
    assert lines[-1] == ["hotline", "2026-01-15", "1", "0"]
    assert len(lines) == 30
