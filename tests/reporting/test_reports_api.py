"""Programs read reports and complete them, tell of incidents, and never file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.configured import configured
from tests.filings import laid_down, particulars, route
from tests.program import Program, is_problem
from tests.reporting.conftest import fresh, work

from himaya.reporting import drafting
from himaya.reporting.models import Filing

Confirmed = Callable[..., Filing]


def test_a_program_tells_of_an_incident_and_sees_what_is_missing(confirmed: Confirmed) -> None:
    one, program = confirmed(files=1), Program("reports:read", "reports:write")
    told = program.get(f"/reports/{one.pk}").json()
    assert (told["state"], told["case"], told["steps"]) == ("draft", one.case_id, [])
    assert {gap["path"] for gap in told["gaps"] if gap["blocks"]} == {"report/summary", "report/place"}
    url = f"/cases/{one.case_id}/particulars"
    kept = program.send("PUT", url, particulars())
    assert kept.json() == {"case": one.case_id, "version": 1}
    assert program.get(url).json()["accounts"][0]["id"] == "u-17"
    told = program.get(f"/reports/{one.pk}").json()
    assert told["values"]["place"] == "CHAT"
    assert not [gap for gap in told["gaps"] if gap["blocks"]]
    assert [each["id"] for each in program.get("/reports", state="draft").json()["reports"]] == [one.pk]
    assert program.get("/reports", state="filed").json()["reports"] == []


def test_a_program_completes_a_draft_place_by_place(confirmed: Confirmed) -> None:
    one, program = confirmed(files=1), Program("reports:read", "reports:write")
    key = one.files[0]["key"]
    change = {
        "values": {"summary": "What happened.", "accounts": [{"id": "u-1"}], "urgent": True, f"file:{key}/note": "x"},
        "sent": {key: False}, "version": 1,
    }  # fmt: skip
    told = program.patch(f"/reports/{one.pk}", change).json()
    assert (told["version"], told["values"]["urgent"], told["files"][0]["sent"]) == (2, True, False)
    is_problem(program.patch(f"/reports/{one.pk}", change), 409, "draft-changed")
    wrong = {"values": {"summary": "a\0b"}}
    is_problem(program.patch(f"/reports/{one.pk}", wrong), 422, "bad-field-value")
    is_problem(program.patch(f"/reports/{one.pk}", {"values": {"nothing": 1}}), 422, "no-such-field")
    is_problem(program.patch("/reports/99999", {"values": {}}), 404, "unknown-filing")
    note = {**particulars(), "note": "a\0b"}
    is_problem(program.send("PUT", f"/cases/{one.case_id}/particulars", note), 422, "bad-particulars")
    is_problem(program.send("PUT", "/cases/99999/particulars", particulars()), 404, "unknown-case")


def test_what_a_program_completes_is_filed_only_where_the_operator_says_so(confirmed: Confirmed, body: Any) -> None:
    program = Program("reports:read", "reports:write")
    change = {"values": {"summary": "What happened.", "place": "WEB"}}
    one = confirmed(1)
    program.patch(f"/reports/{one.pk}", change)
    work()
    assert fresh(one).state == "draft"
    with configured(filings=[route(body.at, channel="lossy", auto=True)], reports=[], notices=[]):
        two = confirmed(2)
        program.patch(f"/reports/{two.pk}", change)
        work()
        three = confirmed(3)
        drafting.change_draft(three.pk, values={"summary": "I am at it."}, by="person:1")
        program.send("PUT", f"/cases/{three.case_id}/particulars", particulars())
        drafting.change_draft(three.pk, values={"place": "WEB"}, by="person:1")
        work()
    assert program.get(f"/reports/{two.pk}").json()["receipt"] == "S-000001"
    assert [each["step"] for each in program.get(f"/reports/{two.pk}").json()["steps"]] == ["open", "finish"]
    assert fresh(one).state == fresh(three).state == "draft"
    assert len(laid_down(body.at)) == 1
