"""A file is added to a case, on its page and by the API: sealed under a rule, looked up by its digests, never shown."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.casework import opened
from tests.configured import configured
from tests.desk import accepted
from tests.program import Program, is_problem

from himaya.cases import filing
from himaya.cases.filing import BadFile, add_file
from himaya.cases.services import UnknownCase, claim, decide
from himaya.core.config import config
from himaya.core.ports import ItemRow
from himaya.evidence.demands.queries import held_by
from himaya.evidence.models import Exhibit
from himaya.evidence.reading import unsafe_content
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import BadExhibit, NoGround
from himaya.ledger.models import Entry
from himaya.lists.services import add_items, create_list

pytestmark = pytest.mark.django_db
TEXT = b"a neutral text that is found again"
SHA256 = hashlib.sha256(TEXT).hexdigest()
ADDED = {"label": "attachment of a letter", "occasion": "received", "origin": "the district court"}


@pytest.fixture(autouse=True)
def places(tmp_path: Path, clock: Any) -> Iterator[None]:
    with configured(evidence_store=f"file:{tmp_path / 'sealed'}", epoch_keys=str(tmp_path / "epochs")):
        yield


@pytest.fixture
def ruled(db: None) -> None:
    occasions = ["received", "tip", "verdict", "demand"]
    set_rule("received", terms=RuleTerms("A law", "LU", "legal-obligation", occasions, "90 days"), by="system")


def words(response: Any) -> str:
    return " ".join(response.content.decode().split())


def sealed_files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "sealed").rglob("*") if path.is_file()]


# --- on the page -----------------------------------------------------------------------------------------------------


def test_a_reviewer_adds_a_file_and_is_told_what_is_known_of_it(sign_in: Any, ruled: None, tmp_path: Path) -> None:
    add_items(create_list("hotline", by="system"), rows=[ItemRow(0, "sha256", SHA256)], by="system")
    case, client = opened(), sign_in("reviewer")
    assert f"/cases/{case.pk}/file" in words(client.get(f"/cases/{case.pk}/"))
    assert "Rules of this node keep" in words(client.get(f"/cases/{case.pk}/file"))
    file = io.BytesIO(TEXT)
    file.name = "a name that somebody gave.jpg"
    answer = client.post(f"/cases/{case.pk}/file", {**ADDED, "file": file}, follow=True)
    one = Exhibit.objects.select_related("blob", "epoch").get()
    told = words(answer)
    assert f"Sealed and kept as {one.reference}" in told
    assert "These lists know it by its digest: hotline" in told
    assert b"".join(unsafe_content(one)) == TEXT
    assert (one.case, one.occasion, one.how, one.origin) == (case.about, "received", "received", ADDED["origin"])
    assert "A file was added, sealed: exhibit" in told
    assert "somebody gave" not in told + json.dumps([entry.data for entry in Entry.objects.all()])
    assert all(b"neutral" not in path.read_bytes() for path in sealed_files(tmp_path))


def test_no_rule_no_file_and_the_rules_sentence_says_so(sign_in: Any, tmp_path: Path) -> None:
    case, client = opened(), sign_in("lead")
    assert "No rule of this node keeps a file" in words(client.get(f"/cases/{case.pk}/file"))
    answer = client.post(f"/cases/{case.pk}/file", {**ADDED, "file": io.BytesIO(TEXT)})
    assert answer.status_code == 422
    assert "Nothing is kept because another body sent it to us: no rule with a legal basis says so." in words(answer)
    assert not Exhibit.objects.exists()
    assert not sealed_files(tmp_path)


def test_a_form_that_misses_something_says_what(sign_in: Any, ruled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    case, client = opened(), sign_in("lead")
    assert "Choose a file." in words(client.post(f"/cases/{case.pk}/file", ADDED))
    assert client.get("/cases/999/file").status_code == 404
    monkeypatch.setattr(config(), "max_request_bytes", 1024)
    big = client.post(f"/cases/{case.pk}/file", {**ADDED, "file": io.BytesIO(b"x" * 4096)})
    assert "at most 1024 are taken" in words(big)
    assert not Exhibit.objects.exists()


# --- for what it is kept ---------------------------------------------------------------------------------------------


def test_it_is_kept_for_a_verdict_or_a_demand_only_where_there_is_one(people: SimpleNamespace, ruled: None) -> None:
    case = opened()
    for occasion, error in (("verdict", BadFile), ("demand", BadExhibit), ("match", BadFile)):
        with pytest.raises(error):
            add_file(case.pk, io.BytesIO(TEXT), label="a file", occasion=occasion, by="person:1")
    demand = accepted(people.lead, scope=f"case H-2026-{case.pk:06d}")
    asked = add_file(case.pk, io.BytesIO(TEXT), label="a file", occasion="demand", by="person:1").exhibit
    assert [each.exhibit for each in held_by(demand)] == [asked]
    claim(case.pk, person=people.reviewer)
    decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="A reason.")
    more = add_file(case.pk, io.BytesIO(b"another"), label="a file", occasion="verdict", by="person:1")
    assert more.exhibit.how == "collected"
    assert (more.lists, more.is_content) == ((), False)


def test_the_very_content_of_the_case_is_told_to_be_that(ruled: None) -> None:
    case = opened()
    case.subject = f"sha256:{SHA256}"
    case.save()
    added = add_file(case.pk, io.BytesIO(TEXT), label="a file", occasion="tip", by="person:1")
    assert added.is_content
    with pytest.raises(UnknownCase):
        add_file(999, io.BytesIO(TEXT), label="a file", occasion="tip", by="person:1")


def test_what_cannot_be_noted_is_not_kept(ruled: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = opened()
    monkeypatch.setattr(filing, "lists_that_know", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        add_file(case.pk, io.BytesIO(TEXT), label="a file", occasion="tip", by="person:1")
    assert not Exhibit.objects.exists()
    assert not sealed_files(tmp_path)


# --- by the API ------------------------------------------------------------------------------------------------------


@pytest.fixture
def api(db: None) -> Any:
    program = Program("evidence:write")

    def post(case: int, body: bytes = TEXT, query: str = "label=a+file", **headers: str) -> Any:
        path = f"/api/v1/cases/{case}/files?{query}"
        return program._client.generic("POST", path, body, "application/octet-stream", headers=headers)

    return post


def test_a_program_adds_a_file_once_however_often_it_asks(api: Any, ruled: None, tmp_path: Path) -> None:
    case = opened()
    first = api(case.pk, **{"Idempotency-Key": "one-act-of-1"})
    assert first.status_code == 201, first.content
    told = first.json()
    assert (told["case"], told["size"], told["digests"]["sha256"]) == (case.about, len(TEXT), SHA256)
    again = api(case.pk, **{"Idempotency-Key": "one-act-of-1"})
    assert (again.status_code, again.json()) == (201, told)
    other = api(case.pk, b"another", **{"Idempotency-Key": "one-act-of-1"})
    assert other.status_code == 422
    assert Exhibit.objects.count() == len(sealed_files(tmp_path)) == 1


def test_a_program_is_told_why_a_file_is_not_taken(api: Any, tmp_path: Path) -> None:
    case = opened()
    is_problem(api(case.pk), 409, "no-ground")
    is_problem(api(999), 404, "unknown-case")
    is_problem(api(case.pk, query="label="), 422)
    is_problem(api(case.pk, query="label=a&occasion=match"), 422)
    is_problem(api(case.pk, query="label=a&occasion=verdict"), 422, "bad-file")
    assert not sealed_files(tmp_path)


def test_a_file_that_was_broken_off_on_its_way_is_not_kept(ruled: None, db: None, tmp_path: Path) -> None:
    case, program = opened(), Program("evidence:write")
    path = f"/api/v1/cases/{case.pk}/files?label=a+file"
    sent = {"wsgi.input": io.BytesIO(TEXT), "CONTENT_LENGTH": str(len(TEXT) + 9)}
    answer = program._client.generic("POST", path, TEXT, "application/octet-stream", **sent)
    is_problem(answer, 422, "bad-file")
    assert not Exhibit.objects.exists()
    assert not sealed_files(tmp_path)


def test_nothing_is_kept_by_name_alone(ruled: None) -> None:
    case = opened()
    with pytest.raises(BadExhibit):
        add_file(case.pk, io.BytesIO(TEXT), label=" ", occasion="tip", by="person:1")
    set_rule("received", terms=RuleTerms("A law", "LU", "duty", ["tip"], "90 days"), by="system")
    with pytest.raises(NoGround):
        add_file(case.pk, io.BytesIO(TEXT), label="a file", occasion="received", by="person:1")
