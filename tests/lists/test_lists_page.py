"""The pages of lists: all of them, one of them, a new one, its settings, and a file on its way in."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.browsing import messages, words
from tests.program import sha256

from himaya.lists import services
from himaya.lists.models import HashList, Item

SignIn = Callable[[str], Client]
ONE, TWO = sha256("1"), sha256("2")
TERMS = {"title": "Hotline", "organisations": 1, "jurisdictions": 1, "disputes": 1, "tlp": "green"}
"""What the form of a list's terms holds beside radius and switch."""


def test_without_a_list_the_page_says_what_that_means(sign_in: SignIn) -> None:
    assert "Without a list nothing can match" in words(sign_in("lead").get("/lists/"))


def test_every_list_stands_with_its_numbers(sign_in: SignIn, hotline: HashList, put: Any) -> None:
    services.create_list("other", by="system", title="<b>Other</b>")
    services.change_list("other", by="system", enabled=False)
    put(["signal,value", f"sha256,{ONE}", f"sha256,{TWO}"])
    services.mark_item(Item.objects.get(value=TWO).pk, state="withdrawn", by="system", reason="Gone.")
    answer = sign_in("analyst").get("/lists/")
    assert "Example hotline hotline Drawn 1 0 0 1 24" in words(answer)
    assert "<b>Other</b>" in words(answer)
    assert b"<b>Other</b>" not in answer.content
    assert "New list" not in words(answer)


def test_a_list_is_made_by_a_form(sign_in: SignIn) -> None:
    client = sign_in("lead")
    given = {"name": "fresh", "title": "قائمة", "source": "Us", "radius": 20}
    answer = client.post("/lists/new", given, follow=True)
    assert answer.redirect_chain == [("/lists/fresh/import", 302)]
    assert messages(answer) == ["The list was made. It is empty: import a file."]
    made = services.find_list("fresh")
    assert (made.title, made.source, made.radius, made.created_by) == (
        "قائمة",
        "Us",
        20,
        answer.wsgi_request.user.actor,
    )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"name": "hotline", "radius": 31}, "already"),
        ({"name": "No Good", "radius": 31}, "small letters"),
        ({"name": "quarantine", "radius": 31}, "a page of the console has this name"),
        ({"name": "a", "radius": 65}, "0 to 64"),
        ({"name": "a\0", "radius": 31}, "Null characters"),
        ({"name": "a", "radius": "many"}, "whole number"),
    ],
)
def test_what_is_wrong_with_a_new_list_is_said_at_its_form(
    sign_in: SignIn, hotline: HashList, given: dict[str, Any], why: str
) -> None:
    answer = sign_in("admin").post("/lists/new", given)
    assert answer.status_code == 422
    assert why in words(answer)
    assert HashList.objects.count() == 1


def test_a_list_is_switched_off_and_its_radius_changed(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    assert 'name="radius" value="24"' in client.get("/lists/hotline/settings").content.decode()
    answer = client.post("/lists/hotline/settings", {**TERMS, "radius": 8}, follow=True)
    assert messages(answer) == ["Saved. It holds from the next screening on."]
    hotline.refresh_from_db()
    assert (hotline.enabled, hotline.radius) == (False, 8)
    assert client.post("/lists/hotline/settings", {**TERMS, "radius": 65}).status_code == 422


def test_a_list_shows_what_it_is_made_of_and_leads_to_those_items(sign_in: SignIn, put: Any) -> None:
    rows = [f"sha256,{sha256(str(n))},," for n in range(3)]
    put(["signal,value,scheme,code", *rows, f"sha256,{sha256('9')},interpol,baseline", f"md5,{'ab' * 16},,"])
    client = sign_in("analyst")
    answer = client.get("/lists/hotline/")
    assert "Most items are SHA-256: 4 of 5" in words(answer)
    links = [part["url"].partition("#")[0] for part in answer.context["made_of"]]
    assert [(part["value"], part["class"]) for part in answer.context["made_of"]] == [
        (3, "not graded"),
        (1, "not graded"),
        (1, "Baseline (INTERPOL Baseline)"),
    ]
    assert [len(client.get(f"/lists/hotline/{link}").context["rows"]) for link in links] == [3, 1, 1]
    bars = [(bar["label"], bar["value"], bar["url"]) for bar in answer.context["by_signal"]]
    assert bars == [("SHA-256", 4, "?signal=sha256#items"), ("MD5", 1, "?signal=md5#items")]
    assert len(client.get("/lists/hotline/?signal=sha256").context["rows"]) == 4


def test_a_page_is_found_with_a_slash_and_without(sign_in: SignIn) -> None:
    client = sign_in("lead")
    for place in ("quarantine", "new"):
        assert [client.get(f"/lists/{place}{end}").status_code for end in ("", "/")] == [200, 200]


def test_an_unknown_list_is_not_found(sign_in: SignIn) -> None:
    client = sign_in("lead")
    for place in ("", "settings", "import"):
        assert client.get(f"/lists/nowhere/{place}").status_code == 404
    assert client.post("/lists/nowhere/export", {"format": "csv"}).status_code == 404


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["analyst", "reviewer", "auditor"])
def test_who_may_only_look_is_offered_nothing_else(sign_in: SignIn, hotline: HashList, put: Any, role: str) -> None:
    put(["signal,value", f"sha256,{ONE}"])
    client, item = sign_in(role), Item.objects.get()
    for url in ("/lists/", "/lists/hotline/", f"/lists/items/{item.pk}"):
        text = client.get(url).content.decode()
        assert reverse("lists:create") not in text
        assert reverse("lists:import", args=["hotline"]) not in text
        assert "Withdraw</button>" not in text
    for url in ("/lists/new", "/lists/hotline/import", "/lists/hotline/settings"):
        assert (client.get(url).status_code, client.post(url).status_code) == (403, 403)
    assert client.post(f"/lists/items/{item.pk}/state", {"state": "withdrawn", "reason": "x"}).status_code == 403
    item.refresh_from_db()
    assert item.state == "active"


def test_whoever_has_not_signed_in_is_asked_to(client: Client, hotline: HashList) -> None:
    assert client.get("/lists/hotline/")["Location"] == "/accounts/login/?next=/lists/hotline/"


def test_while_a_file_is_being_imported_the_page_says_so(sign_in: SignIn, hotline: HashList) -> None:
    client, told = sign_in("analyst"), "A file is being imported into this list"
    stream = io.BytesIO(f"sha256:{ONE}".encode())
    with services.staged(hotline, stream=stream, format_name="hashes", by="system") as read:
        page = words(client.get("/lists/hotline/"))
        assert told in page
        assert "The list is empty" in page
        read.publish()
    page = words(client.get("/lists/hotline/"))
    assert told not in page
    assert "1 active" in page
