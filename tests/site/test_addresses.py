"""Security keys belong to a name: the console is named where they work, and pages on which they do not say so."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client
from tests.configured import configured
from tests.windows import signed_in

from himaya.site.addresses import name_for, url

SAYS = "Security keys do not work here"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1", "localhost"),
        ("127.0.0.2", "localhost"),
        ("::1", "localhost"),
        ("[::1]", "localhost"),
        ("0.0.0.0", "localhost"),
        ("node.example", "node.example"),
        ("192.0.2.7", "node.example"),
    ],
)
def test_an_address_of_numbers_has_the_name_of_its_machine(host: str, name: str) -> None:
    with configured(hosts=["localhost", "127.0.0.1", "192.0.2.7", "node.example"]):
        assert name_for(host) == name


def test_where_there_is_no_name_the_address_is_told_as_it_is() -> None:
    with configured(hosts=["localhost", "192.0.2.7"]):
        assert url(name_for("192.0.2.7"), 8460) == "http://192.0.2.7:8460/"
        assert url(name_for("2001:db8::7"), 8460) == "http://[2001:db8::7]:8460/"


@pytest.mark.django_db
@pytest.mark.usefixtures("one_factor")
@pytest.mark.parametrize("page", ["/accounts/2fa/", "/accounts/2fa/webauthn/", "/accounts/2fa/webauthn/add/"])
def test_a_page_about_security_keys_says_that_they_do_not_work_here_and_where_they_do(people: Any, page: str) -> None:
    client = signed_in(people.lead)
    session = client.session  # the password was typed just now
    session["account_authentication_methods"] = [
        *session["account_authentication_methods"],
        {"method": "password", "reauthenticated": True, "at": time.time()},
    ]
    session.save()
    assert SAYS not in client.get(page, follow=True, headers={"host": "localhost:8460"}).content.decode()
    shown = client.get(page, follow=True, headers={"host": "127.0.0.1:8460"}).content.decode()
    assert SAYS in shown
    assert 'href="http://localhost:8460/"' in shown


@pytest.mark.django_db
@pytest.mark.usefixtures("one_factor")
def test_where_a_node_has_no_name_the_page_says_who_gives_it_one(people: Any, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["192.0.2.7"]
    shown = signed_in(people.lead).get("/accounts/2fa/", headers={"host": "192.0.2.7"}).content.decode()
    assert "Whoever runs this node gives it a name" in shown


def test_the_page_about_a_wrong_host_is_shown_all_the_same(db: None) -> None:
    assert Client().get("/", headers={"host": "other.example"}).status_code == 400
