"""Witnesses, alarms and audits for programs."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest
from tests.log.conftest import OtherNode
from tests.program import Program, is_problem

from himaya.log import queries, services
from himaya.log.rounds import publish_with_witnesses
from himaya.log.services import add_watched, publish_checkpoint, raise_alarm

pytestmark = pytest.mark.django_db
Add = Callable[[int], range]
Make = Callable[[str], OtherNode]


def test_a_program_reads_what_witnesses_said(add: Add, other_node: Make) -> None:
    nodes = [other_node(name) for name in ("one", "two")]
    nodes[1].down = True
    add(3)
    publish_with_witnesses()
    add_watched(queries.identity().log_public, by="system")  # type: ignore[union-attr]
    told = Program("log:read").get("/log/witnesses").json()
    one, two = told["witnesses"]
    assert (one["key"], one["said"], bool(one["cosigned_at"])) == (str(nodes[0].key.verifier), "", True)
    assert ("503" in two["said"], two["cosigned_at"]) == (True, None)
    assert told["watched"][0]["size"] == 0


def test_a_program_adds_and_removes_a_witness(other_node: Make) -> None:
    node, program = other_node("one"), Program("log:read", "log:write")
    services.remove_witness("one", by="system")
    asked = {"name": "Hotline of the north", "key": str(node.key.verifier), "address": "https://node.example/log/v1"}
    is_problem(program.post("/log/witnesses", {**asked, "key": "nonsense"}), 422)
    is_problem(program.post("/log/witnesses", {**asked, "address": "http://127.0.0.1"}), 422)
    answer = program.post("/log/witnesses", asked)
    assert (answer.status_code, [one["name"] for one in answer.json()["witnesses"]]) == (201, [asked["name"]])
    is_problem(program.post("/log/witnesses", asked), 422)
    path = "/log/witnesses/Hotline%20of%20the%20north"
    assert program.send("DELETE", path, "").json()["witnesses"] == []
    is_problem(program.send("DELETE", path, ""), 404, "unknown-witness")


def test_a_program_reads_alarms_and_settles_one_with_a_reason(add: Add) -> None:
    add(1)
    publish_checkpoint()
    ids = [
        raise_alarm(kind, origin="other.example/log", size=3, evidence=kind).pk
        for kind in (queries.STRANGER_FORKED, queries.SET_BACK)
    ]
    program = Program("log:read", "log:write")
    first = program.get("/log/alarms?limit=1").json()
    second = program.get(f"/log/alarms?limit=1&cursor={first['next_cursor']}").json()
    found = [*first["alarms"], *second["alarms"]]
    assert [(one["id"], one["stops"]) for one in found] == [(ids[1], True), (ids[0], False)]
    is_problem(program.post(f"/log/alarms/{ids[0]}/settle", {"reason": " "}), 422)
    answer = program.post(f"/log/alarms/{ids[0]}/settle", {"reason": "its operator was asked"})
    assert (answer.status_code, answer.json()["reason"]) == (200, "its operator was asked")
    is_problem(program.post(f"/log/alarms/{ids[0]}/settle", {"reason": "again"}), 404, "unknown-alarm")
    assert [one["id"] for one in program.get("/log/alarms").json()["alarms"]] == [ids[1]]
    assert len(program.get("/log/alarms?state=any").json()["alarms"]) == 2


def test_a_program_audits_from_the_announcement_to_the_published_rate(add: Add) -> None:
    add(60)
    secret = b"0123456789abcdef"
    program = Program("log:read", "log:write", "lists:read")
    asked = {"leaves": 6, "auditor": "Ombudsman", "promise": sha256(secret).hexdigest()}
    answer = program.post("/log/audits", asked)
    assert (answer.status_code, answer.json()["size"]) == (201, 0)
    at = f"/log/audits/{answer.json()['id']}"
    is_problem(program.post(f"{at}/secret", {"secret": secret.hex()}), 409, "not-drawn")
    add(1)
    publish_checkpoint()
    is_problem(program.get(f"{at}/sample"), 409, "not-revealed")
    assert program.post(f"{at}/secret", {"secret": secret.hex()}).status_code == 200
    is_problem(Program("log:read").get(f"{at}/sample"), 403, "missing-scope")
    leaves = program.get(f"{at}/sample").json()["leaves"]
    assert all(one["event"] and one["salt"] for one in leaves)
    judged = [{"index": one["index"], "agrees": n > 0} for n, one in enumerate(leaves)]
    for wrong in (judged[1:], [*judged, judged[0]]):
        is_problem(program.post(f"{at}/result", {"judged": wrong}), 422, "wrong-judgement")
    found = program.post(f"{at}/result", {"judged": judged}).json()
    assert (found["of_all"]["judged"], found["of_all"]["wrong"], found["secret"]) == (6, 1, secret.hex())
    assert program.get("/log/audits").json()["audits"] == [found]
