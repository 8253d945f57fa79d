"""Partners as their operator keeps them: on pages, by commands, by programs; and what is said when a key ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from tests.federation.conftest import Reader, fill, make, pdq
from tests.program import Program, is_problem

from himaya.accounts.models import Answered
from himaya.federation import queries, services
from himaya.federation.models import Grant, Partner
from himaya.ledger.queries import entries
from himaya.lists import organisations
from himaya.lists.models import HashList
from himaya.site.health import partners_health
from himaya.transparency.queries import numbers

FORM = {"name": "platform", "title": "A platform", "items_a_day": 10, "requests_a_day": 20, "days": 30, "votes": "on"}


def read(secret: str, path: str = "ncmec/v2/status") -> int:
    return Client().get(f"/exchange/{path}", headers={"Authorization": f"Bearer {secret}"}).status_code


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_administrator_admits_a_partner_and_a_lead_shares_lists_with_it(sign_in: Callable[[str], Client]) -> None:
    make("hotline")
    made = sign_in("admin").post("/lists/partners/new", FORM)
    secret = made.context["secret"]
    assert read(secret) == 200
    partner = services.find_partner("platform")
    assert (partner.votes, partner.items_a_day, partner.requests_a_day) == (True, 10, 20)
    lead = sign_in("lead")
    assert read(secret, "files/hotline.csv") == 404
    assert lead.post("/lists/partners/platform/share", {"list": "hotline"}).status_code == 302
    assert read(secret, "files/hotline.csv") == 200
    page = lead.get("/lists/partners/platform/").content.decode()
    for words in ("A platform", "Hotline", "amber", "/exchange/ncmec", "/exchange/taxii2/", "0 of 10", "3 of 20"):
        assert words in page, words
    assert lead.post("/lists/partners/platform/lists/hotline/end").status_code == 302
    assert read(secret, "files/hotline.csv") == 404
    told = [one.act for one in entries(about="list:hotline")]
    assert told == ["list.unshared", "list.read", "list.shared", "list.created"]


@pytest.mark.django_db
def test_a_partner_has_ended_when_it_did_and_gets_no_key_and_no_list_after_that(program: Program, clock: Any) -> None:
    make("hotline")
    services.add_partner("platform", by="system")
    ended = program.send("POST", "/partners/platform/end", "").json()["ended_at"]
    clock.advance(timedelta(hours=1))
    assert program.send("POST", "/partners/platform/end", "").json()["ended_at"] == ended
    assert entries(act="partner.ended").count() == 1
    is_problem(program.post("/partners/platform/keys", {}), 409, "partner-ended")
    is_problem(program.send("PUT", "/partners/platform/lists/hotline", ""), 409, "partner-ended")
    assert (services._valid_prefixes(services.find_partner("platform")), Grant.objects.count()) == ([], 0)


@pytest.mark.django_db
def test_a_partner_speaks_neither_as_ourselves_nor_as_another_partner() -> None:
    with pytest.raises(services.BadPartner, match="own organisation"):
        services.add_partner("platform", by="system", organisation=organisations.own().name)
    services.add_partner("platform", by="system", organisation="one.example")
    with pytest.raises(services.BadPartner, match="platform speaks as that organisation"):
        services.add_partner("second", by="system", organisation="one.example")
    services.end_partner("platform", by="system")
    services.add_partner("second", by="system", organisation="one.example")


@pytest.mark.django_db
def test_a_partner_changes_over_to_another_key_and_then_reads_no_more(sign_in: Callable[[str], Client]) -> None:
    admin, first = sign_in("admin"), Reader()
    second = admin.post("/lists/partners/platform/keys/add").context["secret"]
    assert (read(first.secret), read(second)) == (200, 200)
    assert admin.post(f"/lists/partners/platform/keys/{first.secret.split('_')[1]}/revoke").status_code == 302
    assert (read(first.secret), read(second)) == (401, 200)
    assert admin.post("/lists/partners/platform/end").status_code == 302
    assert read(second) == 401
    page = admin.get("/lists/partners/platform/").content.decode()
    assert "It reads no more since" in page
    assert "Make another key" not in page


@pytest.mark.django_db
def test_a_form_that_cannot_be_taken_says_why(sign_in: Callable[[str], Client]) -> None:
    Reader()
    answer = sign_in("admin").post("/lists/partners/new", FORM)
    assert answer.status_code == 422
    assert "there is a partner of that name already" in answer.content.decode()
    answer = sign_in("lead").post("/lists/partners/platform/share", {"list": "none"})
    assert answer.status_code == 422
    assert not Grant.objects.exists()


@pytest.mark.django_db
def test_the_page_of_all_partners_says_who_reads_what(sign_in: Callable[[str], Client], clock: Any) -> None:
    lead = sign_in("lead")
    assert "There is no partner yet" in lead.get("/lists/partners/").content.decode()
    fill(make("hotline"), [("pdq", pdq("a"))])
    reader = Reader(items_a_day=50).reads("hotline")
    reader.get("ncmec/v2/entries")
    page = lead.get("/lists/partners/").content.decode()
    for words in ("The platform", "Hotline", "1 of 50", "1 of 20,000"):
        assert words in page, words
    assert "/lists/partners/" in lead.get("/lists/").content.decode()
    assert "/lists/partners/" not in sign_in("analyst").get("/lists/").content.decode()


@pytest.mark.django_db
def test_the_last_reading_is_shown_to_the_minute_also_within_the_hour_that_the_ledger_notes_once(clock: Any) -> None:
    fill(make("hotline"), [("pdq", pdq("a"))])
    reader = Reader().reads("hotline")
    partner = services.find_partner("platform")
    assert queries.last_reading(partner) is None
    for _ in range(3):
        clock.advance(timedelta(minutes=17))
        reader.get("ncmec/v2/entries")
        assert queries.last_reading(partner) == clock.now()
    read = queries.last_reading(partner)
    clock.advance(timedelta(minutes=17))
    reader.get("ncmec/v2/status")  # tells of no list
    assert queries.last_reading(partner) == read
    clock.advance(timedelta(days=1))
    assert queries.last_reading(partner) == read
    assert entries(act="list.read").count() == 1


# --- programs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(db: None) -> Program:
    return Program("partners:read", "partners:write")


def test_a_program_admits_shares_and_ends(program: Program, hotline: HashList) -> None:
    made = program.post("/partners", {"name": "platform", "title": "A platform", "items_a_day": 5})
    assert made.status_code == 201, made.content
    told = made.json()
    secret, prefix = told["key"]["secret"], told["key"]["prefix"]
    assert told["partner"]["lists"] == []
    shared = program.send("PUT", "/partners/platform/lists/hotline", "")
    assert shared.json()["lists"] == ["hotline"]
    assert read(secret, "files/hotline.csv") == 200
    shown = program.get("/partners/platform").json()
    assert (shown["requests_today"], shown["items_today"], shown["items_a_day"]) == (1, 0, 5)
    assert [key["prefix"] for key in shown["keys"]] == [prefix]
    assert program.get("/partners").json()["partners"] == [shown]
    assert program.send("DELETE", "/partners/platform/lists/hotline", "").json()["lists"] == []
    other = program.post("/partners/platform/keys", {"days": 3}).json()
    assert read(other["secret"]) == 200
    left = program.send("DELETE", f"/partners/platform/keys/{prefix}", "").json()
    assert [key["prefix"] for key in left["keys"]] == [other["prefix"]]
    assert program.send("POST", "/partners/platform/end", "").json()["ended_at"]
    assert read(other["secret"]) == 401


def test_what_is_wrong_is_a_problem_document(program: Program, hotline: HashList) -> None:
    Reader()
    is_problem(program.post("/partners", {"name": "platform"}), 422, "bad-partner")
    is_problem(program.get("/partners/none"), 404, "unknown-partner")
    is_problem(program.send("PUT", "/partners/platform/lists/none", ""), 404, "unknown-list")
    is_problem(program.send("DELETE", f"/partners/platform/keys/{'0' * 12}", ""), 404, "unknown-partner-key")


def test_no_secret_is_kept_for_a_repeated_request(program: Program) -> None:
    made = program.post("/partners", {"name": "platform"}, key="once").json()["key"]["secret"]
    again = program.post("/partners/platform/keys", {}, key="twice").json()["secret"]
    kept = " ".join(map(str, Answered.objects.values_list()))
    assert made not in kept
    assert again not in kept


# --- what is said of them --------------------------------------------------------------------------------------------


def test_whose_last_key_ends_soon_is_told_in_time(db: None, clock: Any) -> None:
    assert partners_health() == []
    Reader("soon", days=20)
    Reader("later", days=100)
    Reader("over", days=20)
    services.end_partner("over", by="system")
    assert partners_health() == []
    clock.advance(timedelta(days=7))
    (finding,) = partners_health()
    assert (finding.state, "soon" in finding.said, "later" in finding.said) == ("wait", True, False)
    services.add_partner_key("soon", by="system")
    assert partners_health() == []
    clock.advance(timedelta(days=1000))
    assert {partner.name for partner, until in queries.ending(timedelta(0)) if until is None} == {"soon", "later"}


def test_the_numbers_count_what_partners_were_told(hotline: HashList, reader: Reader) -> None:
    fill(hotline, [("pdq", pdq(str(n))) for n in range(3)])
    reader.get("ncmec/v2/entries")
    reader.get("ncmec/v2/status")
    told = numbers().by_room["federation"]
    assert (told["partners"], told["partners.requests"], told["partners.items"]) == (1, 2, 3)
    assert Partner.objects.count() == 1
