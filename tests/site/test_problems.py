"""Whatever goes wrong, a program is told in one way (RFC 9457), and the words for the log stay there."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from tests.program import Program, is_problem

from himaya.accounts import queries as accounts
from himaya.core.config import config
from himaya.core.wire import WORDS
from himaya.transparency import queries as transparency


@pytest.fixture
def program(db: None) -> Program:
    return Program()


def breaks(error: Exception) -> Any:
    """A function that raises."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise error

    return broken


def test_an_error_names_itself_and_its_remedy(program: Program) -> None:
    told = is_problem(program.get("/lists/nowhere"), 404)
    assert told == {
        "type": "urn:himaya:problem:unknown-list",
        "title": "Unknown list",
        "status": 404,
        "detail": "There is no list named 'nowhere'; there are: none yet.",
        "remedy": "Check the name. Whoever keeps the lists makes a new one: himaya lists create NAME",
    }


def test_an_address_that_does_not_exist_is_a_problem_too(program: Program) -> None:
    for path in ("/nothing", "/lists/", "/", "/cases/1/decide"):
        is_problem(program.get(path), 404)


def test_a_method_that_is_not_there_names_those_that_are(program: Program) -> None:
    answer = program.send("DELETE", "/lists", "")
    is_problem(answer, 405, "bad-method")
    assert set(answer["Allow"].split(", ")) == {"GET", "POST"}


def test_a_defect_says_nothing_about_itself_but_an_id(
    program: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transparency, "numbers", breaks(RuntimeError("a secret of the house")))
    answer = program.get("/numbers")
    told = is_problem(answer, 500)
    assert b"secret" not in answer.content
    assert b"RuntimeError" not in answer.content
    assert re.fullmatch("[0-9a-f]{8}", told["error_id"])
    assert told["error_id"] in caplog.text
    assert "a secret of the house" in caplog.text


@pytest.mark.parametrize(
    "error", [OperationalError("connection to server at 10.0.0.7 failed"), InterfaceError("closed")]
)
def test_a_database_that_is_away_is_said_so_and_when_to_come_back(
    program: Program, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(transparency, "numbers", breaks(error))
    answer = program.get("/numbers")
    told = is_problem(answer, 503)
    assert "10.0.0.7" not in str(told)
    assert int(answer["Retry-After"]) > 0


def test_a_database_that_is_away_when_the_key_is_looked_up_is_said_so(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts.ApiKey.objects, "filter", breaks(OperationalError("gone")))
    answer = program.get("/numbers")
    is_problem(answer, 503)
    assert answer["Retry-After"]


def test_the_health_of_a_node_without_database_is_no_health(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("himaya.site.api.head", breaks(OperationalError("gone")))
    is_problem(Client(raise_request_exception=False).get("/api/v1/health"), 503)


def test_a_body_in_chunks_of_unknown_length_is_refused(program: Program) -> None:
    headers = {"Transfer-Encoding": "chunked"}
    answer = program._client.get("/api/v1/lists", headers=headers)
    is_problem(answer, 411, "length-required")


def test_a_body_that_is_too_large_is_refused_whatever_it_is(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config(), "max_request_bytes", 100)
    for path, kind in (("/lists", "application/json"), ("/lists/a/import", "text/csv"), ("/screen", "text/plain")):
        told = is_problem(program.post(path, " " * 101, content_type=kind), 413, "request-too-large")
        assert told["detail"] == "The request has 101 bytes; at most 100 are taken."


@pytest.mark.parametrize("body", ["{", "nope", b"\xff", '{"name": NaN}', "[" * 10_000, '{"name": "\\ud800"}'])
def test_a_body_that_is_no_json_is_refused(program: Program, body: Any) -> None:
    is_problem(program.post("/lists", body), 400, "unreadable")


def test_a_body_that_is_not_there_is_refused(program: Program) -> None:
    is_problem(program.post("/lists", ""), 422, "bad-request")


def test_a_body_of_another_kind_is_refused(program: Program) -> None:
    told = is_problem(program.post("/lists", "name=a", content_type="application/x-www-form-urlencoded"), 415)
    assert told["type"] == "urn:himaya:problem:wrong-media-type"


def test_a_wrong_host_is_refused(db: None) -> None:
    answer = Client(raise_request_exception=False).get("/api/v1/health", headers={"Host": "elsewhere.example"})
    is_problem(answer, 400)


def test_what_was_sent_is_not_sent_back_whole(program: Program) -> None:
    answer = program.post("/lists", {"name": "x" * 100_000})
    is_problem(answer, 422)
    assert len(answer.content) < 1000
    many = program.post("/lists/a/items", {"items": [{"signal": "Q", "value": ""}] * 1000})
    assert len(is_problem(many, 422)["errors"]) == 100


def test_the_description_declares_every_error_as_a_problem(db: None) -> None:
    described = json.loads(Client().get("/api/v1/openapi.json").content)
    operations = [op for methods in described["paths"].values() for op in methods.values()]
    assert len(operations) > 15
    for operation in operations:
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}
                assert answer["description"] == WORDS[int(status)]
        assert {"422", "500", "503"} <= set(operation["responses"])
        assert operation.get("security") or operation["operationId"] == "health"


PLAIN = (
    "/api/v1/terms/check",
    "/api/v1/partners",
    "/api/v1/partners/{name}/keys",
    "/api/v1/exchange/publish",
    "/api/v1/exchange/root",
    "/api/v1/lists/{name}/preview",
    "/api/v1/subscriptions/{name}/questions",
)
"""Two answer with a secret, which an answer kept for a repeat would keep. To publish, to put a root in force or to look
at a file twice does no more than once. What a source was asked stays on record though the request fails, and what it
answered is not asked again.
"""


def test_every_operation_that_writes_takes_an_idempotency_key(db: None) -> None:
    described = json.loads(Client().get("/api/v1/openapi.json").content)
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            named = [p["name"] for p in operation["parameters"] if p["in"] == "header"]
            plain = method == "get" or path in PLAIN
            assert named == ([] if plain else ["Idempotency-Key"]), path
