"""Subscriptions over the API: made, changed, read at once; secrets go in and never come out."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from tests.program import Program, is_problem

from himaya.core import registry
from himaya.core.exchange import SourceTrouble
from himaya.lists import subscribing
from himaya.lists.models import HashList, Organisation, Subscription

pytestmark = pytest.mark.django_db(transaction=True)
SECRETS = {"subscription_key": "the-key-1", "fetch_key": "the-key-2"}
ASKED: dict[str, Any] = {
    "name": "partner",
    "list": "hotline",
    "exchange": "stopncii",
    "options": {"address": "https://a.example/v1", **SECRETS},
    "organisation": "swgfl.example",
    "jurisdiction": "GB",
    "basis": "person-shown",
    "interval": 1800,
    "members": True,
}


@pytest.fixture
def program(hotline: HashList) -> Program:
    return Program("subscriptions:read", "subscriptions:write")


@pytest.fixture
def source() -> Iterator[Any]:
    found = importlib.import_module("tests.plugins.recorded.stopncii").Recorded()
    with found.serving():
        yield found


def test_the_sources_say_what_they_need_and_whom_one_asks(program: Program) -> None:
    told = {one["name"]: one for one in program.get("/sources").json()["sources"]}
    assert set(told) == set(registry.exchanges())
    one = told["stopncii"]
    assert one["secrets"] == ["feedback_key", "fetch_key", "subscription_key"]
    assert one["options"]["properties"]["fetch_key"]["writeOnly"] is True
    assert {"fetch_key", "subscription_key"} <= set(one["options"]["required"])
    assert "Partners of StopNCII.org" in one["terms"]
    assert (one["shortest"], one["longest"]) == (60, 86_400)


def test_a_source_is_followed_and_shown_without_its_secrets(program: Program) -> None:
    answer = program.post("/subscriptions", ASKED)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made == program.get("/subscriptions/partner").json()
    assert program.get("/subscriptions").json() == {"subscriptions": [made], "next_cursor": None}
    wanted = {key: value for key, value in ASKED.items() if key not in ("options", "jurisdiction")}
    assert {key: made[key] for key in wanted} == wanted
    assert made["options"] == {"address": "https://a.example/v1", "member": ""}
    assert made["secrets"] == ["fetch_key", "subscription_key"]
    assert (made["state"], made["last"], made["trouble"], made["lag"]) == ("new", None, None, None)
    assert Organisation.objects.get(name="swgfl.example").jurisdiction == "GB"
    for path in ("/subscriptions", "/subscriptions/partner"):
        assert "the-key" not in program.get(path).content.decode()
    rows = json.dumps(list(Subscription.objects.values()), cls=DjangoJSONEncoder)
    assert "the-key" not in rows


def test_what_failed_and_what_a_round_brought_is_told(program: Program, source: Any, hotline: HashList) -> None:
    one = subscribing.subscribe(
        "partner", to=hotline, exchange="stopncii", options=source.config(source.url), by="system", private=True
    )
    source.cut_after = 1
    with pytest.raises(SourceTrouble):
        subscribing.run(one, wait=lambda _: None)
    told = program.get("/subscriptions/partner").json()
    assert (told["state"], told["waiting"], told["failures"]) == ("failing", 1, 1)
    assert set(told["trouble"]) == {"what", "remedy", "code"}
    source.cut_after = None
    subscribing.run(subscribing.find("partner"), wait=lambda _: None)
    told = program.get("/subscriptions/partner").json()
    assert (told["state"], told["trouble"], told["rounds"]) == ("fine", None, 1)
    assert (told["last"]["added"], told["last"]["unread"]) == (3, {"URL": 1})
    assert told["lag"] >= 0


@pytest.mark.parametrize(
    ("wrong", "status", "code", "where"),
    [
        ({"list": "nowhere"}, 404, "unknown-list", ""),
        ({"exchange": "nothing"}, 404, "unknown-plugin", ""),
        ({"options": {"fetch_key": "x"}}, 422, "bad-subscription", "body.options.subscription_key"),
        ({"options": {**SECRETS, "colour": "red"}}, 422, "bad-subscription", "body.options.colour"),
        ({"options": {**SECRETS, "address": 5}}, 422, "bad-subscription", "body.options.address"),
        ({"interval": 61, "exchange": "file", "options": {}}, 422, "bad-subscription", "body.options"),
        ({"basis": "whatever"}, 422, "bad-request", "body.basis"),
        ({"interval": 5}, 422, "bad-request", "body.interval"),
        ({"private": True}, 422, "bad-request", "body.private"),
        ({"exchange": "file", "options": {"directory": "/etc", "path": "passwd"}}, 403, "not-from-here", ""),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(
    program: Program, wrong: dict[str, Any], status: int, code: str, where: str
) -> None:
    told = is_problem(program.post("/subscriptions", {**ASKED, **wrong}), status, code)
    assert not where or any(flaw["where"].startswith(where) for flaw in told["errors"]), told
    assert "the-key" not in json.dumps(told)
    assert not Subscription.objects.exists()
    assert not Organisation.objects.filter(name="swgfl.example").exists()


def test_a_name_is_taken_once(program: Program) -> None:
    assert program.post("/subscriptions", ASKED, key="one").status_code == 201
    assert program.post("/subscriptions", ASKED, key="one").status_code == 201  # the same request again
    is_problem(program.post("/subscriptions", ASKED), 422, "bad-subscription-name")
    assert Subscription.objects.count() == 1


def test_some_of_it_is_changed_and_the_rest_stays(program: Program) -> None:
    program.post("/subscriptions", ASKED)
    changed = program.patch("/subscriptions/partner", {"options": {"member": "Us"}, "interval": 900}).json()
    assert (changed["options"]["member"], changed["interval"]) == ("Us", 900)
    assert changed["secrets"] == ["fetch_key", "subscription_key"]
    changed = program.patch("/subscriptions/partner", {"options": {"member": None, "feedback_key": "f"}}).json()
    assert changed["options"]["member"] == ""
    assert changed["secrets"] == ["feedback_key", "fetch_key", "subscription_key"]
    assert program.patch("/subscriptions/partner", {"enabled": False}).json()["state"] == "paused"
    is_problem(program.post("/subscriptions/partner/due", {}), 409, "paused")
    is_problem(program.patch("/subscriptions/partner", {}), 422, "bad-request")
    is_problem(program.patch("/subscriptions/nobody", {"enabled": True}), 404, "unknown-subscription")


def test_a_secret_goes_to_no_other_address(program: Program) -> None:
    program.post("/subscriptions", ASKED)
    there = {"address": "https://b.example/v1"}
    told = is_problem(program.patch("/subscriptions/partner", {"options": there}), 422, "bad-subscription")
    assert {flaw["where"] for flaw in told["errors"]} == {"body.options.fetch_key", "body.options.subscription_key"}
    assert program.patch("/subscriptions/partner", {"options": {**there, **SECRETS}}).status_code == 200


def test_what_an_administrator_let_near_is_not_turned_by_programs(program: Program, hotline: HashList) -> None:
    subscribing.subscribe(
        "partner", to=hotline, exchange="stopncii", options=ASKED["options"], by="system", private=True
    )
    is_problem(program.patch("/subscriptions/partner", {"options": {"member": "Us"}}), 403, "not-from-here")
    assert program.patch("/subscriptions/partner", {"interval": 900}).json()["interval"] == 900


def test_it_is_read_at_once(program: Program) -> None:
    program.post("/subscriptions", ASKED)
    assert subscribing.claim()
    assert subscribing.claim() is None
    assert program.post("/subscriptions/partner/due", {}).status_code == 200
    assert subscribing.claim()


def test_only_those_of_a_list_and_page_by_page(program: Program, hotline: HashList) -> None:
    for n in range(5):
        program.post("/subscriptions", {**ASKED, "name": f"s-{n}"})
    first = program.get("/subscriptions", list="hotline", limit=3).json()
    second = program.get("/subscriptions", list="hotline", limit=3, cursor=first["next_cursor"]).json()
    assert [one["name"] for one in first["subscriptions"] + second["subscriptions"]] == [f"s-{n}" for n in range(5)]
    is_problem(program.get("/subscriptions", list="nowhere"), 404, "unknown-list")


def test_a_key_that_may_only_read_changes_nothing(hotline: HashList) -> None:
    program = Program("subscriptions:read")
    is_problem(program.post("/subscriptions", ASKED), 403, "missing-scope")
    is_problem(Program("lists:read").get("/subscriptions"), 403, "missing-scope")
