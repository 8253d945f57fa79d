"""API keys: what opens the API, what does not, and what each may do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from tests.program import Program, is_problem

from himaya.accounts import queries, services

SCOPED = {
    "/scans": "scans:read",
    "/lists": "lists:read",
    "/cases": "cases:read",
    "/numbers": "numbers:read",
}


def get(path: str, authorization: str = "") -> Any:
    headers = {"Authorization": authorization} if authorization else {}
    return Client(raise_request_exception=False).get(f"/api/v1{path}", headers=headers)


@pytest.mark.parametrize("path", [*SCOPED, "/signals", "/schemes"])
def test_without_a_key_nothing_opens(db: None, path: str) -> None:
    answer = get(path)
    told = is_problem(answer, 401, "no-key")
    assert answer["WWW-Authenticate"] == 'Bearer realm="himaya"'
    assert "Bearer" in told["remedy"]


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer himaya_",
        "Bearer himaya_0123456789ab_" + "x" * 43,
        "Bearer himaya_\x00123456789ab_" + "x" * 43,
        "Basic YTpi",
        "Bearer " + "é" * 60,
    ],
)
def test_a_wrong_key_opens_nothing(db: None, authorization: str) -> None:
    answer = get("/signals", authorization)
    is_problem(answer, 401, "no-key")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_a_key_with_another_secret_opens_nothing(db: None) -> None:
    program = Program()
    wrong = program.secret[:-1] + ("a" if program.secret[-1] != "a" else "b")
    assert get("/signals", f"Bearer {program.secret}").status_code == 200
    is_problem(get("/signals", f"Bearer {wrong}"), 401)


def test_a_revoked_key_opens_nothing_from_its_next_request(db: None) -> None:
    program = Program()
    assert program.get("/signals").status_code == 200
    services.revoke_key(program.key.prefix, by="system")
    is_problem(program.get("/signals"), 401, "no-key")


def test_an_expired_key_opens_nothing(db: None, clock: Any) -> None:
    program = Program()
    clock.advance(timedelta(days=365) - timedelta(seconds=1))
    assert program.get("/signals").status_code == 200
    clock.advance(timedelta(seconds=1))
    is_problem(program.get("/signals"), 401, "no-key")


@pytest.mark.parametrize(("path", "scope"), SCOPED.items())
def test_a_key_opens_what_its_scope_says_and_nothing_else(db: None, path: str, scope: str) -> None:
    program = Program(scope)
    for other, needed in SCOPED.items():
        answer = program.get(other)
        if other == path:
            assert answer.status_code == 200
        else:
            is_problem(answer, 403, "missing-scope")
            assert answer["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{needed}"'


def test_any_key_reads_what_the_node_can_do(db: None) -> None:
    program = Program("numbers:read")
    assert {s["name"] for s in program.get("/signals").json()["signals"]} >= {"md5", "sha1", "sha256", "pdq"}
    interpol = next(s for s in program.get("/schemes").json()["schemes"] if s["name"] == "interpol")
    assert "baseline" in [code["code"] for code in interpol["codes"]]


def test_health_needs_no_key(db: None) -> None:
    assert get("/health").json()["status"] == "ok"


def test_the_last_use_is_noted_once_a_minute(db: None, clock: Any, django_assert_num_queries: Any) -> None:
    program = Program()

    def last_used() -> Any:
        return queries.keys().get(prefix=program.key.prefix).last_used_at

    assert last_used() is None
    program.get("/signals")
    first = last_used()
    assert first == clock.now()
    clock.advance(timedelta(seconds=59))
    with django_assert_num_queries(1):
        program.get("/signals")
    assert last_used() == first
    clock.advance(timedelta(seconds=2))
    program.get("/signals")
    assert last_used() == clock.now()


def test_a_refused_key_is_not_noted_as_used(db: None) -> None:
    program = Program("numbers:read")
    is_problem(program.get("/cases"), 403)
    assert queries.keys().get(prefix=program.key.prefix).last_used_at is None


def test_a_session_of_the_console_does_not_open_the_api(people: Any) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(people.lead, backend="allauth.account.auth_backends.AuthenticationBackend")
    is_problem(client.get("/api/v1/lists"), 401, "no-key")


def test_an_answer_sets_no_cookie(db: None) -> None:
    program = Program()
    for answer in (program.get("/lists"), program.post("/lists", {"name": "a"}), get("/lists")):
        assert not answer.cookies
