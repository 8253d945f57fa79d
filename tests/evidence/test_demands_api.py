"""Programs read the desk: where demands stand and what is due; not who signed them, nor their words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

import pytest
from tests.desk import accepted, received
from tests.evidence.conftest import Keep
from tests.program import Program, is_problem

from himaya.evidence.demands import requesting
from himaya.evidence.demands.api import State
from himaya.evidence.demands.states import DEMAND

pytestmark = pytest.mark.django_db


@pytest.fixture
def program() -> Program:
    return Program("demands:read")


def test_demands_are_listed_page_by_page_and_narrowed(program: Program, people: SimpleNamespace, clock: Any) -> None:
    made = [received(people.lead, kind) for kind in ("preservation", "production", "preservation")]
    first = program.get("/demands", limit=2).json()
    second = program.get("/demands", limit=2, cursor=first["next_cursor"]).json()
    assert [one["id"] for one in first["demands"] + second["demands"]] == [one.pk for one in made]
    assert second["next_cursor"] is None
    assert [one["kind"] for one in program.get("/demands", kind="production").json()["demands"]] == ["production"]
    assert program.get("/demands", state="partly accepted").json()["demands"] == []
    assert set(get_args(State)) == {"any", *DEMAND.states}


def test_a_demand_is_told_with_its_clocks_and_without_names(
    program: Program, people: SimpleNamespace, keep: Keep
) -> None:
    keep()
    one = accepted(people.lead, person="A. Officer", address="officer@court.example", asked="neutral words")
    answer = program.get(f"/demands/{one.pk}")
    told = answer.json()
    assert (told["reference"], told["state"], told["holds"], told["missing"]) == (one.reference, "accepted", 1, [])
    assert [(each["what"], each["limit"], each["late"]) for each in told["clocks"]] == [
        ("answer", "", False), ("preserve", "us-2703-f-preserve", False),
    ]  # fmt: skip
    for words in ("Officer", "officer@", "neutral words"):
        assert words not in answer.content.decode()
    assert [each["about"] for each in program.get("/demands/due").json()["clocks"]] == [one.reference] * 2
    is_problem(program.get("/demands/999"), 404, "unknown-demand")


def test_requests_and_numbers_are_told(program: Program, people: SimpleNamespace, clock: Any) -> None:
    received(people.lead)
    requesting.make_request("preservation", country="FR", recipient="The point", person=people.lead)
    (one,) = program.get("/requests").json()["requests"]
    assert (one["state"], one["country"]) == ("a draft", "FR")
    assert program.get("/demands/numbers").json() == {
        "kinds": {"preservation": "<5"}, "countries": {"LU": "<5"}, "outcomes": {"pending": "<5"}, "days": {},
        "by_kind": {}, "by_country": {},
    }  # fmt: skip
