"""Practice: the answers are what the schemes say, and what somebody answered is told to nobody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from tests.configured import configured
from tests.windows import signed_in

from himaya.cases.quality import practising
from himaya.cases.quality.golden import BY_NAME, GOLDEN, Golden
from himaya.cases.quality.models import Practised
from himaya.core import registry
from himaya.core.terms.grid import Cell, cells
from himaya.ledger.queries import head


@pytest.mark.parametrize("one", GOLDEN, ids=lambda one: one.name)
def test_the_answer_is_what_the_scheme_says_of_these_facts(one: Golden) -> None:
    fitting = [
        code.code
        for code in registry.scheme(one.scheme).codes
        if Cell(one.age, one.act, one.origin) in cells(code.facets)
    ]
    assert fitting == ([one.code] if one.code else [])


def test_each_scheme_has_every_class_and_one_case_without() -> None:
    assert len(BY_NAME) == len(GOLDEN)
    for scheme in {one.scheme for one in GOLDEN}:
        have = {one.code for one in GOLDEN if one.scheme == scheme}
        assert have == {"", *(code.code for code in registry.scheme(scheme).codes)}


@pytest.mark.django_db
def test_each_comes_once_before_any_comes_again(people: SimpleNamespace) -> None:
    given = []
    for _ in range(len(GOLDEN)):
        one = practising.next_case(people.analyst)
        given.append(one.name)
        practising.answer_case(one.name, person=people.analyst, code=one.code)
    assert sorted(given) == sorted(BY_NAME)
    assert practising.next_case(people.analyst) == GOLDEN[0]
    assert practising.next_case(people.analyst, scheme="uk-sap").scheme == "uk-sap"
    assert practising.next_case(people.reviewer) == GOLDEN[0]
    assert all(one.n == one.right == 6 for one in practising.own_sums(people.analyst))


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "code"), [("uk-1", "Z"), ("nothing", "A"), ("uk-1", "?")])
def test_what_is_no_answer_is_refused(people: SimpleNamespace, name: str, code: str) -> None:
    with pytest.raises(practising.BadPractice):
        practising.answer_case(name, person=people.analyst, code=code)
    assert not Practised.objects.exists()


@pytest.mark.django_db
def test_others_are_told_in_sums_where_nobody_can_be_made_out(people: SimpleNamespace) -> None:
    for person in (people.analyst, people.reviewer):
        practising.answer_case("uk-1", person=person, code="B")
        practising.answer_case("uk-1", person=person, code="A")
    assert practising.sums() == []
    third: Any = get_user_model().objects.create(username="third", role="analyst")
    practising.answer_case("uk-1", person=third, code="A")
    assert practising.sums() == [practising.Sum("uk-1", 5, 3)]


@pytest.mark.django_db
def test_the_page_gives_one_and_tells_why_afterwards_and_puts_nothing_on_record(people: SimpleNamespace) -> None:
    with configured(second_factor=False):
        browser, before = signed_in(people.analyst), head()
        page = browser.get("/cases/quality/practice?scheme=ncmec-industry").content.decode()
        assert "infant" in page
        assert "The letter goes by" not in page
        answer = browser.post(
            "/cases/quality/practice?scheme=ncmec-industry", {"case": "ncmec-1", "code": "none"}, follow=True
        )
        told = answer.content.decode()
        assert "The letter goes by" in told
        assert "otherwise</span>" in told
        assert "0 of 1 as the guideline says" in told
        assert head() == before
        assert browser.post("/cases/quality/practice", {"case": "ncmec-1"}).status_code == 422
        other = signed_in(people.lead).get("/cases/quality/practice?told=ncmec-1").content.decode()
        assert "The letter goes by" not in other, "it is told to whoever has answered"
