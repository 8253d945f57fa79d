"""The pages of the ledger: entries page by page, one entry between its neighbours, and the proof."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from tests.browsing import every_page, messages, words

import himaya
from himaya.ledger import append_only
from himaya.ledger.models import Entry
from himaya.ledger.services import record
from himaya.lists.item_pages import MARKS
from himaya.site.pages.act_words import ACTS, ROOMS

SignIn = Callable[[str], Client]


def write(*acts: tuple[str, str, str], **data: Any) -> None:
    """Entries: act, actor, object."""
    with transaction.atomic():
        for act, actor, about in acts:
            record(act, by=actor, about=about, **data)


@pytest.fixture
def some(people: Any) -> None:
    """Four entries of several rooms, people and objects."""
    write(
        ("case.opened", "system", "case:1"),
        ("case.claimed", people.reviewer.actor, "case:1"),
        ("list.created", people.lead.actor, "list:hotline"),
        ("case.opened", "key:ab12cd34ef56", "case:2"),
    )


def shown(answer: Any) -> list[int]:
    return [row["entry"].seq for row in answer.context["rows"]]


def test_an_act_stands_in_words_in_its_row_and_as_the_heading_of_its_page(sign_in: SignIn, people: Any) -> None:
    write(("case.decided", people.lead.actor, "case:1"), scheme="interpol", code="baseline")
    client = sign_in("auditor")
    for url in ("/ledger/", "/ledger/1"):
        assert "<bdi>Decided: Baseline (INTERPOL Baseline)</bdi>" in client.get(url).content.decode()


def test_every_act_that_the_house_records_has_words() -> None:
    source = "".join(path.read_text() for path in Path(himaya.__file__).parent.rglob("*.py"))
    recorded = set(re.findall(r'record\(\s*"([a-z.-]+)"', source))
    recorded |= {f"item.{state}" for state in MARKS} | {"report.queued", "notice.queued"}
    recorded |= {f"proposal.{state}" for state in ("approved", "done", "refused", "failed")}
    assert len(recorded) > 20
    assert recorded <= set(ACTS)
    assert {act.partition(".")[0] for act in ACTS} == set(ROOMS)


def test_an_empty_ledger_says_what_that_means(sign_in: SignIn) -> None:
    assert "Nothing has happened yet" in words(sign_in("auditor").get("/ledger/"))


def test_entries_stand_newest_first_with_names_and_digests(sign_in: SignIn, some: None) -> None:
    answer = sign_in("auditor").get("/ledger/")
    assert shown(answer) == [4, 3, 2, 1]
    assert [row["who"] for row in answer.context["rows"]] == ["key:ab12cd34ef56", "Lead", "Reviewer", "the node itself"]
    text = answer.content.decode()
    for entry in Entry.objects.all():
        assert f"{entry.digest[:8]}<span>{entry.digest[8:-6]}</span>{entry.digest[-6:]}" in text
    assert '<a href="/cases/1/"><bdi dir="ltr">case:1</bdi></a>' in text
    assert '<a href="/lists/hotline/">' in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"act": "case."}, [4, 2, 1]),
        ({"act": "case.opened"}, [4, 1]),
        ({"actor": "reviewer"}, [2]),
        ({"actor": " Reviewer "}, [2]),
        ({"actor": "system"}, [1]),
        ({"actor": "key:ab12cd34ef56"}, [4]),
        ({"about": "case:1"}, [2, 1]),
        ({"about": "case:1", "act": "case.opened"}, [1]),
        ({"about": "case:9"}, []),
        ({"actor": "nobody"}, []),
        ({"about": "\0"}, [4, 3, 2, 1]),
    ],
)
def test_entries_are_narrowed(sign_in: SignIn, some: None, query: dict[str, str], found: list[int]) -> None:
    answer = sign_in("lead").get("/ledger/", query)
    assert shown(answer) == found
    assert found or "No entry is like that" in words(answer)


def test_the_form_offers_every_act_and_remembers_the_choice(sign_in: SignIn, some: None) -> None:
    answer = sign_in("lead").get("/ledger/?act=case.&about=case:1")
    assert answer.context["rooms"] == [
        (
            "case",
            "Cases",
            [("case.claimed", "Claimed"), ("case.opened", "Opened: it matched an item of the list …")],
        ),
        ("list", "Lists", [("list.created", "List made")]),
    ]
    text = answer.content.decode()
    assert '<option value="case." selected>' in text
    assert 'name="about" value="case:1"' in text


def test_every_entry_is_on_one_page(sign_in: SignIn, people: Any) -> None:
    write(*[("case.seen", "system", f"case:{n}") for n in range(130)])
    answers = every_page(sign_in("auditor"), "/ledger/?act=case.seen")
    assert [seq for answer in answers for seq in shown(answer)] == list(range(130, 0, -1))


def test_one_entry_is_shown_whole_between_its_neighbours(sign_in: SignIn, some: None, people: Any) -> None:
    write(("case.decided", people.lead.actor, "case:1"), code="<b>صورة</b>", confirms=True)
    client = sign_in("auditor")
    answer = client.get("/ledger/5")
    text = answer.content.decode()
    assert '"code": "<b>صورة</b>"' in words(answer)
    assert "<b>صورة" not in text
    entry, before = Entry.objects.get(seq=5), Entry.objects.get(seq=4)
    assert entry.previous == before.digest
    assert all(f"{digest[:8]}<span>" in text for digest in (entry.digest, before.digest))
    assert "follows from the one before" in words(answer)
    assert "Nothing was recorded since." in words(answer)
    assert "The beginning" in words(client.get("/ledger/1"))
    assert 'rel="next" href="/ledger/4"' in client.get("/ledger/3").content.decode()


@pytest.mark.parametrize("seq", [0, 99, 2**80])
def test_an_unknown_entry_is_not_found(sign_in: SignIn, some: None, seq: int) -> None:
    assert sign_in("lead").get(f"/ledger/{seq}").status_code == 404


def test_a_whole_ledger_is_said_to_be_whole(sign_in: SignIn, some: None) -> None:
    answer = sign_in("auditor").post("/ledger/verify", follow=True)
    head = Entry.objects.get(seq=4).digest[:12]
    assert messages(answer) == [
        f"The ledger is whole: each of its 4 entries follows from the one before. It ends in {head}…"
    ]
    assert answer.redirect_chain == [("/ledger/", 302)]
    on_record = Entry.objects.latest("seq")
    assert (on_record.act, on_record.data["entries"]) == ("ledger.proved", 4)


def test_a_broken_ledger_is_said_to_be_broken_and_where(sign_in: SignIn, some: None) -> None:
    append_only.unsafe_remove(connection)
    Entry.objects.filter(seq=2).update(actor="person:999")
    client = sign_in("auditor")
    answer = client.post("/ledger/verify", follow=True)
    assert messages(answer) == [
        "The ledger is broken at entry 2: its content was changed after it was written. Everything before it is whole."
    ]
    assert Entry.objects.count() == 4, "what is broken is not said to be proved"
    assert "changed after it was written" in words(client.get("/ledger/2"))
    Entry.objects.filter(seq=4).update(previous="0" * 64)
    assert "does not follow from the one before" in words(client.get("/ledger/4"))
    append_only.install(connection)


def test_the_proof_is_not_asked_for_by_a_link(sign_in: SignIn, some: None) -> None:
    assert sign_in("auditor").get("/ledger/verify").status_code == 405


@pytest.mark.parametrize("role", ["analyst", "reviewer", "admin"])
def test_the_ledger_is_for_leads_and_auditors(sign_in: SignIn, some: None, role: str) -> None:
    client = sign_in(role)
    for answer in (client.get("/ledger/"), client.get("/ledger/1"), client.post("/ledger/verify")):
        assert answer.status_code == 403


def test_only_the_room_that_one_is_in_is_marked(sign_in: SignIn, some: None) -> None:
    for url in ("/ledger/", "/ledger/deliveries/"):
        answer = sign_in("lead").get(url)
        assert [entry["url"] for entry in answer.context["nav"] if entry["current"]] == [url]
