"""Programs have texts checked and classes told in other terms; nothing of it is kept."""

from __future__ import annotations

import pytest
from tests.program import Program, is_problem

from himaya.ledger.models import Entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def program() -> Program:
    return Program("reference:read")


def test_a_text_is_checked(program: Program) -> None:
    before = Entry.objects.count()
    told = program.post("/terms/check", {"text": "One line.\nTheir child porn, “child porn”, sextortion."}).json()
    assert told["clean"] is False
    assert [(one["line"], one["column"], one["word"], one["advice"]) for one in told["findings"]] == [
        (2, 7, "child porn", "avoid"), (2, 33, "sextortion", "special attention"),
    ]  # fmt: skip
    assert told["findings"][0]["instead"] == "child sexual abuse material"
    assert program.post("/terms/check", {"text": "A survivor."}).json()["clean"] is True
    assert Entry.objects.count() == before


def test_a_text_that_is_too_long_or_none_is_a_problem(program: Program) -> None:
    is_problem(program.post("/terms/check", {"text": "x" * 200_001}), 422)
    is_problem(program.post("/terms/check", {}), 422)


def test_a_class_is_told_in_the_terms_of_other_schemes(program: Program) -> None:
    (one,) = program.get("/terms/convert", scheme="ncmec-industry", code="A2", to="uk-sap").json()["conversions"]
    assert one == {
        "scheme": "uk-sap", "code": "C", "kind": "broad", "sure": "medium", "from_scheme": "ncmec-industry",
        "from_code": "A2", "why": "", "nearest": ["C"],
    }  # fmt: skip
    every = program.get("/terms/convert", scheme="ncmec-industry", code="B1").json()["conversions"]
    assert {one["scheme"]: one["code"] for one in every}["interpol"] == ""
    assert all(bool(one["code"]) != bool(one["why"]) for one in every)


def test_what_is_not_there_is_a_problem(program: Program) -> None:
    is_problem(program.get("/terms/convert", scheme="ncmec-industry", code="Z"), 404, "unknown-code")
    is_problem(program.get("/terms/convert", scheme="nobodys", code="Z"), 404, "unknown-plugin")
    is_problem(program.get("/terms/convert", scheme="uk-sap", code="A", to="nobodys"), 404, "unknown-plugin")


def test_the_law_of_a_country_says_what_a_class_is(program: Program) -> None:
    asked = {"scheme": "uk-sap", "code": "B"}
    told = program.get("/terms/legality", **asked, jurisdiction="GB-ENG").json()
    assert (told["legality"], set(told["laws"])) == ("national", {"gb-categories-a-b", "int-baseline"})
    before = program.get("/terms/legality", **asked, jurisdiction="GB-ENG", on="2014-03-31").json()
    assert before == {"legality": "undecided", "laws": ["int-baseline"]}
    assert program.get("/terms/legality", **asked).json()["legality"] == "undecided"
    is_problem(program.get("/terms/legality", **asked, on="2014-02-30"), 422, "bad-day")
    is_problem(program.get("/terms/legality", **asked, jurisdiction="Britain"), 422)
