"""One key, one effect: repeated, side by side, with another body, and with the power going out in between (R14)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from tests.program import Program, is_problem

from himaya.accounts import idempotency
from himaya.accounts.models import Answered
from himaya.core import faults
from himaya.ledger.queries import entries
from himaya.lists import queries


@pytest.fixture
def program(db: None) -> Program:
    return Program("lists:write", "lists:read")


def names() -> list[str]:
    return list(queries.lists().values_list("name", flat=True))


def test_a_repeat_gets_the_same_answer_and_has_no_effect(program: Program) -> None:
    first = program.post("/lists", {"name": "a"}, key="k")
    again = program.post("/lists", {"name": "a"}, key="k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.content, first["Content-Type"]) == (again.content, again["Content-Type"])
    assert entries(act="list.created").count() == 1


def test_without_a_key_every_request_is_one_of_its_own(program: Program) -> None:
    assert program.post("/lists", {"name": "a"}).status_code == 201
    is_problem(program.post("/lists", {"name": "a"}), 422, "bad-list")
    assert not Answered.objects.exists()


def test_another_request_with_the_same_key_is_refused(program: Program) -> None:
    assert program.post("/lists", {"name": "a"}, key="k").status_code == 201
    told = is_problem(program.post("/lists", {"name": "b"}, key="k"), 422, "key-reused")
    assert "'k'" in told["detail"]
    is_problem(program.patch("/lists/a", {"radius": 1}, key="k"), 422, "key-reused")
    assert names() == ["a"]


def test_an_error_leaves_the_key_free(program: Program) -> None:
    is_problem(program.patch("/lists/a", {"radius": 1}, key="k"), 404)
    program.post("/lists", {"name": "a"})
    assert program.patch("/lists/a", {"radius": 1}, key="k").status_code == 200


def test_keys_of_different_callers_do_not_meet(program: Program) -> None:
    other = Program("lists:write")
    assert program.post("/lists", {"name": "a"}, key="k").status_code == 201
    assert other.post("/lists", {"name": "b"}, key="k").status_code == 201
    assert names() == ["a", "b"]


@pytest.mark.parametrize("key", ["", " ", "a b", "a\x7f", "é", "x" * 256])
def test_a_malformed_key_is_refused(program: Program, key: str) -> None:
    is_problem(program.post("/lists", {"name": "a"}, key=key), 422, "bad-idempotency-key")
    assert names() == []


def test_an_answer_is_kept_for_thirty_days(program: Program, clock: Any) -> None:
    program.post("/lists", {"name": "a"}, key="k")
    clock.advance(timedelta(days=30))
    assert program.post("/lists", {"name": "a"}, key="k").status_code == 201
    clock.advance(timedelta(seconds=1))
    is_problem(program.post("/lists", {"name": "a"}, key="k"), 422, "bad-list")
    assert program.post("/lists", {"name": "b"}, key="k").status_code == 201
    assert program.post("/lists", {"name": "c"}, key="k").status_code == 422
    assert Answered.objects.count() == 1


def together(number: int, call: Any) -> list[Any]:
    """``call`` in so many threads that begin at once; their answers."""
    gate = threading.Barrier(number)

    def one(n: int) -> Any:
        gate.wait(30)
        try:
            return call(n)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(one, range(number)))


@pytest.mark.django_db(transaction=True)
def test_fifty_requests_with_one_key_at_once_have_one_effect_and_equal_answers() -> None:
    program = Program("lists:write")
    answers = together(50, lambda _: program.post("/lists", {"name": "a"}, key="k"))
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1
    assert entries(act="list.created").count() == 1
    assert Answered.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_different_requests_with_one_key_at_once_one_wins_and_the_others_are_refused() -> None:
    program = Program("lists:write")
    answers = together(10, lambda n: program.post("/lists", {"name": f"a{n}"}, key="k"))
    assert sorted(a.status_code for a in answers) == [201] + [422] * 9
    assert len(names()) == 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_too_long_for_the_first_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "PATIENCE", 0.2)
    faults.arm("idempotency.before_commit:sleep=1.5")
    program = Program("lists:write", "lists:read")
    program.get("/lists")  # the use of the key is noted once a minute: not while the first one holds the database

    answers = together(2, lambda _: program.post("/lists", {"name": "a"}, key="k"))
    late = next(a for a in answers if a.status_code != 201)
    is_problem(late, 409, "in-flight")
    assert late["Retry-After"] == "5"
    faults.arm("")
    first = next(a for a in answers if a.status_code == 201)
    assert program.post("/lists", {"name": "a"}, key="k").content == first.content


@pytest.mark.django_db(transaction=True)
def test_another_process_with_the_same_key_is_waited_for_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes are kept apart by the database: what this one remembers is taken away."""
    if connection.vendor != "postgresql":
        assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"  # one writer at a time anyway
        return
    monkeypatch.setattr(idempotency, "_in_flight", type("Forgetful", (set,), {"add": lambda *_: None})())
    monkeypatch.setattr(idempotency, "PATIENCE", 0.3)
    faults.arm("idempotency.before_commit:sleep=2")
    program = Program("lists:write")
    answers = together(2, lambda _: program.post("/lists", {"name": "a"}, key="k"))
    assert sorted(a.status_code for a in answers) == [201, 409]
    monkeypatch.setattr(idempotency, "PATIENCE", 10)
    answers = together(5, lambda _: program.post("/lists", {"name": "b"}, key="k2"))
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1
    assert names() == ["a", "b"]


NODE = """
import json, sys, django
django.setup()
from django.core.management import call_command
from django.test import Client
from himaya.accounts.models import Answered
from himaya.accounts.services import add_key
from himaya.core.config import config
from himaya.ledger.queries import entries, proof
secret = config().data / "secret-for-the-test"
if not secret.exists():
    call_command("migrate", verbosity=0)
    secret.write_text(add_key("t", scopes=["lists:write"], by="system").secret)
headers = {"Authorization": "Bearer " + secret.read_text(), "Idempotency-Key": "k", "Host": "localhost"}
def state():
    return [entries(act="list.created").count(), Answered.objects.count(), proof().whole]
def post():
    told = Client(headers=headers).post("/api/v1/lists", {"name": "a"}, content_type="application/json")
    return [told.status_code, told.content.decode()]
print(json.dumps([state(), *[[post(), state()] for _ in range(int(sys.argv[1]))]]))
"""


def node(environment: dict[str, str], posts: int, *, fault: str = "") -> subprocess.CompletedProcess[str]:
    """A process of its own: what it finds, and what it finds after each post of the same request."""
    command, with_fault = [sys.executable, "-c", NODE, str(posts)], {**environment, "HIMAYA_FAULT": fault}
    return subprocess.run(command, env=with_fault, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("fault", "happened"), [("idempotency.before_commit", 0), ("idempotency.after_commit", 1)])
def test_a_node_that_is_killed_keeps_effect_and_answer_together(
    node_env: dict[str, str], fault: str, happened: int
) -> None:
    assert node(node_env, 1, fault=f"{fault}:kill").returncode == -9
    found, (first, then), (again, after) = json.loads(node(node_env, 2).stdout)
    assert found == [happened, happened, True]
    assert first[0] == 201
    assert first == again
    assert then == after == [1, 1, True]
