"""The pages of lists: all of them, one of them, a new one, its settings, and a file on its way in."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from tests.browsing import messages, words
from tests.configured import configured
from tests.program import sha256

from himaya.lists import services, uploads
from himaya.lists.models import HashList, Item

SignIn = Callable[[str], Client]
ONE, TWO = sha256("1"), sha256("2")
TERMS = {"title": "Hotline", "organisations": 1, "jurisdictions": 1, "disputes": 1, "tlp": "green"}
"""What the form of a list's terms holds beside radius and switch."""


def file(*lines: str, name: str = "list.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, "\n".join(lines).encode())


def good() -> SimpleUploadedFile:
    return file("signal,value,scheme,code", f"sha256,{ONE},interpol,baseline", f"md5,{'ab' * 16},,")


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
    for place in ("", "settings", "import", "export"):
        assert client.get(f"/lists/nowhere/{place}").status_code == 404


# --- files -----------------------------------------------------------------------------------------------------------


def test_the_page_for_a_file_reproaches_nobody_before_anything_was_sent(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    answer = client.get("/lists/hotline/import")
    assert answer.status_code == 200
    assert "Choose a file." not in words(answer)
    assert "negative says yes of what is known to be benign" in words(answer)
    answer = client.post("/lists/hotline/import", {})
    assert answer.status_code == 422
    assert "Choose a file." in words(answer)


def test_a_file_is_imported_and_counted(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    answer = client.post("/lists/hotline/import", {"file": good()}, follow=True)
    assert answer.redirect_chain == [("/lists/hotline/", 302)]
    assert messages(answer) == ["2 added, 0 changed, 0 unchanged."]
    assert Item.objects.filter(added_by=answer.wsgi_request.user.actor).count() == 2
    assert messages(client.post("/lists/hotline/import", {"file": good()}, follow=True)) == [
        "0 added, 0 changed, 2 unchanged."
    ]


def test_refused_lines_are_shown_by_number_and_nothing_is_imported(sign_in: SignIn, hotline: HashList) -> None:
    lines = ["signal,value", f"sha256,{ONE}", "sha256,<i>short</i>", "sha512,x"]
    answer = sign_in("lead").post("/lists/hotline/import", {"file": file(*lines)})
    assert answer.status_code == 422
    assert "Nothing was imported: 2 of 3 lines were refused." in words(answer)
    assert [line["line"] for line in answer.context["refusals"].first] == [3, 4]
    assert "unknown signal 'sha512'" in words(answer)
    assert b"<i>short" not in answer.content
    assert not Item.objects.exists()


def test_of_many_refused_lines_the_first_200_are_shown_and_all_counted(sign_in: SignIn, hotline: HashList) -> None:
    answer = sign_in("lead").post("/lists/hotline/import", {"file": file("signal,value", *["md5,x"] * 250)})
    assert "250 of 250 lines were refused" in words(answer)
    assert "the first 200 of 250" in words(answer)
    assert answer.content.count(b'<th scope="row" class="number">') == 200


def test_the_good_lines_are_taken_where_the_box_is_ticked(sign_in: SignIn, hotline: HashList) -> None:
    lines = ["signal,value", f"sha256,{ONE}", "sha256,short"]
    answer = sign_in("lead").post("/lists/hotline/import", {"file": file(*lines), "accept_good": "on"})
    assert answer.status_code == 200
    assert "The other lines were imported; 1 was refused. 1 added" in words(answer)
    assert "See the list" in words(answer)
    assert "Discard" not in words(answer)
    assert Item.objects.get().value == ONE


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "Choose a file."),
        ({"file": file("colour,value", "red,1")}, "has no column signal"),
        ({"file": SimpleUploadedFile("a.csv", b"")}, "The file is empty."),
        ({"file": file(ONE, name="list.txt")}, "could be pdq or sha256. Choose the signal here."),
        ({"file": file(ONE, name="list.txt"), "signal": "sha512"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_at_the_form(
    sign_in: SignIn, hotline: HashList, given: dict[str, Any], why: str
) -> None:
    answer = sign_in("lead").post("/lists/hotline/import", given)
    assert answer.status_code == 422
    assert why in words(answer)
    assert "--signal" not in words(answer)
    assert not Item.objects.exists()


def test_format_and_signal_come_from_the_name_unless_somebody_says_otherwise(
    sign_in: SignIn, hotline: HashList
) -> None:
    client = sign_in("lead")
    client.post("/lists/hotline/import", {"file": file(ONE, name="list.sha256")})
    client.post("/lists/hotline/import", {"file": file(TWO, name="list.csv"), "format": "hashes", "signal": "pdq"})
    assert set(Item.objects.values_list("signal", "value")) == {("sha256", ONE), ("pdq", TWO)}


def test_a_file_goes_to_the_disk_and_not_into_memory(
    sign_in: SignIn, hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        services, "import_items", lambda *_, stream, **__: seen.append(stream.name) or services.ImportResult(0, 0)
    )
    sign_in("lead").post("/lists/hotline/import", {"file": good()})
    assert len(seen) == 1
    assert seen[0].endswith(".upload.csv")


def test_a_file_that_is_too_large_is_refused_unread(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    with configured(max_request_bytes=1024 * 1024, second_factor=False):
        answer = client.post("/lists/hotline/import", {"file": file("signal,value", "#" * 1024 * 1024)})
    assert answer.status_code == 413
    assert "larger than 1 MiB" in words(answer)


def test_a_full_disk_is_said_in_words(sign_in: SignIn, hotline: HashList, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads.TemporaryFileUploadHandler, "receive_data_chunk", full)
    answer = sign_in("lead").post("/lists/hotline/import", {"file": good()})
    assert answer.status_code == 507
    assert "no room left on the disk" in words(answer)


def test_an_import_needs_the_token_of_our_own_page(people: Any, sign_in: SignIn, hotline: HashList) -> None:
    """The view chooses where uploads go before the token is read; it must be read all the same."""
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = sign_in("lead").cookies
    assert strict.post("/lists/hotline/import", {"file": good()}).status_code == 403
    assert not Item.objects.exists()
    page = strict.get("/lists/hotline/import")
    token = str(page.context["csrf_token"])
    answer = strict.post("/lists/hotline/import", {"file": good(), "csrfmiddlewaretoken": token})
    assert answer.status_code == 302
    assert Item.objects.count() == 2


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
