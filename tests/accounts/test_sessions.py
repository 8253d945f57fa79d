"""Sessions stand in the database under a digest of their cookie."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from tests.access.test_secrets import rows
from tests.conftest import PASSWORD
from tests.windows import signed_in

from himaya.accounts.sessions import SessionStore, digest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]


def test_the_database_does_not_hold_what_the_cookie_holds(people: SimpleNamespace) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": "lead", "password": PASSWORD})
    cookie = client.cookies["session"].value
    assert client.get("/cases/").status_code == 200
    assert cookie not in rows()
    stolen = Session.objects.get()
    thief = Client()
    for value in (stolen.session_key, stolen.session_data):
        thief.cookies["session"] = value
        assert thief.get("/cases/").status_code == 302


def test_a_session_is_kept_found_renewed_and_ended(people: SimpleNamespace) -> None:
    client = signed_in(people.lead)
    store = SessionStore(client.cookies["session"].value)
    assert store["account_authentication_methods_user"] == str(people.lead.pk)
    assert store.exists(store.session_key)
    before = store.session_key
    store.cycle_key()
    assert store.session_key != before
    assert Session.objects.get().session_key == digest(store.session_key)
    assert not SessionStore(before).load()
    store.flush()
    assert not Session.objects.exists()
    SessionStore().delete()


def test_signing_out_ends_the_row(people: SimpleNamespace) -> None:
    client = signed_in(people.lead)
    cookie = client.cookies["session"].value
    client.post("/accounts/logout/")
    assert not Session.objects.filter(session_key=digest(cookie)).exists()


def test_a_session_whose_time_is_over_is_none(people: SimpleNamespace) -> None:
    client = signed_in(people.lead)
    Session.objects.update(expire_date=Session.objects.get().expire_date - timedelta(days=30))
    assert client.get("/cases/").status_code == 302
    SessionStore.clear_expired()
    assert not Session.objects.exists()
