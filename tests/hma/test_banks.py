"""Banks over HTTP: shapes, ratios, and that what is not off is on for every request."""

from __future__ import annotations

import pytest
from tests.hma.conftest import A, Hma, refused

from himaya.ledger import queries as ledger
from himaya.lists import queries as lists
from himaya.lists import services


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, 1.0),
        ({"enabled_ratio": 1.0}, 1.0),
        ({"enabled_ratio": "0.3"}, 1.0),
        ({"enabled_ratio": "0"}, 0.0),
        ({"enabled": False}, 0.0),
        ({"enabled": True}, 1.0),
        ({"enabled": True, "enabled_ratio": 0}, 0.0),
    ],
)
def test_a_bank_is_made_and_says_truly_whether_it_is_on(hma: Hma, asked: dict[str, object], told: float) -> None:
    answer = hma.post("/c/banks", {"name": "KNOWN", **asked})
    assert (answer.status_code, answer.json()) == (201, {"name": "KNOWN", "matching_enabled_ratio": told})
    assert hma.get("/c/bank/KNOWN").json() == answer.json()
    assert hma.get("/c/banks").json() == [answer.json()]


def test_a_bank_that_is_there_is_not_made_again(hma: Hma) -> None:
    services.create_list("hotline", by="system")
    refused(hma.post("/c/banks", {"name": "HOTLINE"}), 403, "Bank already exists")


@pytest.mark.parametrize("ratio", [-0.1, 1.1, "much", "nan", "inf"])
def test_a_ratio_that_is_none_is_refused(hma: Hma, ratio: object) -> None:
    refused(hma.post("/c/banks", {"name": "KNOWN", "enabled_ratio": ratio}), 422, "enabled_ratio")
    hma.bank()
    refused(hma.put("/c/bank/KNOWN", {"enabled_ratio": ratio}), 422, "enabled_ratio")


def test_a_bank_is_switched_off_and_on_at_once(hma: Hma) -> None:
    hma.bank()
    number = hma.signal(md5=A)
    assert hma.put("/c/bank/KNOWN", {"enabled_ratio": 0}).json()["matching_enabled_ratio"] == 0.0
    assert hma.matches(A) == {}
    assert hma.put("/c/bank/KNOWN", {"enabled": True}).json()["matching_enabled_ratio"] == 1.0
    assert hma.matches(A) == {"KNOWN": [number]}


def test_nothing_is_lost_by_chance(hma: Hma) -> None:
    hma.bank(enabled_ratio=0.01)
    number = hma.signal(md5=A)
    assert all(hma.matches(A, seed=str(n)) == {"KNOWN": [number]} for n in range(30))


def test_a_bank_that_is_not_there_is_said_so(hma: Hma) -> None:
    refused(hma.get("/c/bank/NOBODY"), 404, "NOBODY", "not found")
    refused(hma.put("/c/bank/NOBODY", {"enabled": True}), 404, "not found")
    refused(hma.post("/c/bank/NOBODY/signal", {"md5": A}), 404, "not found")
    refused(hma.post("/c/bank/NOBODY/content?url=http://x.example/a"), 404, "not found")


def test_what_is_no_json_is_refused(hma: Hma) -> None:
    refused(hma.post("/c/banks", "{"), 400, "not JSON")
    refused(hma.post("/c/banks"), 415)


def test_json_of_another_shape_is_refused_as_hma_does(hma: Hma) -> None:
    hma.bank()
    before = hma.get("/c/banks").json()
    refused(hma.post("/c/banks", "[]"), 422)
    refused(hma.post("/c/banks", {}), 422, "name")
    refused(hma.post("/c/banks", {"name": 5}), 422, "name")
    refused(hma.put("/c/bank/KNOWN", {"name": ["OTHER"]}), 422, "name")
    refused(hma.post("/c/exchanges", {"bank": "X"}), 422, "api")
    refused(hma.post("/c/banks", {"name": "known"}), 400, "bank")  # a name of the right shape that is none of HMA's
    assert hma.get("/c/banks").json() == before


def test_every_change_is_on_record_under_the_key(hma: Hma) -> None:
    before = ledger.head()[0]
    hma.bank()
    hma.put("/c/bank/KNOWN", {"enabled": False})
    hma.put("/c/bank/KNOWN", {"name": "BETTER"})
    hma.delete("/c/bank/BETTER")
    acts = [(e.act, e.actor) for e in ledger.entries() if e.seq > before][::-1]
    key = f"key:{hma.key.prefix}"
    assert acts == [
        ("list.created", key), ("bank.named", key), ("list.changed", key), ("bank.named", key),
        ("list.changed", key), ("bank.removed", key),
    ]  # fmt: skip
    assert lists.lists().get().title == "KNOWN"
