"""A case is written as 12, as case:12 or by the number that people quote, and shown by that, wherever it stands."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from tests.browsing import words
from tests.casework import opened
from tests.desk import verified
from tests.evidence.conftest import Keep

from himaya.evidence import queries
from himaya.evidence.demands.pages.forms import RequestForm
from himaya.evidence.forms import HoldForm
from himaya.evidence.models import Hold
from himaya.evidence.naming import BadCaseName, NothingToHold, OtherYear, case_of
from himaya.evidence.words import case_word
from himaya.site.cli.desk_acting import number_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]
WAYS = ("12", " 12 ", "case:12", "case 12", "Case: 12", "H-2026-000012", "case:H-2026-000012")


@pytest.mark.parametrize("written", WAYS)
def test_every_way_to_write_a_case_names_the_same_one(written: str) -> None:
    assert case_of(written) == queries.about_of(written) == "case:12"


@pytest.mark.parametrize("written", ["E-{year}-{n:06}", "exhibit:{n}", "exhibit {n}", "e-{year}-{n}"])
def test_an_exhibit_is_written_by_its_number_or_its_reference(written: str, keep: Keep) -> None:
    one = keep()
    assert queries.about_of(written.format(year=one.acquired_at.year, n=one.pk)) == one.about


@pytest.mark.parametrize("written", ["twelve", "C-12", "case:", "12a", "H-26-12", "1" * 19, "E-2026-000012"])
def test_what_is_no_case_is_told_how_to_write_one(written: str) -> None:
    with pytest.raises(BadCaseName) as found:
        case_of(written)
    assert "12, case:12 or H-2026-000012" in found.value.remedy


def test_what_is_neither_exhibit_nor_case_is_told_both_ways() -> None:
    with pytest.raises(NothingToHold):
        queries.about_of("file 3")


@pytest.mark.parametrize("written", WAYS[2:])
def test_the_forms_of_the_pages_take_each_way(written: str) -> None:
    form = HoldForm({"about": written, "authority": "a", "review_on": "2027-01-01", "reason": "r"})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["about"] == "case:12"
    asked = {"kind": "preservation", "country": "LU", "recipient": "The point", "case": written}
    assert RequestForm(asked, country="LU").is_valid()


def test_a_wrong_case_is_said_at_the_field_and_above_the_list(sign_in: Callable[[str], Client], keep: Keep) -> None:
    one = keep()
    lead = sign_in("lead")
    given = {"about": "C-12", "authority": "a", "review_on": "2027-01-01", "reason": "r"}
    answer = lead.post("/evidence/holds/new", given)
    assert answer.status_code == 422
    assert "'C-12' is neither an exhibit nor a case" in words(answer)
    shown = words(lead.get("/evidence/?case=C-12"))
    assert "'C-12' is no case. Write its number: 12, case:12 or H-2026-000012." in shown
    assert one.reference not in shown
    assert one.reference in words(lead.get("/evidence/?case=case%201"))
    assert not Hold.objects.exists()


def test_a_case_is_shown_by_the_number_that_its_own_page_has(
    sign_in: Callable[[str], Client], people: SimpleNamespace, keep: Keep
) -> None:
    case = opened(1)
    one = keep(case=case.about)
    lead = sign_in("lead")
    assert case_word(case.about) == case.reference
    for page in ("/evidence/", f"/evidence/exhibits/{one.pk}/"):
        assert case.reference in words(lead.get(page))
    given = {"about": case.reference, "authority": "a", "review_on": "2027-01-01", "reason": "r"}
    made: Any = lead.post("/evidence/holds/new", given)
    assert case.reference in words(lead.get(made["Location"]))
    assert case.reference in words(lead.get("/evidence/holds/"))


def test_a_number_with_another_year_is_refused_everywhere(keep: Keep, people: SimpleNamespace) -> None:
    one = keep()
    other = one.reference.replace("2026", "2025")
    for refused in (lambda: queries.by_reference(other), lambda: queries.about_of(other)):
        with pytest.raises(OtherYear, match=f"There is no {other} here: the one of this number is {one.reference}"):
            refused()
    assert queries.by_reference(one.reference) == one
    assert queries.about_of(one.reference.lower()) == one.about
    case = opened(1)
    with pytest.raises(OtherYear):
        case_of(case.reference.replace("2026", "2019"))
    assert case_of(case.reference) == case.about
    demand = verified(people.lead, "production")
    with pytest.raises(OtherYear):
        number_of(demand.reference.replace("2026", "2019"), "D")
    assert number_of(demand.reference, "D") == demand.pk
