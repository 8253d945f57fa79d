"""The second factor, with Django's client: setting it up, signing in with it, and guessing it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from tests.conftest import PASSWORD
from tests.windows import signed_in

from himaya.core.config import config

pytestmark = pytest.mark.django_db
ENROL, CODE = "/accounts/2fa/totp/activate/", "/accounts/2fa/authenticate/"


def code_of(secret: str) -> str:
    return str(totp.format_hotp_value(totp.hotp_value(secret, totp.yield_hotp_counters_from_time().__next__())))


@pytest.fixture
def enrolled(people: SimpleNamespace) -> SimpleNamespace:
    """The reviewer with TOTP and recovery codes, made as allauth makes them."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(people.reviewer, secret)
    codes = RecoveryCodes.activate(people.reviewer).get_unused_codes()
    return SimpleNamespace(person=people.reviewer, secret=secret, codes=codes)


def halfway() -> Client:
    """A browser after the right password, before the code."""
    client = Client()
    answer = client.post("/accounts/login/", {"login": "reviewer", "password": PASSWORD})
    assert answer["Location"].startswith(CODE)
    return client


def test_without_a_factor_every_page_leads_to_setting_one_up(people: SimpleNamespace) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": "reviewer", "password": PASSWORD})
    for path in ("/", "/cases/", "/numbers/", "/lists/"):
        answer = client.get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/")
    assert client.get("/accounts/2fa/").status_code == 200


def test_whoever_is_led_back_to_the_second_factor_is_told_why(people: SimpleNamespace) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": "reviewer", "password": PASSWORD})
    why = "That page opens once your second factor is set up."
    assert why not in client.get("/", follow=True).content.decode(), "the first time nobody asked for a page"
    assert client.get("/cases/", follow=True).content.decode().count(why) == 1


def test_a_factor_is_set_up_and_opens_the_console(people: SimpleNamespace) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": "reviewer", "password": PASSWORD})
    page = client.get(ENROL, follow=True)
    if "reauthenticate" in page.request["PATH_INFO"]:
        page = client.post(page.request["PATH_INFO"] + "?next=" + ENROL, {"password": PASSWORD}, follow=True)
    secret = page.context["form"].secret
    client.post(ENROL, {"code": code_of(secret)})
    assert Authenticator.objects.filter(user=people.reviewer, type="totp").exists()
    assert client.get("/cases/").status_code == 200


def test_a_password_alone_does_not_open(enrolled: SimpleNamespace) -> None:
    client = halfway()
    assert client.get("/cases/").status_code == 302
    assert client.post(CODE, {"code": code_of(enrolled.secret)}).status_code == 302
    assert client.get("/cases/").status_code == 200


def test_a_code_opens_once(enrolled: SimpleNamespace) -> None:
    code = code_of(enrolled.secret)
    assert halfway().post(CODE, {"code": code}).status_code == 302
    again = halfway()
    assert again.post(CODE, {"code": code}).status_code == 200
    assert again.get("/cases/").status_code == 302


def test_a_code_opens_once_in_whatever_process(enrolled: SimpleNamespace) -> None:
    code = code_of(enrolled.secret)
    assert halfway().post(CODE, {"code": code}).status_code == 302
    cache.clear()  # another process knows nothing of what this one remembers
    assert halfway().post(CODE, {"code": code}).status_code == 200


def test_the_next_code_opens_again(enrolled: SimpleNamespace, time_machine: Any) -> None:
    time_machine.move_to("2026-01-15T12:00:00Z", tick=False)
    for _ in range(2):
        assert halfway().post(CODE, {"code": code_of(enrolled.secret)}).status_code == 302
        time_machine.shift(30)


def test_wrong_codes_are_counted_in_whatever_process(enrolled: SimpleNamespace) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        halfway().post(CODE, {"code": "000000"})
        cache.clear()
    assert Authenticator.objects.get(type="totp").last_used_at is None
    assert Client().post("/accounts/login/", {"login": "reviewer", "password": PASSWORD}).status_code == 429


def test_a_stolen_session_does_not_guess_the_code_for_long(enrolled: SimpleNamespace) -> None:
    client = halfway()
    client.post(CODE, {"code": enrolled.codes[0]})
    for _ in range(settings.AXES_FAILURE_LIMIT):
        client.post("/accounts/2fa/reauthenticate/", {"code": "000000"})
    answer = client.post("/accounts/2fa/reauthenticate/", {"code": code_of(enrolled.secret)})
    assert answer.status_code == 429


def test_a_factor_is_not_taken_away_without_showing_it_again(enrolled: SimpleNamespace, time_machine: Any) -> None:
    time_machine.move_to("2026-01-15T12:00:00Z", tick=False)
    client = halfway()
    client.post(CODE, {"code": code_of(enrolled.secret)})
    time_machine.shift(settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
    answer = client.post("/accounts/2fa/totp/deactivate/")
    assert "reauthenticate" in answer["Location"]
    assert Authenticator.objects.filter(type="totp").exists()


def test_a_recovery_code_opens_once(enrolled: SimpleNamespace) -> None:
    assert halfway().post(CODE, {"code": enrolled.codes[0]}).status_code == 302
    assert halfway().post(CODE, {"code": enrolled.codes[0]}).status_code == 200


def test_after_five_wrong_codes_the_right_one_does_not_open(enrolled: SimpleNamespace) -> None:
    client = halfway()
    for _ in range(settings.AXES_FAILURE_LIMIT):
        client.post(CODE, {"code": "000000"})
    assert client.post(CODE, {"code": code_of(enrolled.secret)}).status_code == 429
    assert client.get("/cases/").status_code == 302


def test_the_right_password_does_not_give_new_guesses(enrolled: SimpleNamespace) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer: Any = Client().post("/accounts/login/", {"login": "reviewer", "password": PASSWORD})
        if answer.status_code == 429:
            break
        client = Client()
        client.post("/accounts/login/", {"login": "reviewer", "password": PASSWORD})
        client.post(CODE, {"code": "000000"})
    assert Client().post("/accounts/login/", {"login": "reviewer", "password": PASSWORD}).status_code == 429


def test_no_address_and_no_browser_is_kept_of_whoever_tries(people: SimpleNamespace) -> None:
    from axes.models import AccessAttempt
    from django.db import connection

    client = Client(REMOTE_ADDR="203.0.113.7", HTTP_USER_AGENT="a very special browser")
    client.post("/accounts/login/", {"login": "reviewer", "password": "my secret in the wrong field"})
    assert AccessAttempt.objects.count() == 1
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            told = repr(cursor.fetchall())
            for secret in ("203.0.113.7", "a very special browser", "my secret in the wrong field"):
                assert secret not in told, table


@pytest.mark.parametrize(
    ("required", "demo", "said"),
    [
        (True, False, "You must set up one of these before you can go on"),
        (False, True, "This demonstration asks for a password alone"),
        (False, False, "This node asks for a password alone"),
    ],
)
def test_the_page_says_whether_a_second_factor_is_asked_for(
    people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, required: bool, demo: bool, said: str
) -> None:
    monkeypatch.setattr(config(), "second_factor", required)
    monkeypatch.setattr(config(), "demo", demo)
    login = Client().get("/accounts/login/").content.decode()
    assert ("no second factor is asked for" in login) is demo
    assert ("that your administrator gave you" in login) is not demo
    assert said in signed_in(people.lead).get("/accounts/2fa/").content.decode()


def test_with_a_factor_the_page_asks_for_none(enrolled: SimpleNamespace) -> None:
    page = signed_in(enrolled.person).get("/accounts/2fa/").content.decode()
    assert "before you can go on" not in page
    assert "a password alone" not in page
