"""The numbers page: every number of every room with its words, the days as plots, all of it as CSV."""

import csv
import re
from datetime import timedelta

import pytest
from tests.casework import opened
from tests.configured import configured
from tests.desk import received

from himaya.accounts.roles import ROLES
from himaya.cases import services
from himaya.ledger import worker
from himaya.screening.counting import count
from himaya.transparency.pages import ROOMS, WORDS
from himaya.transparency.queries import numbers

pytestmark = pytest.mark.django_db


def rows(response) -> list[list[str]]:
    """The lines of a CSV answer."""
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(response.content.decode().splitlines()))


def test_every_number_has_words_and_no_words_are_without_a_number():
    found = numbers()
    assert set(found.flat()) == set(WORDS)
    assert set(found.by_room) == set(ROOMS)
    assert len(found.flat()) == sum(len(values) for values in found.by_room.values())


@pytest.mark.parametrize("role", ROLES)
def test_everybody_who_works_here_sees_the_numbers(sign_in, role):
    count({"hit": 3, "miss": 1200}, origin="scan")
    page = sign_in(role).get("/numbers/").content.decode()
    for words in WORDS.values():
        assert words in page
    assert re.search(r'files and hashes screened</th><td class="end number">1,?203</td>', page)


def test_demands_are_told_by_kind_and_country_and_no_small_number(sign_in, people):
    assert "Demands by kind" not in sign_in("auditor").get("/numbers/").content.decode()
    for place in ("LU",) * 6 + ("FR",) * 2:
        received(people.lead, country=place)
    page = sign_in("auditor").get("/numbers/").content.decode()
    assert "Demands by kind: Preserve 5+. By country: France &lt;5, Luxembourg 5+." in page


def test_the_plots_tell_the_sum_and_show_each_day(sign_in, people, clock):
    count({"hit": 3, "miss": 7}, origin="scan")
    services.claim((case := opened(1)).pk, person=people.reviewer)
    services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Agrees.")
    clock.advance(timedelta(days=2))
    opened(2)
    page = sign_in("auditor").get("/numbers/").content.decode()
    assert "In 30 days, 10 files and hashes were screened" in page
    assert "Of these, 3 matched a list" in page
    assert "Cases opened in 30 days: 2" in page
    assert "Verdicts given in 30 days: 1" in page
    assert page.count("<title>01-15: 1</title>") == 2  # one case opened, one verdict
    assert "<title>01-17: 1</title>" in page


def test_the_numbers_can_be_taken_away_as_a_table(sign_in):
    opened(1)
    response = sign_in("auditor").get("/numbers/numbers.csv")
    assert re.fullmatch(r'attachment; filename="himaya-numbers-\d{4}-\d\d-\d\d.csv"', response["Content-Disposition"])
    header, *lines = rows(response)
    assert header == ["room", "number", "value", "words"]
    assert ["cases", "cases.open", "1", "cases that are open"] in lines
    assert {name: int(value) for _, name, value, _ in lines}["cases.open"] == numbers().flat()["cases.open"]
    assert len(lines) == len(WORDS)


def test_the_days_can_be_taken_away_as_a_table(sign_in, clock):
    count({"hit": 1, "miss": 1}, origin="api")
    opened(1)
    header, *lines = rows(sign_in("analyst").get("/numbers/days.csv"))
    assert header == ["day", "screened", "hits", "cases_opened", "verdicts"]
    assert len(lines) == 30
    assert lines[-1] == ["2026-01-15", "2", "1", "1", "0"]


@pytest.mark.parametrize("path", ["/numbers/", "/numbers/numbers.csv", "/numbers/days.csv"])
def test_strangers_see_no_number(client, path):
    assert client.get(path).url.startswith("/accounts/login/")


def test_a_case_that_left_over_two_routes_is_one_case_with_two_reports_and_the_routes_are_named(sign_in, people):
    services.claim((case := opened(1)).pk, person=people.reviewer)
    services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Agrees.")
    routes = [{"name": name, "channel": "console"} for name in ("desk", "drawer")]
    with configured(reports=routes, second_factor=False):
        worker.run_until_idle()
        page = sign_in("auditor").get("/numbers/").content.decode()
    found = numbers().flat()
    assert (found["reports.cases"], found["reports.sent"]) == (1, 2)
    assert "Arrived over these routes: desk 1, drawer 1" in page
    assert "authorities" not in page
