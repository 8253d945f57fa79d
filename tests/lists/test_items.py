"""Items: page by page, found by value, withdrawn, disputed and restored for a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from tests.browsing import every_page, messages, words
from tests.program import sha256

from himaya.core import clock
from himaya.ledger.services import record
from himaya.lists import queries
from himaya.lists.models import HashList, Item, Quarantine, Revision

SignIn = Callable[[str], Client]
ONE = sha256("1")


@pytest.fixture
def item(put: Any) -> Item:
    """An item with everything that its source said."""
    row = f"sha256,{ONE},interpol,baseline,Ministry,r-17,<b>صورة</b>"
    put(["signal,value,scheme,code,source,reference,note", row])
    return Item.objects.get()


def test_every_item_is_on_one_page(sign_in: SignIn, put: Any) -> None:
    put([f"md5:{n:032x}" for n in range(1, 124)], "hashes")
    answers = every_page(sign_in("analyst"), "/lists/hotline/")
    assert [len(answer.context["rows"]) for answer in answers] == [50, 50, 23]
    shown = [row["item"].value for answer in answers for row in answer.context["rows"]]
    assert shown == [f"{n:032x}" for n in range(1, 124)]


def test_pages_keep_the_filter(sign_in: SignIn, put: Any) -> None:
    put([f"md5:{n:032x}" for n in range(1, 120)], "hashes")
    Item.objects.filter(value__lte=f"{60:032x}").update(state="disputed")
    answers = every_page(sign_in("analyst"), "/lists/hotline/?state=disputed")
    assert [len(answer.context["rows"]) for answer in answers] == [50, 10]


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30, "١"])
def test_a_cursor_that_nobody_gave_out_is_refused(sign_in: SignIn, hotline: HashList, cursor: str) -> None:
    assert sign_in("analyst").get("/lists/hotline/", {"after": cursor}).status_code == 422


def test_a_page_that_was_emptied_leads_back(sign_in: SignIn, item: Item) -> None:
    answer = sign_in("analyst").get("/lists/hotline/", {"after": item.pk})
    assert (answer.context["items"].rows, answer.context["items"].previous_url) == ([], "/lists/hotline/")


def test_an_item_is_found_by_its_value_in_any_writing(sign_in: SignIn, item: Item) -> None:
    client = sign_in("analyst")
    assert [r["item"] for r in client.get("/lists/hotline/", {"value": f" {ONE.upper()}"}).context["rows"]] == [item]
    assert "No item is like that" in words(client.get("/lists/hotline/", {"value": sha256("2")}))
    assert "No signal reads this value" in words(client.get("/lists/hotline/", {"value": ONE[:20]}))


@pytest.mark.parametrize("name", ["value", "state", "signal", "scheme", "code"])
def test_strange_addresses_find_nothing_and_break_nothing(sign_in: SignIn, item: Item, name: str) -> None:
    for text in ("\0", "'; DROP TABLE", "x" * 5000, "\ud800".encode("utf-8", "surrogatepass")):
        assert sign_in("analyst").get("/lists/hotline/", {name: text}).status_code == 200


def test_an_item_says_where_it_comes_from(sign_in: SignIn, item: Item) -> None:
    answer = sign_in("analyst").get(f"/lists/items/{item.pk}")
    text = words(answer)
    for said in ("Baseline", "Ministry", "r-17", "the node itself", "SHA-256", "<b>صورة</b>"):
        assert said in text
    assert "<bdi>&lt;b&gt;صورة&lt;/b&gt;</bdi>" in answer.content.decode()
    assert ONE in answer.content.decode()


def test_an_item_is_withdrawn_disputed_and_restored_for_a_reason(sign_in: SignIn, item: Item) -> None:
    client, url = sign_in("lead"), f"/lists/items/{item.pk}/state"
    revision = queries.revision()
    for state, said in (("withdrawn", "Withdrawn"), ("disputed", "Marked as disputed"), ("active", "Restored")):
        answer = client.post(url, {"state": state, "reason": f"Because of {state}."}, follow=True)
        assert messages(answer) == ["Recorded. It holds from the next screening on."]
        assert f"{said} Lead ·" in words(answer)
        assert f"Because of {state}." in words(answer)
        item.refresh_from_db()
        assert (item.state, item.reason, item.note) == (state, f"Because of {state}.", "<b>صورة</b>")
    assert item.revision > revision
    assert [entry["what"] for entry in answer.context["history"]] == ["Restored", "Marked as disputed", "Withdrawn"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"state": "withdrawn"}, "Give a reason."),
        ({"state": "withdrawn", "reason": "  "}, "Give a reason."),
        ({"state": "withdrawn", "reason": "x" * 501}, "at most 500"),
        ({"state": "gone", "reason": "x"}, "active, disputed or withdrawn"),
        ({"reason": "x"}, "active, disputed or withdrawn"),
    ],
)
def test_what_is_missing_is_said_at_the_form(sign_in: SignIn, item: Item, given: dict[str, str], why: str) -> None:
    answer = sign_in("lead").post(f"/lists/items/{item.pk}/state", given)
    assert answer.status_code == 422
    assert why in words(answer)
    item.refresh_from_db()
    assert item.state == "active"


def test_the_other_fingerprints_of_a_content_are_named_where_one_is_withdrawn(sign_in: SignIn, put: Any) -> None:
    head = "signal,value,source,reference"
    put([head, f"sha256,{sha256('a')},s,r-1", f"md5,{'ab' * 16},s,r-1", f"md5,{'cd' * 16},s,r-2"])
    one, other, stranger = (Item.objects.get(value=each) for each in (sha256("a"), "ab" * 16, "cd" * 16))
    lead = sign_in("lead")
    answer = lead.post(f"/lists/items/{one.pk}/state", {"state": "withdrawn", "reason": "An error."}, follow=True)
    page = answer.content.decode()
    assert "1 other fingerprint of the same content still stands" in page
    assert f'<a href="/lists/items/{other.pk}">' in page
    assert f'<a href="/lists/items/{stranger.pk}">' not in page
    answer = lead.post(f"/lists/items/{other.pk}/state", {"state": "withdrawn", "reason": "An error."}, follow=True)
    assert "still stand" not in answer.content.decode()


@pytest.mark.parametrize("pk", [0, 12345, 2**80])
def test_an_unknown_item_is_not_found(sign_in: SignIn, db: None, pk: int) -> None:
    client = sign_in("lead")
    assert client.get(f"/lists/items/{pk}").status_code == 404
    assert client.post(f"/lists/items/{pk}/state", {"state": "active", "reason": "x"}).status_code in (404, 422)


def test_the_way_to_the_ledger_is_for_those_who_may_see_it(sign_in: SignIn, item: Item) -> None:
    sign_in("lead").post(f"/lists/items/{item.pk}/state", {"state": "disputed", "reason": "x"})
    assert "/ledger/" in sign_in("auditor").get(f"/lists/items/{item.pk}").context["history"][0]["url"]
    assert sign_in("analyst").get(f"/lists/items/{item.pk}").context["history"][0]["url"] == ""


def test_what_can_match_is_told_as_the_list_has_it(item: Item) -> None:
    [known] = queries.known_by_value("sha256", [ONE, sha256("2")])[ONE]
    assert known == queries.known_by_id([item.pk])[item.pk]
    assert known == queries.Known(
        item.pk, "hotline", "sha256", ONE, 0, "active", "interpol", "baseline", "Ministry", "r-17",
        item.added_by, item.added_at, negative=False, quarantined=False,
    )  # fmt: skip


def test_what_cannot_match_is_not_told(item: Item, hotline: HashList) -> None:
    now = clock.now()
    held = Quarantine.objects.create(item=item, at=now, contents=5, hours=1, distances={})
    assert queries.known_by_id([item.pk])[item.pk].quarantined is True
    held.ended_at = now
    held.save()
    assert queries.known_by_id([item.pk])[item.pk].quarantined is False
    Item.objects.update(state="disputed", negative=True)
    assert queries.known_by_id([item.pk])[item.pk].negative is True
    Item.objects.update(state="withdrawn")
    assert queries.known_by_id([item.pk]) == {}
    Item.objects.update(state="active")
    HashList.objects.update(enabled=False)
    assert queries.known_by_value("sha256", [ONE]) == {}
    HashList.objects.update(enabled=True)
    Revision.objects.filter(pk=item.revision).update(number=None)
    assert queries.known_by_id([item.pk]) == {}, "it is of an import that is under way"


def test_a_perceptual_item_has_the_radius_of_its_list(put: Any, hotline: HashList) -> None:
    put([f"pdq:{'5a' * 32}"], "hashes")
    [known] = queries.known_by_id(Item.objects.values_list("pk", flat=True)).values()
    assert known.radius == hotline.radius > 0


def test_a_dispute_without_a_reason_is_marked_at_its_field(sign_in: SignIn, item: Item) -> None:
    answer = sign_in("reviewer").post(f"/lists/items/{item.pk}/vote", {"opinion": "dispute", "reason": " "})
    assert answer.status_code == 422
    assert answer.context["vote_form"].errors == {"reason": ["Say why you disagree."]}
    assert "Say why you disagree." in words(answer)
    assert "(optional)" not in answer.content.decode().partition('id="vote-')[0].rpartition("<label")[2]
    assert sign_in("reviewer").post(f"/lists/items/{item.pk}/vote", {"opinion": "confirm"}).status_code == 302


def test_a_vote_that_was_delivered_is_told_in_words(sign_in: SignIn, item: Item) -> None:
    with transaction.atomic():
        for act in ("delivery.sent", "delivery.failed"):
            record(act, by="system", about=f"item:{item.pk}", job=1)
    told = [entry["what"] for entry in sign_in("lead").get(f"/lists/items/{item.pk}").context["history"]]
    assert told == ["Our vote did not arrive at a source; a person must look at it", "Our vote arrived at a source"]
