"""Proposals over every face: the console, programs, a case that was a mistake."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.browsing import messages, words
from tests.casework import digest, match, opened
from tests.program import Program, is_problem, sha256
from tests.windows import signed_in

from himaya.accounts.models import Person
from himaya.cases.services import claim, decide
from himaya.core.config import config
from himaya.core.ports import ItemRow
from himaya.ledger.queries import entries
from himaya.lists import proposals, services
from himaya.lists.models import HashList, Item, Proposal

SignIn = Callable[[str], Client]
ONE, TWO = sha256("1"), sha256("2")
FILE = f"signal,value\nsha256,{ONE}\nsha256,{TWO}\n".encode()


@pytest.fixture(autouse=True)
def _no_files() -> None:
    """None of an earlier test, whose rows are gone."""
    shutil.rmtree(config().data / "proposals", ignore_errors=True)


@pytest.fixture
def common(hotline: HashList, people: SimpleNamespace) -> HashList:
    """The list with an item, marked as common."""
    services.add_items(hotline, rows=[ItemRow(1, "sha256", ONE)], by="system")
    return services.change_list("hotline", by=people.lead.actor, common=True)


@pytest.fixture
def other(people: SimpleNamespace) -> Person:
    """A second lead."""
    return Person.objects.create(username="other", name="Other", role="lead", password="!")


def test_the_console_turns_an_act_on_a_common_list_into_a_proposal_that_another_lead_decides(
    sign_in: SignIn, common: HashList, other: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, item = sign_in("lead"), Item.objects.get(value=ONE)
    seen = lead.post("/lists/hotline/import", {"file": SimpleUploadedFile("a.csv", FILE)}, follow=True)
    answers = [
        lead.post(f"/lists/items/{item.pk}/state", {"state": "withdrawn", "reason": "Wrong."}, follow=True),
        lead.post(f"{seen.request['PATH_INFO']}/bring", follow=True),
        lead.post(
            "/lists/hotline/settings",
            {"title": "Hotline", "organisations": 2, "jurisdictions": 1, "disputes": 1, "tlp": "red", "radius": 24,
             "enabled": "on", "common": "on"},
            follow=True,
        ),
    ]  # fmt: skip
    for answer in answers:
        assert "waits now for a second person" in " ".join(messages(answer))
        assert "Another lead has to decide." in words(answer)
    assert "Organisations that have to vouch 2" in words(answers[2])
    assert "3 proposals wait for a second person." in words(lead.get("/lists/"))
    first, second, third = Proposal.objects.order_by("pk")
    assert lead.post(f"/lists/proposals/{first.pk}/approve", follow=True).status_code == 200
    assert Proposal.objects.filter(state="waiting").count() == 3
    assert sign_in("reviewer").post(f"/lists/proposals/{first.pk}/approve").status_code == 403
    fellow = signed_in(other)
    assert "Approve: do it" in words(fellow.get(f"/lists/proposals/{first.pk}"))
    assert messages(fellow.post(f"/lists/proposals/{first.pk}/approve", follow=True)) == ["Approved, and done."]
    assert fellow.post(f"/lists/proposals/{second.pk}/refuse", {"reason": ""}).status_code == 422
    refused = fellow.post(f"/lists/proposals/{second.pk}/refuse", {"reason": "Not ours."}, follow=True)
    assert "Not ours." in words(refused)
    assert messages(lead.post(f"/lists/proposals/{third.pk}/withdraw", follow=True)) == [
        "Taken back. Nothing was changed."
    ]
    assert "Nothing waits" in words(lead.get("/lists/proposals"))
    assert len(lead.get("/lists/proposals?state=").context["rows"]) == 3
    assert Item.objects.get(value=ONE).state == "withdrawn"


@pytest.mark.parametrize("key", [None, "once"])
def test_a_program_is_answered_with_the_proposal_and_never_approves(
    common: HashList, people: SimpleNamespace, other: Person, key: str | None
) -> None:
    program, item = Program("lists:read", "lists:write", owner="lead"), Item.objects.get(value=ONE)
    asked: list[tuple[str, str, Any]] = [
        ("PATCH", f"/items/{item.pk}", {"state": "withdrawn", "reason": "Wrong."}),
        ("POST", "/lists/hotline/items", {"items": [{"signal": "sha256", "value": TWO}]}),
        ("PATCH", "/lists/hotline", {"organisations": 2}),
        ("POST", "/lists/hotline/import", FILE),
    ]
    made = []
    for n, (method, path, body) in enumerate(asked):
        kind = "text/csv" if isinstance(body, bytes) else "application/json"
        for _ in range(2 if key else 1):  # sent again with its key, it is the same proposal
            answer = program.send(method, path, body, key=f"{key}-{n}" if key else None, content_type=kind)
            assert answer.status_code == 202, answer.content
        made.append(answer.json()["id"])
    assert Proposal.objects.count() == 4
    listed = program.get("/proposals", limit=3).json()
    assert [one["act"] for one in listed["proposals"]] == ["import", "change", "add"]
    rest = program.get("/proposals", cursor=listed["next_cursor"], state="waiting").json()
    assert [(one["act"], one["list"]) for one in rest["proposals"]] == [("mark", "hotline")]
    assert program.get(f"/proposals/{made[0]}").json()["arguments"]["reason"] == "Wrong."
    is_problem(program.get("/proposals/999"), 404, "unknown-proposal")
    assert program.post(f"/proposals/{made[0]}/approve", {}).status_code == 404
    is_problem(Program("lists:write").post(f"/proposals/{made[1]}/withdraw", ""), 403, "may-not-decide")
    assert program.post(f"/proposals/{made[1]}/withdraw", "").json()["state"] == "refused"
    assert [proposals.approve(pk, person=other).state for pk in (made[0], made[2], made[3])] == ["done"] * 3
    assert Item.objects.count() == 2


def test_what_a_case_finds_to_be_benign_is_proposed_too(
    common: HashList, people: SimpleNamespace, other: Person, sign_in: SignIn
) -> None:
    item = Item.objects.get(value=ONE)
    case = opened(1, matches=[match(item.pk, signal="sha256", value=digest(1), distance=0)])
    claim(case.pk, person=people.lead)
    decide(case.pk, person=people.lead, scheme="himaya-review", code="not-illegal", reason="A drawing.")
    given = {"list": "hotline", "reason": "A drawing."}
    answer = sign_in("lead").post(f"/cases/{case.pk}/excuse", given, follow=True)
    assert "waits now for a second person" in " ".join(messages(answer))
    assert not Item.objects.filter(negative=True).exists()
    made = Proposal.objects.get()
    assert proposals.approve(made.pk, person=other).state == "done"
    assert Item.objects.get(negative=True).value == digest(1)
    assert entries(act="item.benign").count() == 1
