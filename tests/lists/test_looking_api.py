"""What programs look at before they act: composition, previews, quarantine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import transaction
from tests.program import Program, is_problem, sha256

from himaya.core.ports import ItemRow
from himaya.ledger.queries import entries, head
from himaya.lists import proposals, quarantine, services
from himaya.lists.canaries import _DRAWN
from himaya.lists.models import HashList, Item

Put = Callable[..., Any]


@pytest.fixture
def program(hotline: HashList) -> Program:
    return Program("lists:read", "lists:write")


def test_the_composition_of_a_list_sums_up_to_it(program: Program, hotline: HashList) -> None:
    empty = program.get("/lists/hotline/composition").json()
    assert empty == {"organisations": [], "classes": [], "agreement": [], "months": [], "states": []}
    rows = [ItemRow(n, "sha256", sha256(str(n)), *(("interpol", "baseline") if n < 3 else ("", ""))) for n in range(5)]
    with time_machine.travel(datetime(2026, 3, 15, tzinfo=UTC)):
        services.add_items(hotline, rows=rows, by="system")
    services.mark_item(Item.objects.order_by("pk")[0].pk, state="withdrawn", by="system", reason="A logo.")
    told = program.get("/lists/hotline/composition").json()
    assert [(one["code"], one["items"]) for one in told["classes"]] == [("", 2), ("baseline", 2)]
    assert told["months"] == [{"month": "2026-03", "items": 4}]
    assert told["agreement"] == [{"organisations": 1, "items": 4}]
    assert told["states"] == [{"state": "active", "items": 4}, {"state": "withdrawn", "items": 1}]
    assert [one["items"] for one in told["organisations"]] == [4]
    is_problem(program.get("/lists/none/composition"), 404, "unknown-list")


def test_a_preview_says_what_a_file_would_bring_and_brings_nothing(program: Program, put: Put) -> None:
    put(f"signal,value\nsha256,{sha256('1')}\n".encode())
    before, held = head(), Item.objects.count()
    body = f"signal,value\nsha256,{sha256('1')}\nsha256,{sha256('2')}\nsha256,xyz\n"
    told = program.send("POST", "/lists/hotline/preview", body, content_type="text/csv").json()
    assert [told[name] for name in ("good", "new", "known", "withdrawn", "refused", "caught")] == [2, 1, 1, 0, 1, 0]
    assert [row["value"] for row in told["rows"]] == [sha256("1"), sha256("2")]
    (refused,) = told["refusals"]
    assert (refused["line"], bool(refused["why"])) == (4, True)
    assert (head(), Item.objects.count()) == (before, held)
    answer = program.send("POST", "/lists/hotline/preview", "{}")
    is_problem(answer, 415, "wrong-media-type")


def test_who_looks_whether_something_is_a_canary_leaves_a_trace(program: Program) -> None:
    body = f"signal,value\npdq,{_DRAWN[0]}\n"
    told = program.send("POST", "/lists/hotline/preview", body, content_type="text/csv").json()
    assert (told["caught"], told["good"]) == (1, 0)
    assert entries(act="list.canary").get().actor == program.key.actor


@pytest.fixture
def held(hotline: HashList) -> list[Item]:
    services.add_items(hotline, rows=[ItemRow(n, "sha256", sha256(str(n))) for n in range(2)], by="system")
    items = list(Item.objects.order_by("pk"))
    with transaction.atomic():
        quarantine.hold_items({one.pk: quarantine.Flood(60, 24, {0: 60}) for one in items})
    return items


def test_a_program_sees_what_is_held_and_lets_it_go_for_a_reason(program: Program, held: list[Item]) -> None:
    first = program.get("/quarantine?limit=1").json()
    rest = program.get(f"/quarantine?cursor={first['next_cursor']}").json()
    found = [*first["items"], *rest["items"]]
    assert [(one["item"], one["contents"], one["distances"]) for one in found] == [
        (one.pk, 60, {"0": 60}) for one in held
    ]
    at = f"/items/{held[0].pk}/release"
    is_problem(program.post(at, {"reason": " "}), 422)
    is_problem(program.post(at, {"reason": "A logo.", "limit": 60}), 422, "bad-release")
    for _ in range(2):
        answer = program.post(at, {"reason": "A logo.", "limit": 100}, key="one")
        assert (answer.status_code, answer.json()) == (200, {"item": held[0].pk, "opened": 0})
    is_problem(program.post(at, {"reason": "A logo."}), 409, "not-held")
    assert [one["item"] for one in program.get("/quarantine").json()["items"]] == [held[1].pk]
    assert entries(act="item.released").get().actor == program.key.actor


def test_an_item_of_a_common_list_waits_for_a_second_person(
    program: Program, held: list[Item], hotline: HashList
) -> None:
    services.change_list("hotline", by="person:1", common=True)
    answer = program.post(f"/items/{held[0].pk}/release", {"reason": "A logo."})
    assert (answer.status_code, answer.json()["act"]) == (202, "release")
    assert proposals.proposals("waiting").get().arguments["item"] == held[0].pk
    assert quarantine.is_held(held[0])
