"""Programs read the reference, page by page, with how far each row can be relied upon."""

from __future__ import annotations

from typing import Any

import pytest
from tests.program import Program, is_problem

from himaya.reference import queries, services

pytestmark = pytest.mark.django_db
KJT = "lu-helpline-kanner-jugendtelefon"


@pytest.fixture
def program() -> Program:
    return Program("reference:read")


def test_time_limits_are_typed(program: Program) -> None:
    told = program.get("/reference/limits", jurisdiction="US", duty="preserve", on="2024-05-07").json()
    assert [one["key"] for one in told["limits"]] == ["us-2258a-h-preserve", "us-2703-f-preserve"]
    first = told["limits"][0]
    assert (first["period"], first["bound"]) == ({"amount": 1, "unit": "years"}, "at-least")
    assert (first["valid_from"], first["valid_to"], first["standing"]) == ("2024-05-07", None, "in-force")
    assert first["mark"] | {"source": ""} == {
        "source": "", "checked": "2026-11-24", "basis": "secondary", "confidence": "high", "ours": False,
    }  # fmt: skip
    assert len(program.get("/reference/limits", jurisdiction="US", on="2024-05-06").json()["limits"]) == 3


def test_contact_points_come_page_by_page(program: Program) -> None:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        told = program.get("/reference/contacts", limit=50, cursor=cursor).json()
        found, cursor = found + told["contacts"], told["next_cursor"]
    assert [one["key"] for one in found] == [one.key for one in queries.contact_points()]
    assert program.get("/reference/contacts", country="LU", kind="helpline").json()["contacts"][0]["numbers"] == [
        "116 111"
    ]


def test_a_row_that_is_set_aside_between_two_pages_does_not_begin_them_anew(program: Program) -> None:
    every = [one.key for one in queries.contact_points()]
    cursor = program.get("/reference/contacts", limit=50).json()["next_cursor"]
    assert cursor == every[49]
    services.set_row_aside("contacts", key=cursor, reason="it is gone", by="person:1")
    told = program.get("/reference/contacts", limit=50, cursor=cursor).json()
    assert [one["key"] for one in told["contacts"]] == every[50:100]
    assert program.get("/reference/contacts", cursor="no-such-row").status_code == 422


def test_what_a_request_states_comes_in_the_order_of_its_parts(program: Program) -> None:
    told = program.get("/reference/request-fields").json()["fields"]
    assert [told[0]["part"], told[-1]["part"], len(told)] == ["authorities", "models", 44]
    assert {one["part"] for one in program.get("/reference/request-fields", part="facts").json()["fields"]} == {"facts"}


def test_a_row_is_told_with_its_history(program: Program) -> None:
    services.change_row("contacts", key=KJT, values={"note": "ours"}, reason="we rang them", by="person:1")
    services.set_row_aside("contacts", key=KJT, reason="it moved", by="person:1")
    told = program.get(f"/reference/contacts/rows/{KJT}").json()
    assert (told["ours"], told["aside"], told["moved"]) == (True, True, False)
    assert (told["values"]["note"], told["shipped"]["note"]) == ("ours", "")
    assert [(one["number"], one["reason"], one["by"]) for one in told["history"]] == [
        (2, "it moved", "person:1"),
        (1, "we rang them", "person:1"),
    ]
    assert program.get("/reference/contacts", country="LU", kind="helpline").json()["contacts"] == []


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("limits", {"on": "2026-02-30"}, 422, "bad-day"),
        ("limits", {"on": "yesterday"}, 422, ""),
        ("limits", {"jurisdiction": "luxembourg"}, 422, ""),
        ("contacts", {"cursor": "Not a key"}, 422, ""),
        ("contacts/rows/nobody", {}, 404, "unknown-row"),
        ("customs/rows/x", {}, 404, "unknown-table"),
    ],
)
def test_what_is_wrong_is_a_problem(program: Program, path: str, query: dict[str, str], status: int, code: str) -> None:
    is_problem(program.get(f"/reference/{path}", **query), status, code)


def test_what_is_not_known_narrows_to_nothing(program: Program) -> None:
    assert program.get("/reference/limits", jurisdiction="XX").json() == {"limits": [], "next_cursor": None}
    assert program.get("/reference/contacts", kind="nonsense").json() == {"contacts": [], "next_cursor": None}


def test_what_is_known_of_a_country_is_told_with_its_marks(program: Program) -> None:
    told = program.get("/reference/countries/DE").json()
    assert (told["code"], told["unions"]) == ("DE", ["EU"])
    assert {one["iccam"] for one in told["reports"]} == {"32"}
    assert "eu-dsa-18-suspicion" in {one["key"] for one in told["duties"]}
    assert told["illegal"][0]["origins"] == ["virtual", "photographic"]
    assert told["languages"][0]["official"] == ["de"]
    assert [one["part"] for one in told["unknown"]] == ["networks"]
    is_problem(program.get("/reference/countries/XX"), 404, "unknown-country")


def test_whom_to_tell_is_told_with_the_row_that_says_so(program: Program) -> None:
    asked = {"bearer": "provider", "ours": "US", "host": "DE", "since": "2026-11-29T08:00:00Z"}
    told = program.get("/reference/route", **asked).json()
    first = told["suggestions"][0]
    assert (first["contact"]["key"], first["force"], first["limit"]["key"]) == (
        "us-hotline-ncmec-cybertipline", "duty", "us-2258a-a-report",
    )  # fmt: skip
    assert first["clocks"][0]["says"] == "as soon as reasonably possible, from: actual knowledge"
    assert program.get("/reference/route", bearer="hotline", ours="NL", host="SN").json()["suggestions"] == []
    is_problem(program.get("/reference/route", bearer="pirate"), 422, "unknown-word")
    is_problem(program.get("/reference/route", bearer="hotline", host="XX"), 422, "unknown-word")
    is_problem(program.get("/reference/route", bearer="hotline", on="2026-02-30"), 422, "bad-day")
