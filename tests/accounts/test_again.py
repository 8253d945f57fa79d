"""Acts on people and keys ask once more who it is, where the last proof is old; what was posted is not lost."""

from __future__ import annotations

import re
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.test import Client
from tests.access.test_matrix import ADDRESSES, ADMIN, TABLE, address, objects, state  # noqa: F401 - a fixture
from tests.accounts.test_second_factor import code_of
from tests.browsing import messages
from tests.conftest import PASSWORD
from tests.windows import signed_in

from himaya.accounts import queries

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]
OLD = settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1
ACTS = sorted(name for name, view in ADDRESSES.items() if getattr(view.callback, "permission", "") == "accounts.change")
ADD = "/settings/people/add"
NOOR = {"person-username": "noor", "person-name": "Noor", "person-role": "analyst"}
RESET = "/settings/people/reviewer/factor"


@pytest.fixture
def stale(people: SimpleNamespace) -> Client:
    """An administrator who signed in a while ago."""
    return signed_in(people.admin, ago=OLD)


def asked(answer: Any) -> str:
    """The address of the question that the answer leads to."""
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/reauthenticate/?next=")
    return str(answer.url)


def confirm(client: Client, question: str, password: str = PASSWORD) -> Any:
    """Answer the question on its page as a browser does."""
    page = client.get(question)
    assert "What you filled in is kept" in page.content.decode()
    after = re.findall(r'name="next" value="([^"]+)"', page.content.decode())[-1]  # before it: language, light and dark
    return client.post("/accounts/reauthenticate/", {"password": password, "next": after})


def test_every_act_on_people_and_keys_asks_again() -> None:
    assert len(ACTS) == 8
    for name in ACTS:
        assert ADDRESSES[name].callback.confirmed, name
        assert TABLE[name] == {ADMIN}


@pytest.mark.parametrize("name", ACTS)
def test_with_an_old_proof_it_asks_and_does_nothing(
    name: str,
    stale: Client,
    objects: dict[str, Any],  # noqa: F811
) -> None:
    before = state()
    asked(stale.post(address(name, objects), NOOR))
    assert state() == before


@pytest.mark.parametrize("ago", [0, OLD - 2])
def test_soon_after_signing_in_it_does_not_ask(people: SimpleNamespace, ago: float) -> None:
    assert signed_in(people.admin, ago=ago).post(ADD, NOOR).status_code == 200
    assert queries.person("noor") is not None


def test_whoever_signs_in_with_the_form_is_not_asked_at_once(people: SimpleNamespace) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": "admin", "password": PASSWORD})
    assert client.post(ADD, NOOR).status_code == 200


def test_a_session_without_any_proof_is_asked(people: SimpleNamespace) -> None:
    client = signed_in(people.admin)
    session = client.session
    del session["account_authentication_methods"]
    session.save()
    asked(client.post(ADD, NOOR))


def test_a_proof_of_the_future_is_none(people: SimpleNamespace) -> None:
    asked(signed_in(people.admin, ago=-3600).post(ADD, NOOR))


def test_what_was_posted_is_done_after_the_right_password(stale: Client) -> None:
    answer = confirm(stale, asked(stale.post(ADD, NOOR)))
    assert answer.status_code == 200
    made = queries.person("noor")
    assert made is not None
    assert (made.name, made.role) == ("Noor", "analyst")
    assert made.check_password(answer.context["secret"])


def test_a_code_of_the_second_factor_does_as_well_as_the_password(people: SimpleNamespace) -> None:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(people.admin, secret)
    client = signed_in(people.admin, ago=OLD)
    question = asked(client.post(ADD, NOOR))
    other = re.search(r'href="(/accounts/2fa/reauthenticate/[^"]+)"', client.get(question).content.decode())
    assert other
    assert client.post(unescape(other[1]), {"code": code_of(secret)}).status_code == 200
    assert queries.person("noor") is not None


def test_the_wrong_password_does_nothing_and_the_right_one_still_may(stale: Client) -> None:
    question = asked(stale.post(ADD, NOOR))
    assert confirm(stale, question, "not this one").status_code == 200
    assert queries.person("noor") is None
    confirm(stale, question)
    assert queries.person("noor") is not None


def test_after_a_confirmation_the_next_act_does_not_ask(stale: Client) -> None:
    confirm(stale, asked(stale.post(ADD, NOOR)))
    assert stale.post("/settings/people/noor/bar").url == "/settings/"


def test_an_act_that_leads_to_a_page_says_there_what_was_done(stale: Client) -> None:
    answer = confirm(stale, asked(stale.post("/settings/people/lead/bar")))
    assert answer.url == "/settings/"
    assert messages(stale.get("/settings/")) == ["lead can no longer sign in."]


def test_a_form_with_an_error_comes_back_with_what_was_filled_in(stale: Client) -> None:
    answer = confirm(stale, asked(stale.post(ADD, {**NOOR, "person-username": "With Space"})))
    assert answer.status_code == 422
    assert 'value="With Space"' in answer.content.decode()


def test_a_reason_that_is_missing_is_asked_for_on_a_form_that_leads_to_the_act(stale: Client) -> None:
    answer = confirm(stale, asked(stale.post(RESET, {"reason": ""})))
    assert answer.status_code == 422
    assert f'action="{RESET}"' in answer.content.decode()


def test_an_error_of_the_act_is_said_as_ever(stale: Client) -> None:
    answer = confirm(stale, asked(stale.post("/settings/people/nobody/password")))
    assert answer.status_code == 404
    assert "Nobody here has the user name" in answer.content.decode()


def test_answering_twice_does_it_once(stale: Client) -> None:
    question = asked(stale.post("/settings/keys/add", {"key-name": "k", "key-scopes": ["screen"], "key-days": "1"}))
    assert confirm(stale, question).status_code == 200
    again = confirm(stale, question)
    assert again.url.startswith("/settings/?held=")
    assert stale.get(again.url).status_code == 200
    assert queries.keys().count() == 1


@pytest.mark.parametrize("next_", ["/accounts/2fa/", "/settings/", "/settings/?held=guessed", ADD, ""])
def test_what_was_given_up_is_not_done_when_something_else_is_confirmed(stale: Client, next_: str) -> None:
    asked(stale.post("/settings/people/lead/bar"))
    answer = stale.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": next_})
    assert answer.url == (next_ or "/")
    assert queries.person("lead").is_active  # type: ignore[union-attr]


def test_nobody_else_who_signs_in_there_does_what_was_waiting(stale: Client) -> None:
    question = asked(stale.post(ADD, NOOR))
    stale.post("/accounts/logout/")
    stale.post("/accounts/login/", {"login": "lead", "password": PASSWORD})
    stale.post(question, {"password": PASSWORD})
    assert queries.person("noor") is None


def test_who_lost_the_role_meanwhile_is_refused(stale: Client, people: SimpleNamespace) -> None:
    question = asked(stale.post(ADD, NOOR))
    people.admin.role = "lead"
    people.admin.save()
    assert confirm(stale, question).status_code == 403
    assert queries.person("noor") is None


def test_what_waits_holds_the_form_and_nothing_of_the_browser(people: SimpleNamespace) -> None:
    client = signed_in(people.admin, ago=OLD)
    client.post(ADD, NOOR, headers={"user-agent": "a very special browser"}, REMOTE_ADDR="203.0.113.7")
    kept = repr(dict(client.session.items()))
    assert "noor" in kept
    assert "special browser" not in kept
    assert "203.0.113.7" not in kept


def test_with_tokens_checked_the_page_after_it_has_forms_that_work(people: SimpleNamespace) -> None:
    client = signed_in(people.admin, ago=OLD)
    client.handler.enforce_csrf_checks = True

    def token(answer: Any) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.content.decode())
        assert found
        return found[1]

    first = client.post(ADD, {**NOOR, "person-role": "king", "csrfmiddlewaretoken": token(client.get("/settings/"))})
    question = asked(first)
    given = {"password": PASSWORD, "csrfmiddlewaretoken": token(client.get(question))}
    form = client.post(question, given)
    assert form.status_code == 422
    assert client.post(ADD, {**NOOR, "csrfmiddlewaretoken": token(form)}).status_code == 200


def test_looking_needs_no_second_proof(stale: Client) -> None:
    assert stale.get("/settings/").status_code == 200
    assert stale.get(RESET).status_code == 200


def test_the_proof_grows_old_while_one_works(people: SimpleNamespace, time_machine: Any) -> None:
    time_machine.move_to("2026-01-15T12:00:00Z", tick=False)
    client = signed_in(people.admin)
    assert client.post(ADD, NOOR).status_code == 200
    time_machine.shift(settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
    asked(client.post("/settings/people/noor/bar"))
