"""Cases over the API: to read, page by page; a verdict without its reason; no way to write."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.program import Program, is_problem

from himaya.cases import services
from himaya.cases.services import Seen, SeenMatch
from himaya.core import clock as clocks


def seen(number: int, *, list_name: str = "benign", place: str = "here") -> Seen:
    """A sighting of a thing, by its number."""
    value = f"{number:064x}"
    match = SeenMatch(
        number, list_name, "sha256", value, 0, 31, "active", "interpol", "baseline", "A hotline", "system", clocks.now()
    )
    return Seen(f"sha256:{value}", [("sha256", value, None)], [match], "api", "once", place, "image/png", 99)


@pytest.fixture
def program(db: None) -> Program:
    return Program("cases:read")


def test_a_case_is_told_with_its_matches_and_sightings(program: Program) -> None:
    case = services.open_case(seen(1), by="system")
    services.open_case(seen(1, place="there"), by="system")
    told = program.get(f"/cases/{case.pk}").json()
    assert (told["reference"], told["state"], told["times_seen"]) == (case.reference, "open", 2)
    assert (told["media_type"], told["size"], told["verdict"]) == ("image/png", 99, None)
    assert told["fingerprints"] == [{"signal": "sha256", "value": f"{1:064x}", "quality": None}]
    assert [s["place"] for s in told["sightings"]] == ["there", "here"]
    (match,) = told["matches"]
    assert (match["list"], match["item"], match["code"], match["source"]) == ("benign", 1, "baseline", "A hotline")


def test_a_verdict_is_told_without_reason_and_without_who_gave_it(program: Program, people: SimpleNamespace) -> None:
    case = services.open_case(seen(1), by="system")
    services.claim(case.pk, person=people.reviewer)
    services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="said in confidence")
    answer = program.get(f"/cases/{case.pk}")
    verdict = answer.json()["verdict"]
    assert verdict.pop("decided_at")
    assert verdict.pop("facets") == {
        "age": ["infant", "prepub"], "act": ["genital_focus", "nonpenetr", "penetr", "sadism_animal"],
        "origin": ["photographic"], "legality": "baseline", "law": [],
    }  # fmt: skip
    assert verdict == {"scheme": "interpol", "code": "baseline", "confirms": True, "harmful": False}
    assert b"confidence" not in answer.content
    assert people.reviewer.actor.encode() not in answer.content


def test_cases_are_listed_page_by_page_and_narrowed(program: Program, people: SimpleNamespace) -> None:
    opened = [services.open_case(seen(n, list_name="ab"[n % 2]), by="system").pk for n in range(5)]
    services.claim(opened[0], person=people.reviewer)
    services.decide(opened[0], person=people.reviewer, scheme="interpol", code="baseline", reason="known")
    first = program.get("/cases", limit=3).json()
    rest = program.get("/cases", limit=3, cursor=first["next_cursor"]).json()
    assert [c["id"] for c in first["cases"] + rest["cases"]] == opened
    assert rest["next_cursor"] is None
    assert [c["id"] for c in program.get("/cases", list="b").json()["cases"]] == [opened[1], opened[3]]
    assert [c["id"] for c in program.get("/cases", state="decided").json()["cases"]] == opened[:1]
    assert program.get("/cases", state="open", list="c").json() == {"cases": [], "next_cursor": None}


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "-1"},
        {"limit": "many"},
        {"limit": str(2**64)},
        {"state": "lost"},
        {"list": "a\0"},
        {"cursor": "x"},
    ],
)
def test_a_wrong_parameter_is_named(program: Program, query: dict[str, str]) -> None:
    told = is_problem(program.get("/cases", **query), 422)
    assert told["errors"][0]["where"] == f"query.{next(iter(query))}"


def test_a_cursor_that_was_not_given_out_is_refused(program: Program) -> None:
    is_problem(program.get("/cases", cursor="A" * 16), 422, "bad-cursor")


def test_a_mistyped_parameter_is_refused_and_not_passed_over(program: Program) -> None:
    told = is_problem(program.get("/cases", staet="open"), 422, "unknown-parameter")
    assert told["detail"] == "There is no parameter staet here; there are: cursor, limit, list, state."


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**63)])
def test_a_number_that_no_case_can_have_is_refused(program: Program, number: str) -> None:
    is_problem(program.get(f"/cases/{number}"), 422)


def test_an_unknown_case_is_said_to_be_unknown(program: Program) -> None:
    is_problem(program.get("/cases/1"), 404, "unknown-case")


def test_a_program_cannot_decide(program: Program) -> None:
    case = services.open_case(seen(1), by="system")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = program.send(method, f"/cases/{case.pk}", {"code": "baseline"})
        is_problem(answer, 405, "bad-method")
        assert answer["Allow"] == "GET"


def test_a_key_without_the_scope_sees_no_case(db: None) -> None:
    other = Program("screen", "lists:read", "lists:write", "numbers:read")
    is_problem(other.get("/cases"), 403, "missing-scope")
    is_problem(other.get("/cases/1"), 403, "missing-scope")


def test_fifty_cases_take_no_more_queries_than_one(program: Program, django_assert_max_num_queries: object) -> None:
    for n in range(50):
        services.open_case(seen(n), by="system")
    program.get("/cases")
    with django_assert_max_num_queries(3):  # type: ignore[operator]
        assert len(program.get("/cases").json()["cases"]) == 50
