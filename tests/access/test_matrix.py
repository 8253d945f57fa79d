"""Role × address × object: who may do what, written out, and tried on every address that the resolver knows.

A new address must be given a row in ``rows.py``; a change of rights is a visible change of that table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from tests.access.rows import ADMIN, BOTH, LEAD, ONLY_POST, OPEN, REVIEWER, ROLES, TABLE
from tests.casework import opened
from tests.desk import objects_of_the_desk
from tests.filings import filing_numbered
from tests.keeping import guarded, kept

from himaya.accounts import services as accounts
from himaya.core.config import config
from himaya.core.ports import ItemRow
from himaya.federation import services as federation
from himaya.ledger.queries import head
from himaya.lists import services as lists
from himaya.lists import subscribing
from himaya.lists.models import Proposal


def patterns(found: list[Any], space: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address of the staff tree, by its full name."""
    for one in found:
        if isinstance(one, URLResolver):
            if not str(one.pattern).startswith(("api/", "^hma", "log/v1/", "exchange/")):
                yield from patterns(one.url_patterns, f"{space}{one.namespace}:" if one.namespace else space)
        else:
            yield f"{space}{one.name}", one


ADDRESSES = dict(patterns(get_resolver().url_patterns))


@pytest.fixture
def objects(people: SimpleNamespace) -> dict[str, Any]:
    """One thing of each kind that an address can name."""
    made = lists.create_list("hotline", by="system")
    lists.add_items(made, rows=[ItemRow(1, "md5", "0" * 31 + "1")], by="system")
    options = {"address": "https://list.example/list.csv"}
    subscribing.subscribe("hotline", to=made, exchange="file", options=options, by="system")
    case = opened(1)
    Proposal.objects.create(
        pk=case.pk, list=made, act="change", arguments={"wanted": {"tlp": "red"}}, by="cli:ann", at=case.opened_at
    )
    _, made_key = federation.add_partner("hotline", by="system")
    federation.share_list("hotline", partner="hotline", by="system")
    kept(case.pk, people)
    names = {
        "name": "hotline",
        "organisation": "hotline.example",
        "list_name": "hotline",
        "username": "analyst",
        "prefix": made_key.key.prefix,
    }
    objects_of_the_desk(case.pk, people.lead)
    filing_numbered(case.pk)
    return {
        "pk": case.pk,
        "case_id": case.pk,
        "seq": 1,
        "act": "close",
        "language": "en",
        "form": "html",
        "draft": "t" * 32,
        "table": "limits",
        "country": "DE",
        "scheme": "interpol",
        "kind": "access",
        "exhibit": case.pk,
        "row_key": "us-2703-f-preserve",
        **names,
    }


def address(name: str, objects: dict[str, Any]) -> str:
    wanted = ADDRESSES[name].pattern.converters
    return reverse(name, kwargs={key: objects[key] for key in wanted})


def state() -> tuple[Any, ...]:
    """The head of the ledger and the number of rows of every table of ours, in one question to the database."""
    ours = [model._meta.db_table for model in apps.get_models() if model.__module__.startswith("himaya.")]
    counts = ", ".join(f"(SELECT count(*) FROM {connection.ops.quote_name(table)})" for table in ours)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}")
        return (head(), *cursor.fetchone())


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    assert set(ADDRESSES) == set(TABLE) | OPEN


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_every_address_says_who_it_is_for(name: str) -> None:
    view = ADDRESSES[name].callback
    assert getattr(view, "open_to_all", False) is (name in OPEN)
    assert hasattr(view, "permission") is (name not in OPEN)


@pytest.mark.django_db
def test_whoever_is_not_signed_in_is_asked_to_and_nothing_happens(objects: dict[str, Any]) -> None:
    before, wrong = state(), []
    for name in sorted(TABLE):
        for method in ("get", "post"):
            answer = getattr(Client(), method)(address(name, objects))
            if answer.status_code != 302 or not answer["Location"].startswith("/accounts/login/"):
                wrong.append((name, method, answer.status_code))
            if state() != before:
                wrong.append((name, method, "something was written"))
    assert wrong == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_what_its_rows_say_and_no_more(
    role: str, objects: dict[str, Any], sign_in: Callable[[str], Client]
) -> None:
    client, wrong = sign_in(role), []
    for name in sorted(TABLE):
        for method in ("get", "post"):
            before = state()
            answer = getattr(client, method)(address(name, objects))
            if (name, role, method) == ("cases:reopen", REVIEWER, "post"):
                continue  # only for who gave the verdict: see the objects below
            refused = answer.status_code == 403
            if refused is (role in TABLE[name]):
                wrong.append((name, method, answer.status_code))
            if refused and state() != before:
                wrong.append((name, method, "refused, and yet something was written"))
        client = sign_in(role)  # an administrator may have ended a session on the way
    assert wrong == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_whoever_only_looks_writes_nothing_into_the_ledger(
    role: str, objects: dict[str, Any], sign_in: Callable[[str], Client]
) -> None:
    guarded(objects["pk"])
    client, wrong = sign_in(role), []
    for name in sorted(name for name, allowed in TABLE.items() if role in allowed):
        for method in ("get", "head"):
            before = head()
            status = getattr(client, method)(address(name, objects)).status_code
            if head() != before:
                wrong.append((name, method, status))
    assert wrong == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", [LEAD, ADMIN])
def test_an_address_answers_the_methods_it_has_and_405_to_others(
    role: str, objects: dict[str, Any], sign_in: Callable[[str], Client]
) -> None:
    client = sign_in(role)
    for name in sorted(name for name, allowed in TABLE.items() if role in allowed and ":" in name):
        refused = {method for method in ("get", "post", "put", "delete") if _is_405(client, method, name, objects)}
        wanted = {"put", "delete"} | ({"get"} if name in ONLY_POST else set() if name in BOTH else {"post"})
        assert refused == wanted, name
        client = sign_in(role)


def _is_405(client: Client, method: str, name: str, objects: dict[str, Any]) -> bool:
    return bool(getattr(client, method)(address(name, objects)).status_code == 405)


@pytest.mark.django_db
def test_a_barred_person_is_out_at_the_next_request(people: SimpleNamespace, sign_in: Callable[[str], Client]) -> None:
    client = sign_in("reviewer")
    assert client.get("/cases/").status_code == 200
    accounts.change_person("reviewer", by="system", active=False)
    assert client.get("/cases/").status_code == 302


@pytest.mark.django_db
def test_a_changed_role_holds_at_the_next_request(people: SimpleNamespace, sign_in: Callable[[str], Client]) -> None:
    client = sign_in("reviewer")
    accounts.change_person("reviewer", by="system", role="admin")
    assert client.get("/cases/").status_code == 403
    assert client.get("/settings/").status_code == 200


@pytest.mark.django_db
def test_a_new_password_ends_the_sessions(people: SimpleNamespace, sign_in: Callable[[str], Client]) -> None:
    client = sign_in("reviewer")
    accounts.reset_password("reviewer", by="system")
    assert client.get("/cases/").status_code == 302


@pytest.mark.django_db
def test_no_form_is_taken_without_its_token(
    objects: dict[str, Any], people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config(), "second_factor", False)
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.lead, backend="allauth.account.auth_backends.AuthenticationBackend")
    for name in sorted(TABLE):
        answer = client.post(address(name, objects))
        assert answer.status_code in (403, 405, 302), name
        assert answer.status_code != 302 or answer["Location"].startswith("/accounts/"), name
    assert client.post("/cases/1/claim").status_code == 403
