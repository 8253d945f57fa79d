"""What people do about their own way in stands in the ledger, and commits with it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.test import Client
from tests.conftest import PASSWORD

from himaya.accounts import own_acts
from himaya.accounts.sealing import unseal
from himaya.ledger.models import Entry

pytestmark = pytest.mark.django_db
ENROL, CHANGE = "/accounts/2fa/totp/activate/", "/accounts/password/change/"
ANOTHER = "another quiet green field"


def acts(person: object) -> list[str]:
    return [entry.act for entry in Entry.objects.filter(about=person.actor).order_by("seq")]  # type: ignore[attr-defined]


def enrol(client: Client) -> None:
    page = client.get(ENROL, follow=True)
    if "reauthenticate" in page.request["PATH_INFO"]:
        client.post(page.request["PATH_INFO"] + "?next=" + ENROL, {"password": PASSWORD}, follow=True)
    secret = unseal(client.session["mfa.totp.secret"])
    code = totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))
    assert client.post(ENROL, {"code": code}).status_code == 302


@pytest.fixture
def client(people: SimpleNamespace) -> Client:
    """The reviewer, signed in by the door."""
    client = Client()
    client.post("/accounts/login/", {"login": "reviewer", "password": PASSWORD})
    return client


def test_signing_in_a_password_and_every_factor_are_on_record(client: Client, people: SimpleNamespace) -> None:
    enrol(client)
    client.post("/accounts/2fa/recovery-codes/generate/")
    client.post(CHANGE, {"oldpassword": PASSWORD, "password1": ANOTHER, "password2": ANOTHER})
    client.post("/accounts/2fa/totp/deactivate/")
    told = acts(people.reviewer)
    assert told[:2] == ["person.signed-in", "person.factor-added"]
    assert {"person.password-changed", "person.factor-removed"} <= set(told)
    assert not Authenticator.objects.filter(type="totp").exists()


def test_a_lock_out_is_on_record_once_and_what_else_was_typed_is_not(people: SimpleNamespace) -> None:
    for name in ("reviewer", "nobody-here"):
        for _ in range(settings.AXES_FAILURE_LIMIT + 2):
            Client().post("/accounts/login/", {"login": name, "password": "wrong"})
    assert acts(people.reviewer) == ["person.locked"]
    assert Entry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_its_entry_nothing_is_changed(
    client: Client, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no entry")

    monkeypatch.setattr(own_acts, "record", fail)
    with pytest.raises(RuntimeError):
        enrol(client)
    with pytest.raises(RuntimeError):
        client.post(CHANGE, {"oldpassword": PASSWORD, "password1": ANOTHER, "password2": ANOTHER})
    people.reviewer.refresh_from_db()
    assert people.reviewer.check_password(PASSWORD)
    assert not Authenticator.objects.exists()
