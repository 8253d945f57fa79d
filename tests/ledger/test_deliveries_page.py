"""Deliveries: those that need a person first, one with its document, and what a person can do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from tests.browsing import every_page, messages, words
from tests.documents import FULL

from himaya.core import clock
from himaya.flow import reactor
from himaya.ledger import outbox
from himaya.ledger.models import Entry, Job, Lane
from himaya.ledger.services import record
from himaya.site.pages.delivery_words import RULES, rule_words

SignIn = Callable[[str], Client]
DOCUMENT = {"kind": "report", "case": "H-2026-000001", "verdict": {"reason": "<b>صورة</b>"}}


@pytest.fixture
def job(db: None) -> Callable[..., Job]:
    """A job in the state asked for."""

    def one(state: str = "ready", key: str = "", **more: Any) -> Job:
        with transaction.atomic():
            made = outbox.enqueue(
                "deliver",
                lane="mail.example:587",
                key=key or f"report-{state}",
                about="case:1",
                payload={"route": "desk", "document": DOCUMENT},
            )
        settled = clock.now() if state not in ("ready", "running") else None
        Job.objects.filter(pk=made.pk).update(state=state, settled_at=settled, **more)
        made.refresh_from_db()
        return made

    return one


def test_without_deliveries_the_page_says_what_that_means(sign_in: SignIn) -> None:
    assert "Nothing has left yet" in words(sign_in("lead").get("/ledger/deliveries/"))


def test_what_needs_a_person_stands_first_with_what_to_check(sign_in: SignIn, job: Any) -> None:
    dead, unknown = job("dead", error="550 no such mailbox"), job("unknown", error="cut off")
    done = job("done")
    answer = sign_in("reviewer").get("/ledger/deliveries/")
    text = words(answer)
    assert [row["job"] for row in answer.context["stuck"]] == [unknown, dead]
    assert "2 need a person" in text
    assert "Ask the recipient for the message with the key" in text
    assert "Read the error, put right what it names" in text
    assert "550 no such mailbox" in text
    assert [row["job"] for row in answer.context["rows"]] == [done, unknown, dead]


def test_deliveries_are_narrowed_by_state(sign_in: SignIn, job: Any) -> None:
    dead = job("dead")
    job("done")
    answer = sign_in("lead").get("/ledger/deliveries/?state=dead")
    assert [row["job"] for row in answer.context["rows"]] == [dead]
    assert answer.context["stuck"] == []
    assert [(f["word"], f["count"]) for f in answer.context["filters"]] == [("all", 2), ("failed", 1), ("arrived", 1)]
    assert "None is in this state" in words(sign_in("lead").get("/ledger/deliveries/?state=lost"))


def test_every_delivery_is_on_one_page(sign_in: SignIn, job: Any) -> None:
    made = [job("done", key=f"report-{n}").pk for n in range(105)]
    answers = every_page(sign_in("lead"), "/ledger/deliveries/")
    assert [row["job"].pk for answer in answers for row in answer.context["rows"]] == made[::-1]


def test_a_destination_that_rests_is_named(sign_in: SignIn, job: Any) -> None:
    Lane.objects.create(name="mail.example:587", failures=5, rests_until=4_000_000_000.0)
    Lane.objects.create(name="other.example:25", failures=2, rests_until=0)
    Lane.objects.create(name="fine.example:25", failures=0, rests_until=0)
    text = words(sign_in("lead").get("/ledger/deliveries/"))
    assert "The destination mail.example:587 failed 5 times in a row and is left alone until" in text
    assert "The destination other.example:25 failed the last 2 times." in text
    assert "fine.example" not in text


def test_one_delivery_shows_its_document_as_it_leaves(sign_in: SignIn, job: Any) -> None:
    shown = job("done", attempts=2, receipt='{"reference":"R-7","detail":"accepted"}')
    answer = sign_in("reviewer").get(f"/ledger/deliveries/{shown.pk}")
    text = words(answer)
    for said in ("Report H-2026-000001", "report-done", "mail.example:587", "2 of at most 8", "R-7", "accepted"):
        assert said in text
    assert raw(answer) == [{"reference": "R-7", "detail": "accepted"}, DOCUMENT]
    assert "<b>صورة" not in answer.content.decode()


def raw(answer: Any) -> list[Any]:
    """What stands behind the folds, as data."""
    page = answer.content.decode()
    folded = re.findall(r"<details><summary>[^<]+</summary><pre[^>]*><code>(.*?)</code>", page, re.DOTALL)
    assert len(folded) == page.count("<pre"), "raw data lies behind a fold"
    return [json.loads(unescape(each)) for each in folded]


def facts(answer: Any) -> dict[str, str]:
    """The terms of the page and what stands beside them."""
    found = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", answer.content.decode(), re.DOTALL)
    return {term: " ".join(unescape(re.sub(r"<[^>]+>", "", said)).split()) for term, said in found}


def test_what_a_document_says_and_who_took_it_stand_there_in_words(sign_in: SignIn, job: Any) -> None:
    shown = job("done", attempts=2, receipt='{"reference":"Tel. 12:30","by":"person:1"}')
    Job.objects.filter(pk=shown.pk).update(
        content=json.dumps({"route": "desk", "document": FULL.as_json()}), settled_at=FULL.made_at
    )
    said = facts(sign_in("lead").get(f"/ledger/deliveries/{shown.pk}"))
    assert said["Recipient"] == "desk"
    assert said["Reference"] == "Tel. 12:30"
    assert said["Attempt"] == "2"
    assert said["Noted by"]
    assert said["When"] == said["Written"] == said["Settled"]
    assert said["Reason"] == FULL.verdict.reason
    assert said["Sightings"].startswith(str(len(FULL.sightings)))
    assert {one.list_name for one in FULL.matches} == set(said["Lists"].split(" · "))


def test_the_document_of_another_version_is_shown_as_far_as_it_goes(sign_in: SignIn, job: Any) -> None:
    shown = job("done")
    Job.objects.update(content='{"document":{}}')
    assert sign_in("lead").get(f"/ledger/deliveries/{shown.pk}").status_code == 200


# --- what follows from a verdict -------------------------------------------------------------------------------------


@pytest.fixture
def undone(db: None) -> Callable[[str], Job]:
    """A rule that failed."""

    def one(state: str) -> Job:
        with transaction.atomic():
            entry = record("case.decided", by="person:1", about="case:1")
            payload = {"entry": entry.seq, "rule": "tell_authority_and_host"}
            made = outbox.enqueue("follow", lane="flow:tell", key=f"flow:{state}", about="case:1", payload=payload)
            record("flow.failed", by="system", about="case:1", job=made.pk)
        Job.objects.filter(pk=made.pk).update(state=state, error="ZeroDivisionError: a defect")
        return made

    return one


def test_what_follows_from_a_verdict_and_could_not_be_done_is_said_calmly(sign_in: SignIn, undone: Any) -> None:
    client, stuck = sign_in("lead"), undone("dead")
    listed = words(client.get("/ledger/deliveries/"))
    for said in ("1 needs a person", "What follows from a verdict Reports and notices are queued", "could not be done"):
        assert said in listed
    answer = client.get(f"/ledger/deliveries/{stuck.pk}")
    text, said = words(answer), facts(answer)
    assert "Read the error, put right what it names, then let it be tried again." in text
    assert said["What"] == "Reports and notices are queued"
    assert said["Follows from"] == "ledger 1"
    assert said["Last error"] == "ZeroDivisionError: a defect"
    assert "Destination" not in said
    assert "What it says" not in text
    assert [entry["what"] for entry in answer.context["history"]] == ["Could not be done; it is tried again by itself"]
    answer = client.post(f"/ledger/deliveries/{stuck.pk}/retry", follow=True)
    assert messages(answer) == ["It is tried again; the worker takes it within seconds."]
    assert answer.context["history"][0]["what"] == "Tried again by hand"


def test_what_follows_from_a_verdict_is_not_taken_back_but_with_its_verdict(sign_in: SignIn, undone: Any) -> None:
    client, waits = sign_in("lead"), undone("ready")
    url = f"/ledger/deliveries/{waits.pk}"
    assert f'action="{url}/' not in client.get(url).content.decode()
    client.post(f"{url}/cancel")
    waits.refresh_from_db()
    assert waits.state == "ready"


def test_a_rule_that_rests_is_no_destination(sign_in: SignIn, db: None) -> None:
    Lane.objects.create(name="flow:take_back_what_has_not_left", failures=5, rests_until=4_000_000_000.0)
    text = words(sign_in("lead").get("/ledger/deliveries/"))
    assert "What follows from a verdict could not be done of late: What has not left is taken back." in text
    assert "The destination" not in text


def test_every_rule_has_its_words_and_another_version_s_its_name() -> None:
    assert {name for named in reactor._rules.values() for name in named} == set(RULES)
    assert rule_words("of_another_version") == "of_another_version"


def test_an_administrator_sees_the_delivery_and_neither_document_nor_case(sign_in: SignIn, job: Any) -> None:
    answer = sign_in("admin").get(f"/ledger/deliveries/{job('dead', error='550').pk}")
    assert "Your role does not include reading documents." in words(answer)
    assert "صورة" not in answer.content.decode()
    assert "/cases/1/" not in answer.content.decode()
    assert "550" in words(answer)


@pytest.mark.parametrize("pk", [0, 99, 2**80])
def test_an_unknown_delivery_is_not_found(sign_in: SignIn, db: None, pk: int) -> None:
    assert sign_in("lead").get(f"/ledger/deliveries/{pk}").status_code == 404


# --- acts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["dead", "unknown"])
def test_what_is_stuck_is_sent_again(sign_in: SignIn, job: Any, state: str) -> None:
    stuck = job(state, attempts=8)
    answer = sign_in("lead").post(f"/ledger/deliveries/{stuck.pk}/retry", follow=True)
    assert messages(answer) == ["It waits to leave again; the worker takes it within seconds."]
    stuck.refresh_from_db()
    assert (stuck.state, stuck.settled_at, stuck.max_attempts) == ("ready", None, 16)
    assert [entry["what"] for entry in answer.context["history"]] == ["Sent again by hand"]
    assert Entry.objects.get(act="delivery.retried").actor == answer.wsgi_request.user.actor


def test_what_did_arrive_is_noted_with_the_recipients_reference(sign_in: SignIn, job: Any) -> None:
    client, doubtful = sign_in("lead"), job("unknown")
    url = f"/ledger/deliveries/{doubtful.pk}/settle"
    for given, why in (({}, "Without a reference"), ({"reference": "x" * 201}, "at most 200")):
        answer = client.post(url, given)
        assert (answer.status_code, why in words(answer)) == (422, True)
    answer = client.post(url, {"reference": "Tel. 12:30, Ms. Ω"}, follow=True)
    assert messages(answer) == ["Noted as arrived, under your name."]
    assert "Tel. 12:30, Ms. Ω" in words(answer)
    doubtful.refresh_from_db()
    assert doubtful.state == "done"


def test_what_has_not_left_is_taken_back(sign_in: SignIn, job: Any) -> None:
    client, ready = sign_in("lead"), job("ready")
    url = f"/ledger/deliveries/{ready.pk}/cancel"
    assert messages(client.post(url, follow=True)) == ["Taken back. It does not leave this node."]
    ready.refresh_from_db()
    assert ready.state == "cancelled"
    assert messages(client.post(url, follow=True)) == ["It was too late: it is leaving or has left."]


@pytest.mark.parametrize(
    ("state", "act", "said"),
    [
        ("done", "retry", "is done; only a job that is dead or unknown can be sent again"),
        ("dead", "settle", "is dead; only a job that is unknown can be settled by hand"),
        ("running", "cancel", "It was too late"),
    ],
)
def test_an_act_that_comes_too_late_changes_nothing_and_says_so(
    sign_in: SignIn, job: Any, state: str, act: str, said: str
) -> None:
    shown = job(state)
    answer = sign_in("lead").post(f"/ledger/deliveries/{shown.pk}/{act}", {"reference": "x"}, follow=True)
    assert said in words(answer)
    shown.refresh_from_db()
    assert shown.state == state


@pytest.mark.parametrize(
    ("state", "acts"), [("dead", {"retry"}), ("unknown", {"retry", "settle"}), ("ready", {"cancel"}), ("done", set())]
)
def test_only_what_is_possible_is_offered(sign_in: SignIn, job: Any, state: str, acts: set[str]) -> None:
    url = f"/ledger/deliveries/{job(state).pk}"
    text = sign_in("lead").get(url).content.decode()
    assert {act for act in ("retry", "settle", "cancel") if f'action="{url}/{act}"' in text} == acts


@pytest.mark.parametrize("role", ["reviewer", "auditor", "admin"])
def test_who_may_only_look_is_offered_nothing(sign_in: SignIn, job: Any, role: str) -> None:
    stuck, client = job("unknown"), sign_in(role)
    url = f"/ledger/deliveries/{stuck.pk}"
    page = client.get(url)
    assert f'action="{url}' not in page.content.decode()
    assert "This is for a lead to do." in words(page)
    for act in ("retry", "settle", "cancel"):
        assert client.post(f"{url}/{act}", {"reference": "x"}).status_code == 403
    stuck.refresh_from_db()
    assert stuck.state == "unknown"


def test_an_analyst_has_no_part_in_deliveries(sign_in: SignIn, job: Any) -> None:
    client, shown = sign_in("analyst"), job("dead")
    assert client.get("/ledger/deliveries/").status_code == 403
    assert client.get(f"/ledger/deliveries/{shown.pk}").status_code == 403
