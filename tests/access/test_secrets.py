"""Passwords, keys and the secrets of second factors: shown once to whom they belong, and nowhere else."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.db import connection
from django.test import Client
from tests.access.test_matrix import ADDRESSES, address, objects  # noqa: F401 - a fixture
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def rows() -> str:
    """Everything that stands in the database."""
    with connection.cursor() as cursor:
        told = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            told.append(repr(cursor.fetchall()))
    return "\n".join(told)


def shown(answer: Any) -> str:
    """The secret on the page that shows it this once."""
    assert answer.status_code == 200
    return str(answer.context["secret"])


@pytest.fixture
def secrets(objects: dict[str, Any], sign_in: Callable[[str], Client]) -> SimpleNamespace:  # noqa: F811
    """What an administrator was shown: a key, a first password, a new password."""
    admin = sign_in("admin")
    key = {"key-name": "Scanner", "key-scopes": ["screen", "lists:read"], "key-days": 30}
    return SimpleNamespace(
        key=shown(admin.post("/settings/keys/add", key)),
        first=shown(admin.post("/settings/people/add", {"person-username": "new", "person-role": "analyst"})),
        again=shown(admin.post("/settings/people/reviewer/password")),
        partner=shown(
            admin.post("/lists/partners/new", {"name": "new", "items_a_day": 1, "requests_a_day": 1, "days": 1})
        ),
        partner_again=shown(admin.post("/lists/partners/hotline/keys/add")),
    )


def test_a_secret_is_on_no_page_but_the_one_that_shows_it(
    secrets: SimpleNamespace,
    objects: dict[str, Any],  # noqa: F811
    sign_in: Callable[[str], Client],
) -> None:
    seen = 0
    for role in ("lead", "auditor", "admin"):
        client = sign_in(role)
        for name in sorted(ADDRESSES):
            answer = client.get(address(name, objects))
            text = answer.getvalue().decode()
            seen += answer.status_code == 200
            for kept in (*vars(secrets).values(), settings.SECRET_KEY, PASSWORD):
                assert kept not in text, name
    assert seen > 60


def test_a_secret_stands_in_no_table(secrets: SimpleNamespace) -> None:
    everything = rows()
    assert "key.added" in everything
    random_part = secrets.key.split("_", 2)[2]
    assert len(random_part) == 43
    for kept in (*vars(secrets).values(), random_part, settings.SECRET_KEY, PASSWORD):
        assert kept not in everything


def test_a_secret_is_in_no_log(
    objects: dict[str, Any],  # noqa: F811
    sign_in: Callable[[str], Client],
    secrets: SimpleNamespace,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every logger at its most talkative, and a defect in the middle of it."""
    caplog.set_level(logging.DEBUG)
    for name in ("himaya", "django", "axes", "allauth"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    stranger = Client(raise_request_exception=False)
    stranger.post("/accounts/login/", {"login": "reviewer", "password": secrets.again})
    stranger.post("/accounts/login/", {"login": secrets.first, "password": "canary-wrong"})
    bearer = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {secrets.key}"})
    bearer.get("/api/v1/lists")
    bearer.get("/api/v1/cases")

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("himaya.lists.queries.lists", broken)
    bearer.get("/api/v1/lists")
    said = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records if "db" not in record.name)
    assert said
    for kept in (*vars(secrets).values(), "canary-wrong", settings.SECRET_KEY):
        assert kept not in said


def test_the_secret_of_a_second_factor_is_shown_only_while_it_is_set_up(
    people: SimpleNamespace, sign_in: Callable[[str], Client]
) -> None:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(people.lead, secret)
    client = sign_in("lead")
    for path in ("/accounts/2fa/", "/settings/", "/ledger/", "/accounts/password/change/"):
        assert secret not in client.get(path).content.decode()


def test_no_address_of_a_page_holds_a_secret() -> None:
    names = {name for pattern in ADDRESSES.values() for name in pattern.pattern.converters}
    known = {"pk", "name", "act", "list_name", "username", "prefix", "seq", "draft", "organisation", "table", "row_key"}
    known |= {"country", "case_id", "scheme"}
    known |= {"kind", "exhibit"}
    known |= {"language", "form"}
    assert names <= known
    assert not [name for name in names if re.search("secret|password|token|code", name)]
