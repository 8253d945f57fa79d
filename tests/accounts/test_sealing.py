"""Secrets of second factors are sealed: the database alone gives nobody a code, and a wrong key is said in words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from tests.access.test_secrets import rows
from tests.accounts.test_second_factor import CODE, ENROL, halfway
from tests.conftest import PASSWORD

from himaya.accounts import queries
from himaya.accounts.sealing import SealedElsewhere, seal, unseal
from himaya.site.health import people_health

pytestmark = pytest.mark.django_db
ELSEWHERE = "the secret of another secrets file, as long as it has to be"


def code_of(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238, RFC 4226 5.3), by nobody's code but this."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def stored() -> str:
    """All that the database holds, sessions unpacked."""
    return rows() + repr([session.get_decoded() for session in Session.objects.all()])


@pytest.fixture
def enrolled(people: SimpleNamespace) -> SimpleNamespace:
    """The reviewer, who has just set up an app through the pages; its secret and the recovery codes."""
    client = Client()
    client.post("/accounts/login/", {"login": "reviewer", "password": PASSWORD})
    question = client.get(ENROL).url
    secret = client.post(question, {"password": PASSWORD}, follow=True).context["form"].secret
    assert re.fullmatch(r"[A-Z2-7]{32}", secret)
    while_it_waits = stored()
    assert client.post(ENROL, {"code": code_of(secret)}).status_code == 302
    codes = client.get("/accounts/2fa/recovery-codes/").context["unused_codes"]
    assert len(codes) == 10
    return SimpleNamespace(secret=secret, codes=codes, while_it_waits=while_it_waits, client=client)


def test_the_database_holds_neither_the_secret_nor_a_code(enrolled: SimpleNamespace) -> None:
    everything = stored()
    assert "recovery_codes" in everything
    assert enrolled.secret not in everything
    assert base64.b32decode(enrolled.secret).hex() not in everything
    seed = unseal(Authenticator.objects.get(type="recovery_codes").data["seed"])
    for kept in (seed, *enrolled.codes):
        assert kept not in everything


def test_nor_does_it_while_the_app_is_being_set_up(enrolled: SimpleNamespace) -> None:
    assert "mfa.totp.secret" in enrolled.while_it_waits
    assert enrolled.secret not in enrolled.while_it_waits


def test_a_wrong_code_keeps_the_secret_that_the_app_has(people: SimpleNamespace) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": "reviewer", "password": PASSWORD})
    secret = client.post(client.get(ENROL).url, {"password": PASSWORD}, follow=True).context["form"].secret
    for _ in range(2):
        again = client.post(ENROL, {"code": "12345"})
        assert (again.status_code, again.context["form"].secret) == (200, secret)
    assert client.post(ENROL, {"code": code_of(secret)}).status_code == 302


def test_the_app_and_a_recovery_code_open(enrolled: SimpleNamespace) -> None:
    for code in (code_of(enrolled.secret), enrolled.codes[0]):
        client = halfway()
        assert client.post(CODE, {"code": code}).status_code == 302
        assert client.get("/cases/").status_code == 200


@given(st.text())
def test_what_is_sealed_comes_back_and_never_looks_the_same(text: str) -> None:
    sealed = seal(text)
    assert sealed.isascii()
    assert unseal(sealed) == text
    assert seal(text) != sealed


@pytest.mark.parametrize("at", [0, 1, 10, 30, -20, -4])
def test_what_was_changed_is_not_opened(at: int) -> None:
    """Not the last letter before the padding: some of its bits stand for nothing."""
    sealed = bytearray(seal("a secret").encode())
    sealed[at] = ord("A") if sealed[at] != ord("A") else ord("B")
    with pytest.raises(SealedElsewhere):
        unseal(sealed.decode())


@pytest.mark.parametrize("text", ["", "x", "JBSWY3DPEHPK3PXP", "ü", "gAAAAA=="])
def test_what_was_never_sealed_is_not_opened(text: str) -> None:
    with pytest.raises(SealedElsewhere):
        unseal(text)


# --- with the secrets file of another backup -------------------------------------------------------------------------


@pytest.fixture
def elsewhere(enrolled: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The database as it is, and a node that has another secrets file."""
    monkeypatch.setattr(settings, "SECRET_KEY", ELSEWHERE)
    return enrolled


def says_why(answer: Any) -> None:
    page = answer.content.decode()
    assert answer.status_code == 503
    assert "sealed with another secrets file" in page
    assert "himaya users reset NAME --second-factor lost" in page
    assert "Traceback" not in page


def test_with_another_key_signing_in_says_what_is_wrong_and_what_to_do(elsewhere: SimpleNamespace) -> None:
    for code in (code_of(elsewhere.secret), elsewhere.codes[0], "000000"):
        client = halfway()
        says_why(client.post(CODE, {"code": code}))
        assert client.get("/cases/").status_code == 302


def test_with_another_key_the_page_about_security_says_so_too(
    elsewhere: SimpleNamespace, people: SimpleNamespace
) -> None:
    client = Client()
    client.force_login(people.reviewer, backend="allauth.account.auth_backends.AuthenticationBackend")
    says_why(client.get("/accounts/2fa/"))


def test_with_another_key_health_and_doctor_say_so(enrolled: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not queries.sealed_elsewhere()
    assert people_health().state == "ok"
    monkeypatch.setattr(settings, "SECRET_KEY", ELSEWHERE)
    found = people_health()
    assert (found.state, "secrets.json" in found.remedy) == ("danger", True)


def test_the_remedy_works(elsewhere: SimpleNamespace) -> None:
    from himaya.accounts.services import reset_factor

    password = reset_factor("reviewer", reason="lost", by="system")
    client = Client()
    client.post("/accounts/login/", {"login": "reviewer", "password": password})
    assert client.get("/cases/").url == "/accounts/2fa/"
    assert people_health().state == "ok"
