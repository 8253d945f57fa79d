"""API operation × key: which scope each needs, written out, and what happens with any other key or none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from tests.program import Program, is_problem

from himaya.accounts import services
from himaya.accounts.keys import Key
from himaya.accounts.roles import SCOPES
from himaya.ledger.queries import head
from himaya.site.api import api

ANY_KEY, NO_KEY = "", None
TABLE: dict[str, str | None] = {
    "GET /health": NO_KEY,
    "GET /signals": ANY_KEY,
    "GET /schemes": ANY_KEY,
    "POST /terms/check": "reference:read",
    "GET /terms/convert": "reference:read",
    "GET /terms/legality": "reference:read",
    "POST /screen": "screen",
    "GET /scans": "scans:read",
    "GET /scans/{scan_id}": "scans:read",
    "GET /lists": "lists:read",
    "GET /lists/{name}": "lists:read",
    "GET /lists/{name}/items": "lists:read",
    "GET /lists/{name}/export": "lists:read",
    "POST /lists": "lists:write",
    "PATCH /lists/{name}": "lists:write",
    "POST /lists/{name}/items": "lists:write",
    "POST /lists/{name}/import": "lists:write",
    "PATCH /items/{item_id}": "lists:write",
    "GET /items/{item_id}": "lists:read",
    "GET /items/{item_id}/statements": "lists:read",
    "GET /lists/{name}/composition": "lists:read",
    "POST /lists/{name}/preview": "lists:write",
    "GET /quarantine": "lists:read",
    "POST /items/{item_id}/release": "lists:write",
    "GET /proposals": "lists:read",
    "GET /proposals/{proposal_id}": "lists:read",
    "POST /proposals/{proposal_id}/withdraw": "lists:write",
    "GET /sources": "subscriptions:read",
    "GET /subscriptions": "subscriptions:read",
    "GET /subscriptions/{name}": "subscriptions:read",
    "POST /subscriptions": "subscriptions:write",
    "PATCH /subscriptions/{name}": "subscriptions:write",
    "POST /subscriptions/{name}/due": "subscriptions:write",
    "POST /subscriptions/{name}/questions": "subscriptions:write",
    "GET /partners": "partners:read",
    "GET /partners/{name}": "partners:read",
    "POST /partners": "partners:write",
    "POST /partners/{name}/end": "partners:write",
    "PUT /partners/{name}/lists/{list_name}": "partners:write",
    "DELETE /partners/{name}/lists/{list_name}": "partners:write",
    "POST /partners/{name}/keys": "partners:write",
    "DELETE /partners/{name}/keys/{prefix}": "partners:write",
    "GET /exchange": "publishing:read",
    "POST /exchange/publish": "publishing:write",
    "GET /exchange/root": "publishing:read",
    "PUT /exchange/root": "publishing:write",
    "GET /exchange/bundles/{name}": "publishing:write",
    "POST /exchange/signatories": "publishing:write",
    "DELETE /exchange/signatories/{list_name}/{organisation}": "publishing:write",
    "GET /cases": "cases:read",
    "GET /cases/{case_id}": "cases:read",
    "POST /cases/{case_id}/appeals": "appeals:write",
    "GET /appeals/{reference}": "appeals:read",
    "POST /cases/{case_id}/files": "evidence:write",
    "GET /cases/{case_id}/particulars": "reports:read",
    "PUT /cases/{case_id}/particulars": "reports:write",
    "GET /reports": "reports:read",
    "GET /reports/{report_id}": "reports:read",
    "PATCH /reports/{report_id}": "reports:write",
    "GET /evidence/exhibits": "evidence:read",
    "GET /evidence/exhibits/{exhibit_id}": "evidence:read",
    "GET /evidence/exhibits/{exhibit_id}/custody": "evidence:read",
    "GET /evidence/exhibits/{exhibit_id}/hand-overs": "evidence:read",
    "GET /evidence/rules": "evidence:read",
    "GET /evidence/holds": "evidence:read",
    "POST /evidence/holds": "evidence:write",
    "POST /evidence/exhibits": "evidence:write",
    "GET /evidence/incoming": "evidence:read",
    "GET /evidence/incoming/{intake_id}": "evidence:read",
    "GET /evidence/incoming/{intake_id}/files": "evidence:read",
    "POST /evidence/incoming": "evidence:write",
    "POST /evidence/incoming/{intake_id}/take": "evidence:write",
    "POST /evidence/incoming/{intake_id}/refuse": "evidence:write",
    "GET /reference/limits": "reference:read",
    "GET /reference/contacts": "reference:read",
    "GET /reference/request-fields": "reference:read",
    "GET /reference/countries/{country}": "reference:read",
    "GET /reference/route": "reference:read",
    "GET /reference/{table}/rows/{key}": "reference:read",
    "GET /demands": "demands:read",
    "GET /demands/due": "demands:read",
    "GET /demands/numbers": "demands:read",
    "GET /demands/{demand_id}": "demands:read",
    "GET /requests": "demands:read",
    "GET /metrics": "numbers:read",
    "GET /numbers": "numbers:read",
    "GET /log": "log:read",
    "GET /log/leaves/{index}": "log:read",
    "GET /log/leaves/{index}/proof": "log:read",
    "GET /log/events/{kind}/{number}": "log:read",
    "GET /log/consistency": "log:read",
    "GET /log/witnesses": "log:read",
    "POST /log/witnesses": "log:write",
    "DELETE /log/witnesses/{name}": "log:write",
    "GET /log/alarms": "log:read",
    "POST /log/alarms/{alarm}/settle": "log:write",
    "GET /log/audits": "log:read",
    "POST /log/audits": "log:write",
    "POST /log/audits/{audit}/secret": "log:write",
    "GET /log/audits/{audit}/sample": "log:read",
    "POST /log/audits/{audit}/result": "log:write",
}
GUARDED = sorted(name for name, scope in TABLE.items() if scope is not NO_KEY)


def operations() -> Iterator[tuple[str, Any]]:
    """Every operation of the API, as ninja knows it."""
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                for method in operation.methods:
                    yield f"{method} {prefix}{path}", operation


def call(name: str, client: Client) -> Any:
    method, _, path = name.partition(" ")
    for variable, value in {
        "{scan_id}": "1",
        "{name}": "hotline",
        "{item_id}": "1",
        "{case_id}": "1",
        "{demand_id}": "1",
        "{exhibit_id}": "1",
        "{list_name}": "hotline",
        "{prefix}": "0" * 12,
    }.items():
        path = path.replace(variable, value)
    return client.generic(method, f"/api/v1{path}", "{}", "application/json", CONTENT_TYPE="application/json")


def bearer(secret: str) -> Client:
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"})


def test_the_table_holds_every_operation_with_its_scope() -> None:
    found = {}
    for name, operation in operations():
        keys = [auth for auth in operation.auth_callbacks if isinstance(auth, Key)]
        assert len(keys) == len(operation.auth_callbacks) <= 1, name
        found[name] = keys[0].scope if keys else NO_KEY
    assert found == TABLE


@pytest.mark.django_db
@pytest.mark.parametrize("name", GUARDED)
def test_without_a_valid_key_nothing_happens(name: str, clock: Any) -> None:
    revoked = Program()
    services.revoke_key(revoked.key.prefix, by="system")
    expired = services.add_key("old", scopes=SCOPES, by="system", days=1)
    clock.advance(timedelta(days=1, seconds=1))
    before = head()
    for client in (Client(), bearer(revoked.secret), bearer(expired.secret), bearer("himaya_" + "0" * 12)):
        is_problem(call(name, client), 401, "no-key")
    assert head() == before


@pytest.mark.django_db
@pytest.mark.parametrize("name", GUARDED)
def test_only_a_key_with_the_scope_gets_through(name: str) -> None:
    wanted = TABLE[name]
    others = [scope for scope in SCOPES if scope != wanted]
    lacking, having = services.add_key("l", scopes=others, by="system"), None
    having = services.add_key("h", scopes=[wanted or SCOPES[0]], by="system")
    before = head()
    told = call(name, bearer(lacking.secret))
    if wanted == ANY_KEY:
        assert told.status_code == 200
    else:
        is_problem(told, 403, "missing-scope")
        assert f'scope="{wanted}"' in told["WWW-Authenticate"]
    assert head() == before
    assert call(name, bearer(having.secret)).status_code not in (401, 403, 500)


@pytest.mark.django_db
@pytest.mark.parametrize("name", GUARDED)
def test_a_person_s_session_is_no_key(name: str, people: SimpleNamespace, sign_in: Any) -> None:
    client = sign_in("lead")
    assert settings.SESSION_COOKIE_NAME in client.cookies
    before = head()
    is_problem(call(name, client), 401, "no-key")
    assert head() == before


@pytest.mark.django_db
def test_a_key_opens_no_page() -> None:
    program = Program()
    for path in ("/", "/cases/", "/lists/", "/settings/", "/ledger/"):
        answer = bearer(program.secret).get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")
