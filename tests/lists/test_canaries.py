"""Canaries: nobody brings the fingerprint of a picture that was drawn to be benign, and whoever tries is told of."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.browsing import words
from tests.program import Program, is_problem, sha256

from himaya.core import drawing, frames, registry
from himaya.core.contents import Content
from himaya.core.ports import ItemRow
from himaya.ledger.queries import entries
from himaya.lists import canaries, services
from himaya.lists.models import HashList, Item
from himaya.site.health import benign_health, canary_health

pdq = registry.signal("pdq")
FILE = drawing.encode(drawing.landscape(canaries.SEEDS[3]), "BMP")
DRAWN = f"{canaries.PDQ[2]:064x}"


def beside(value: str, bits: int) -> str:
    """The value with so many of its bits turned."""
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


def caught() -> list[tuple[str, int]]:
    return [(entry.actor, entry.data["items"]) for entry in entries(act="list.canary").order_by("seq")]


def test_the_values_are_those_of_the_pictures_drawn_again() -> None:
    pictures = (Content(drawing.encode(drawing.landscape(seed), "PNG")) for seed in canaries.SEEDS)
    drawn = [int(pdq.compute(picture)[0].value, 16) for picture in pictures]
    assert list(canaries.PDQ[2:]) == drawn
    apart = [(a ^ b).bit_count() for n, a in enumerate(drawn) for b in drawn[:n]]
    assert min(apart) > services.MAX_RADIUS


def test_the_digests_are_those_of_the_pictures_written_as_files() -> None:
    drawn = set()
    for seed in canaries.SEEDS:
        for form in ("BMP", "PNG"):
            file = drawing.encode(drawing.landscape(seed), form)
            drawn |= {hashlib.new(name, file).hexdigest()[:16] for name in ("md5", "sha1", "sha256")}
    assert drawn == canaries.DIGESTS


@pytest.mark.parametrize(
    ("signal", "value"),
    [
        *((name, hashlib.new(name, FILE).hexdigest()) for name in ("md5", "sha1", "sha256")),
        ("pdq", DRAWN),
        ("pdq", beside(DRAWN, 24)),
        ("pdq", beside("0" * 64, 24)),
        ("pdq", beside("f" * 64, 24)),
        ("vpdq", json.dumps([f"{'12' * 32},100,0.000", f"{DRAWN},100,1.000"])),
    ],
)
def test_a_canary_is_refused_whoever_brings_it_and_put_on_record(hotline: HashList, signal: str, value: str) -> None:
    refused: list[Any] = []
    result = services.add_items(hotline, rows=[ItemRow(1, signal, value)], by="person:1", on_refusal=refused.append)
    assert (result.imported, result.caught, refused[0].why) == (False, 1, canaries.CAUGHT)
    assert caught() == [("person:1", 1)]
    assert not Item.objects.exists()


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "pdq"])
def test_an_empty_file_and_a_picture_without_detail_are_refused_without_an_alarm(hotline: HashList, name: str) -> None:
    value = "0" * 64 if name == "pdq" else hashlib.new(name, b"", usedforsecurity=False).hexdigest()
    assert services.add_items(hotline, rows=[ItemRow(1, name, value.upper())], by="person:1").refused == 1
    assert caught() == []


@pytest.mark.parametrize(
    ("signal", "value"),
    [
        ("pdq", beside(DRAWN, 25)),
        ("sha256", sha256("something")),
        ("vpdq", json.dumps([f"{'12' * 32},100,0.000", f"{DRAWN},49,1.000"])),
    ],
)
def test_what_is_further_away_than_the_lists_radius_is_taken(hotline: HashList, signal: str, value: str) -> None:
    assert services.add_items(hotline, rows=[ItemRow(1, signal, value)], by="person:1").added == 1
    assert caught() == []


@pytest.mark.parametrize(
    ("signal", "value"),
    [("pdq", beside(DRAWN, 25)), ("vpdq", json.dumps([f"{'12' * 32},100,0.000", f"{beside(DRAWN, 25)},100,1.000"]))],
)
def test_a_list_does_not_match_more_until_nothing_of_it_would_match_a_canary(
    hotline: HashList, signal: str, value: str
) -> None:
    services.add_items(hotline, rows=[ItemRow(1, signal, value), ItemRow(2, "sha256", sha256("a"))], by="person:1")
    item = Item.objects.get(signal=signal)
    with pytest.raises(services.MeetsCanaries) as refused:
        services.change_list("hotline", by="person:1", radius=25)
    assert f"items {item.pk}" in refused.value.diagnostics()
    assert (services.find_list("hotline").radius, caught()) == (24, [("person:1", 1)])
    services.mark_item(item.pk, state="withdrawn", by="person:1", reason="It is benign.")
    services.change_list("hotline", by="person:1", radius=25)
    with pytest.raises(services.BadList, match="drawn to be benign"):
        services.mark_item(item.pk, state="active", by="person:1", reason="Perhaps not.")
    services.change_list("hotline", by="person:1", radius=24)
    services.mark_item(item.pk, state="active", by="person:1", reason="Not within this radius.")


def test_a_long_list_is_looked_through_for_canaries_on_the_machine_of_the_node_alone(hotline: HashList) -> None:
    rows = [ItemRow(n, "pdq", hashlib.sha256(bytes([n])).hexdigest()) for n in range(3)]
    services.add_items(hotline, rows=rows, by="person:1")
    with pytest.raises(services.TooManyToJudge) as refused:
        services.change_list("hotline", by="person:1", radius=31, most=2)
    assert "himaya lists change hotline --radius 31" in refused.value.diagnostics()
    assert services.change_list("hotline", by="person:1", radius=31).radius == 31


def test_what_is_known_to_be_benign_may_be_a_canary(hotline: HashList) -> None:
    assert services.add_benign(hotline, values=[("pdq", DRAWN)], by="person:1", reason="A drawing.")
    assert caught() == []


@pytest.mark.parametrize("accept_good", [False, True])
def test_a_file_with_canaries_alarms_whether_its_good_lines_are_taken_or_not(
    put: Any, hotline: HashList, accept_good: bool
) -> None:
    lines = ["signal,value", f"pdq,{DRAWN}", f"pdq,{beside(DRAWN, 3)}", f"sha256,{sha256('1')}"]
    result = put(lines, accept_good=accept_good)
    assert (result.caught, result.refused, Item.objects.count()) == (2, 2, int(accept_good))
    assert caught() == [("system", 2)]


@pytest.mark.parametrize("key", [None, "once"])
@pytest.mark.parametrize("how", ["rows", "a file"])
def test_a_program_is_refused_and_the_alarm_stays_though_its_request_is_undone(
    hotline: HashList, key: str | None, how: str
) -> None:
    program = Program("lists:write")
    if how == "rows":
        answer = program.post("/lists/hotline/items", {"items": [{"signal": "pdq", "value": DRAWN}]}, key=key)
    else:
        body = f"signal,value\npdq,{DRAWN}\n"
        answer = program.post("/lists/hotline/import", body, key=key, content_type="text/csv")
    told = is_problem(answer, 422, "refused-rows")
    assert told["errors"][0]["why"] == canaries.CAUGHT
    assert caught() == [(program.key.actor, 1)]


def test_what_waits_for_a_second_person_alarms_when_it_is_proposed(hotline: HashList) -> None:
    services.change_list("hotline", by="person:1", common=True)
    content = f"signal,value\npdq,{DRAWN}\nsha256,{sha256('1')}\n".encode()
    with pytest.raises(services.NeedsSecond):
        services.import_items(
            hotline_again(), stream=io.BytesIO(content), format_name="csv", by="person:1", accept_good=True
        )
    rows = [ItemRow(1, "pdq", DRAWN), ItemRow(2, "sha256", sha256("1"))]
    with pytest.raises(services.NeedsSecond):
        services.add_items(hotline_again(), rows=rows, by="person:1", accept_good=True)
    assert caught() == [("person:1", 1)] * 2


def hotline_again() -> HashList:
    return services.find_list("hotline")


def test_the_alarm_is_told_for_thirty_days_with_what_to_do(
    hotline: HashList, clock: Any, sign_in: Callable[[str], Client]
) -> None:
    assert canary_health() == []
    upload = {"file": SimpleUploadedFile("a.csv", f"signal,value\npdq,{DRAWN}\n".encode())}
    answer = sign_in("lead").post("/lists/hotline/import", upload, follow=True)
    assert "it matches a picture that was drawn to be benign" in words(answer)
    [found] = canary_health()
    assert (found.state, found.what) == ("danger", "Canaries")
    assert "hotline" in found.said
    assert "withdraw what is wrong" in found.remedy
    assert "fingerprints of benign pictures were brought to these, and refused: hotline" in words(
        sign_in("lead").get("/")
    )
    clock.advance(timedelta(days=30))
    assert canary_health() == []


def test_frames_of_a_film_are_looked_at_one_by_one() -> None:
    hashes = np.frombuffer(bytes.fromhex("12" * 32 + DRAWN), np.uint8).reshape(2, 32)
    seen = frames.FrameHashes(hashes, np.array([100, 100], np.uint8), np.array([0, 1000]))
    assert canaries.caught("vpdq", "0" * 64, seen.pack(), 0)
    dark = frames.FrameHashes(hashes, np.array([100, 10], np.uint8), np.array([0, 1000]))
    assert not canaries.caught("vpdq", "0" * 64, dark.pack(), 0)


# --- beside what is known to be benign -------------------------------------------------------------------------------


def test_what_comes_new_beside_a_benign_item_is_taken_and_put_on_record(hotline: HashList) -> None:
    known, other = "12" * 32, "34" * 32
    services.add_items(hotline, rows=[ItemRow(1, "pdq", beside(known, 1))], by="system")
    services.add_benign(hotline, values=[("pdq", known), ("sha256", sha256("a"))], by="person:1", reason="A logo.")
    rows = [
        ItemRow(1, "pdq", beside(known, 1)), ItemRow(2, "pdq", beside(known, 24)), ItemRow(3, "pdq", other),
        ItemRow(4, "sha256", sha256("a")), ItemRow(5, "sha256", sha256("b")), ItemRow(6, "pdq", beside(known, 25)),
    ]  # fmt: skip
    for _ in range(2):
        assert services.add_items(hotline, rows=rows, by="person:2").imported
    [entry] = entries(act="list.beside-benign")
    assert (entry.actor, entry.about, entry.data) == ("person:2", "list:hotline", {"items": 2})
    [finding] = benign_health()
    assert "hotline" in str(finding.said)
