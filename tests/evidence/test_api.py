"""Evidence for programs: what is kept, its custody, rules and holds; a file kept once, and never its content."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.casework import case_numbered, opened
from tests.evidence.conftest import TERMS, Keep
from tests.program import Program, is_problem

from himaya.core import clock as now_of
from himaya.core.vault import verifier
from himaya.evidence.keys import store
from himaya.evidence.models import Exhibit, Hold
from himaya.evidence.ruling import RuleTerms, set_rule

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _case(db: None) -> None:
    case_numbered(7)


TOLD = {"label": "a file of a report", "occasion": "received", "case": "case:7", "origin": "hotline.example"}


def upload(program: Program, content: bytes = b"a neutral text", *, key: str = "", **fields: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    form = {"file": SimpleUploadedFile("a-name-nobody-keeps.jpg", content), **TOLD, **fields}
    return program._client.post("/api/v1/evidence/exhibits", form, headers=headers)


def received() -> None:
    set_rule("received", terms=RuleTerms("A law", "LU", "legal-obligation", ["received"], "90 days"), by="person:1")


def test_exhibits_are_told_page_by_page_and_by_case(keep: Keep) -> None:
    made, program = [keep(f"text {n}", case=f"case:{n % 2 + 1}") for n in range(5)], Program("evidence:read")
    first = program.get("/evidence/exhibits", limit=2).json()
    second = program.get("/evidence/exhibits", limit=9, cursor=first["next_cursor"]).json()
    ids = [one["id"] for one in (*first["exhibits"], *second["exhibits"])]
    assert ids == [one.pk for one in made]
    assert second["next_cursor"] is None
    of_two = program.get("/evidence/exhibits", case="case:2").json()["exhibits"]
    assert {one["case"] for one in of_two} == {"case:2"}
    assert {one["case_reference"] for one in of_two} == {"case 2"}, "nothing tells when it was opened"
    case = opened(2)
    keep("text 6", case=case.about)
    for written in (case.about, case.reference, str(case.pk)):
        told = program.get("/evidence/exhibits", case=written).json()["exhibits"][-1]
        assert (told["case"], told["case_reference"]) == (case.about, case.reference)
    is_problem(program.get("/evidence/exhibits", case=case.reference.replace("2026", "2019")), 404, "other-year")
    is_problem(program.get("/evidence/exhibits", case="C-12"), 422)
    is_problem(program.get("/evidence/exhibits", case="case:1", cursor=first["next_cursor"]), 422, "bad-cursor")
    is_problem(program.get("/evidence/exhibits", state="x"), 422)


def test_one_exhibit_tells_its_rules_and_its_custody_can_be_proved(keep: Keep) -> None:
    one, program = keep("the very text"), Program("evidence:read")
    answer = program.get(f"/evidence/exhibits/{one.pk}")
    told = answer.json()
    assert (told["reference"], told["file"], told["held"], told["late"]) == (one.reference, "whole", False, False)
    assert [(rule["rule"], rule["version"], rule["counts"]) for rule in told["rules"]] == [("us-reports", 1, True)]
    assert b"the very text" not in answer.content
    custody = program.get(f"/evidence/exhibits/{one.pk}/custody").json()
    keys = {name: bytes.fromhex(public) for name, public in custody["keys"].items()}
    steps = verifier.check_chain([line.encode() for line in custody["lines"]], keys)
    assert custody["proved"]
    assert [step.fields["act"] for step in steps] == ["acquire"]
    is_problem(program.get("/evidence/exhibits/999"), 404, "unknown-exhibit")
    is_problem(program.get("/evidence/exhibits/999/custody"), 404, "unknown-exhibit")


def test_a_file_is_kept_once_whatever_is_sent_again(keep: Keep) -> None:
    received()
    program = Program("evidence:write")
    first = upload(program, key="one")
    assert first.status_code == 201, first.content
    told = first.json()
    assert told["digests"]["sha256"] == hashlib.sha256(b"a neutral text").hexdigest()
    assert told["acquired_by"] == program.key.actor
    assert "nobody-keeps" not in json.dumps(told)
    assert upload(program, key="one").json() == told
    is_problem(upload(program, b"another text", key="one"), 422, "key-reused")
    is_problem(upload(program, key="one", label="something else"), 422, "key-reused")
    assert Exhibit.objects.count() == 1
    assert len(list(store().names())) == 1


def test_without_a_rule_nothing_is_kept_and_nothing_is_stored(keep: Keep) -> None:
    is_problem(upload(Program("evidence:write")), 409, "no-ground")
    assert not Exhibit.objects.exists()
    assert not list(store().names())


@pytest.mark.parametrize(
    "change",
    [
        {"label": ""}, {"label": "x" * 201}, {"occasion": "match"}, {"case": "C-7"}, {"case": "exhibit:1"},
        {"media_type": "Image"}, {"more": "1"}, {"label": ["a", "b"]}, {"other": SimpleUploadedFile("a", b"b")},
        {"file": ""},
    ],
)  # fmt: skip
def test_a_form_that_is_not_as_it_must_be_is_refused(keep: Keep, change: dict[str, Any]) -> None:
    received()
    is_problem(upload(Program("evidence:write"), **change), 422)
    assert not list(store().names())


def test_nothing_is_kept_for_a_case_that_is_not_there(keep: Keep) -> None:
    received()
    is_problem(upload(Program("evidence:write"), case="case:123456"), 404, "unknown-case")
    assert not Exhibit.objects.exists()
    assert not list(store().names())
    assert upload(Program("evidence:write"), case="").status_code == 201


def test_json_is_no_form(keep: Keep) -> None:
    is_problem(Program("evidence:write").post("/evidence/exhibits", {}), 415)


def test_rules_and_holds_are_told(keep: Keep) -> None:
    one, program = keep(), Program("evidence:read", "evidence:write")
    (rule,) = program.get("/evidence/rules").json()["rules"]
    assert (rule["name"], rule["minimum"], rule["instrument"]) == ("us-reports", TERMS.minimum, TERMS.instrument)
    on = f"{now_of.now().date() + timedelta(days=30)}"
    asked = {"about": one.about, "authority": "A court", "reason": "Letter 17", "review_on": on}
    made = program.post("/evidence/holds", asked, key="h")
    assert made.status_code == 201
    assert program.post("/evidence/holds", asked, key="h").json() == made.json()
    assert [each["id"] for each in program.get("/evidence/holds").json()["holds"]] == [Hold.objects.get().pk]
    assert program.get(f"/evidence/exhibits/{one.pk}").json()["held"]
    for wrong in ({"review_on": "2026-02-31"}, {"review_on": "2020-01-01"}, {"about": "list:1"}, {"reason": " "}):
        is_problem(program.post("/evidence/holds", {**asked, **wrong}), 422)
    is_problem(program.post("/evidence/holds", {**asked, "about": "exhibit:999"}), 404)
    again = program.post("/evidence/holds", {**asked, "about": one.reference, "authority": "Another"}).json()
    assert (again["about"], again["reference"]) == (one.about, one.reference)
