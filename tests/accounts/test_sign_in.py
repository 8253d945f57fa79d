"""Signing in: strangers learn nothing, a sign-in is bound to its person, and leads nowhere but into this console."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import password_validation
from django.contrib.auth.hashers import get_hasher
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils.module_loading import import_string
from tests.configured import configured
from tests.conftest import PASSWORD

from himaya.accounts import services
from himaya.site import settings as declared

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


def attempt(name: str, password: str, client: Client | None = None, **more: str) -> Any:
    return (client or Client()).post(LOGIN, {"login": name, "password": password, **more})


def words(answer: Any, name: str) -> str:
    """The page without what differs from one request to the next, and without the name that was typed."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", answer.content.decode())
    return text.replace(name, "NAME")


# --- what strangers learn --------------------------------------------------------------------------------------------


def test_an_unknown_name_is_answered_like_a_wrong_password(people: SimpleNamespace) -> None:
    known, unknown = attempt("reviewer", "wrong"), attempt("nobody-here", "wrong")
    assert known.status_code == unknown.status_code == 200
    assert words(known, "reviewer") == words(unknown, "nobody-here")


def test_a_barred_person_is_answered_like_an_unknown_one(people: SimpleNamespace) -> None:
    services.change_person("reviewer", by="system", active=False)
    barred, unknown = attempt("reviewer", "wrong"), attempt("nobody-here", "wrong")
    assert words(barred, "reviewer") == words(unknown, "nobody-here")


@pytest.mark.parametrize("name", ["reviewer", "nobody-here"])
def test_the_price_of_a_password_is_paid_for_every_name(
    name: str, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were it not, the time of the answer would say which names there are."""
    computed = []
    hasher = type(get_hasher())
    encode, verify = hasher.encode, hasher.verify
    monkeypatch.setattr(hasher, "encode", lambda *a, **n: computed.append("encode") or encode(*a, **n))
    monkeypatch.setattr(hasher, "verify", lambda *a, **n: computed.append("verify") or verify(*a, **n))
    attempt(name, "wrong")
    assert len(computed) == 1


@pytest.mark.parametrize("path", ["signup/", "password/reset/", "password/set/", "email/"])
def test_strangers_can_neither_make_an_account_nor_ask_for_a_password(path: str) -> None:
    for answer in (Client().get(f"/accounts/{path}"), Client().post(f"/accounts/{path}", {"username": "me"})):
        assert answer.status_code == 404


def test_the_form_does_not_offer_to_remember_anybody() -> None:
    page = Client().get(LOGIN).content.decode()
    assert 'name="password"' in page
    assert "remember" not in page


# --- who gets in -----------------------------------------------------------------------------------------------------


def test_the_right_password_opens(people: SimpleNamespace) -> None:
    client = Client()
    assert attempt("reviewer", PASSWORD, client).status_code == 302
    assert client.session["_auth_user_id"] == str(people.reviewer.pk)


def test_a_barred_person_does_not_get_in(people: SimpleNamespace) -> None:
    services.change_person("reviewer", by="system", active=False)
    client = Client()
    attempt("reviewer", PASSWORD, client)
    assert "_auth_user_id" not in client.session
    assert client.get("/cases/").status_code == 302


# --- the session -----------------------------------------------------------------------------------------------------


def test_a_session_from_before_is_not_the_one_from_after(people: SimpleNamespace) -> None:
    """A session that somebody else laid into the browser does not become that of the person."""
    client = Client()
    attempt("reviewer", PASSWORD, client)
    client.logout()
    client.session.save()
    session = client.session
    session["planted"] = "yes"
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = planted = session.session_key
    attempt("reviewer", PASSWORD, client)
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != planted
    stranger = Client()
    stranger.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert stranger.get("/cases/")["Location"].startswith(LOGIN)


def test_the_session_is_bound_to_the_browser_and_ends(people: SimpleNamespace) -> None:
    client = Client()
    attempt("reviewer", PASSWORD, client)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == ""  # gone with the browser
    assert client.session.get_expiry_age() <= 10 * 3600  # and at the server after ten hours


def test_a_session_that_is_too_old_opens_nothing(people: SimpleNamespace, time_machine: Any) -> None:
    time_machine.move_to("2026-01-15T12:00:00Z")
    client = Client()
    attempt("reviewer", PASSWORD, client)
    with configured(second_factor=False):
        time_machine.shift(9 * 3600)
        assert client.get("/cases/").status_code == 200
        time_machine.shift(24 * 3600)
        assert client.get("/cases/").status_code == 302


def test_signing_out_takes_a_post_and_ends_the_session(people: SimpleNamespace) -> None:
    client = Client()
    attempt("reviewer", PASSWORD, client)
    stolen = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert client.get("/accounts/logout/").status_code == 200
    assert "_auth_user_id" in client.session
    client.post("/accounts/logout/")
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = stolen
    assert thief.get("/accounts/2fa/").status_code == 302


# --- where it leads --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "\thttps://evil.example",
    ],
)
def test_signing_in_leads_to_no_other_site(people: SimpleNamespace, address: str) -> None:
    client = Client()
    client.get(LOGIN, {"next": address})
    answer = client.post(f"{LOGIN}?next={address}", {"login": "reviewer", "password": PASSWORD, "next": address})
    assert answer.status_code == 302
    assert answer["Location"] == "/"


def test_signing_in_leads_back_to_the_page_that_was_asked_for(people: SimpleNamespace) -> None:
    client = Client()
    asked = client.get("/cases/?state=free")["Location"]
    answer = client.post(asked, {"login": "reviewer", "password": PASSWORD, "next": "/cases/?state=free"})
    assert answer["Location"] == "/cases/?state=free"


@pytest.mark.parametrize("path", ["/theme/", "/i18n/language"])
def test_the_small_doors_lead_to_no_other_site(path: str) -> None:
    for address in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = Client().post(path, {"theme": "dark", "language": "ar", "next": address})
        assert answer.status_code == 302
        assert "evil" not in answer["Location"]


# --- passwords -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("eleven char", "password_too_short"),
        ("123456789123", "password_too_common"),
        ("reviewer-123", "password_too_similar"),
    ],
)
def test_weak_passwords_are_refused(people: SimpleNamespace, password: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        password_validation.validate_password(password, people.reviewer)
    assert code in {error.code for error in refused.value.error_list}


def test_passwords_are_kept_by_argon2id_at_its_full_cost() -> None:
    """At least 19 MiB and two rounds (OWASP). The tests themselves use a cheaper one: ``tests.hashers``."""
    (path,) = declared.PASSWORD_HASHERS
    hasher = import_string(path)()
    assert hasher.time_cost >= 2
    assert hasher.memory_cost >= 19 * 1024
    assert hasher.encode("x", hasher.salt()).startswith("argon2$argon2id$")


def test_a_stolen_session_does_not_guess_the_password_for_long(people: SimpleNamespace) -> None:
    client = Client()
    attempt("reviewer", PASSWORD, client)
    change = {"password1": "another quiet green field", "password2": "another quiet green field"}
    for number in range(5):
        client.post("/accounts/password/change/", {"oldpassword": f"guess {number}", **change})
    assert client.post("/accounts/password/change/", {"oldpassword": PASSWORD, **change}).status_code == 429
    people.reviewer.refresh_from_db()
    assert people.reviewer.check_password(PASSWORD)
