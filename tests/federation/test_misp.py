"""Lists as MISP feeds: pymisp reads the events, our own connector follows them, and what is gone is told."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from pymisp import MISPEvent
from tests.federation.conftest import Reader, fill, item, make, md5, pdq, sha256, withdraw

from himaya.core import registry
from himaya.core.exchange import Entry, Gone
from himaya.core.outward import Client
from himaya.core.ports import ItemRow
from himaya.federation import misp
from himaya.lists import organisations
from himaya.lists import services as lists
from himaya.lists.arrivals import Arrival, Voice
from himaya.lists.models import HashList, Item
from himaya.lists.terms import change_list


def manifest(reader: Reader) -> dict[str, Any]:
    answer = reader.get("misp/hotline/manifest.json")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def attributes(reader: Reader) -> list[dict[str, Any]]:
    found = []
    for key in manifest(reader):
        answer = reader.get(f"misp/hotline/{key}.json")
        event = MISPEvent()
        event.load(answer.content.decode())
        assert event.uuid == key
        found += json.loads(answer.content)["Event"]["Attribute"]
    return found


@pytest.fixture
def filled(clock: Any, hotline: HashList, monkeypatch: pytest.MonkeyPatch) -> HashList:
    monkeypatch.setattr(misp, "PART", 3)
    rows = [("md5", md5("0")), ("sha256", sha256("1")), ("pdq", pdq("2"))]
    fill(hotline, [ItemRow(0, signal, value, "interpol", "baseline", note="a remark") for signal, value in rows])
    fill(hotline, [("md5", md5(str(n))) for n in range(3, 8)])
    return hotline


def test_every_item_stands_in_one_event_with_its_class(filled: HashList, reader: Reader) -> None:
    assert len(manifest(reader)) in (3, 4)  # where the first number lies
    for one in manifest(reader).values():
        assert one["Tag"] == [{"name": "tlp:amber"}]
    found = attributes(reader)
    assert sorted(one["value"] for one in found) == sorted(Item.objects.values_list("value", flat=True))
    assert len({one["uuid"] for one in found}) == 8
    classed = {one["value"]: one["Tag"] for one in found if "Tag" in one}
    assert classed[md5("0")] == [{"name": 'himaya:interpol="baseline"'}]
    assert len(classed) == 3
    assert "remark" not in str(found)


def test_a_change_touches_one_event_and_what_is_gone_is_marked(filled: HashList, reader: Reader, clock: Any) -> None:
    clock.advance(timedelta(minutes=1))
    before = manifest(reader)
    clock.advance(timedelta(minutes=1))
    withdraw(filled, md5("0"))
    clock.advance(timedelta(minutes=1))
    after = manifest(reader)
    assert len([key for key in after if after[key] != before[key]]) == 1
    assert {one["value"]: one["deleted"] for one in attributes(reader)}[md5("0")] is True


def test_what_is_disputed_says_so_and_what_is_proposed_is_not_told(filled: HashList, reader: Reader) -> None:
    Item.objects.filter(value=md5("3")).update(state="disputed")
    Item.objects.filter(value=md5("4")).update(state="proposed")
    found = {one["value"]: one for one in attributes(reader)}
    assert (found[md5("3")]["to_ids"], found[md5("3")]["Tag"]) == (False, [{"name": "himaya:disputed"}])
    assert md5("4") not in found
    assert len(found) == 8
    (other,) = set(found) - set(Item.objects.values_list("value", flat=True))
    assert (found[other]["deleted"], found[other]["type"]) == (True, "text"), "it may have counted once"


def test_the_hashes_of_all_values_lead_to_their_events(filled: HashList, reader: Reader) -> None:
    rows = b"".join(reader.get("misp/hotline/hashes.csv").streaming_content).decode().splitlines()
    told = dict(row.split(",") for row in rows)
    assert len(told) == 8
    assert set(told.values()) == set(manifest(reader))
    assert hashlib.md5(md5("5").encode(), usedforsecurity=False).hexdigest() in told


def test_what_is_not_there_and_what_may_not_be_read_are_alike(filled: HashList, reader: Reader) -> None:
    make("secret", tlp="red")
    key = next(iter(manifest(reader)))
    other = "11111111-1111-4111-8111-111111111111"
    paths = [
        "secret/manifest.json",
        "none/manifest.json",
        f"secret/{key}.json",
        f"hotline/{other}.json",
        "hotline/x",
        "",
    ]
    answers = [reader.get(f"misp/{path}") for path in paths]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}


def test_what_is_read_is_counted_before_it_is_told(filled: HashList) -> None:
    reader = Reader("sated", items_a_day=3).reads("hotline")
    first, second, *_ = manifest(reader)
    answers = [reader.get(f"misp/hotline/{key}.json").status_code for key in (first, second)]
    assert answers in ([200, 429], [429, 200])
    assert reader.get("misp/hotline/hashes.csv").status_code == 429


def test_a_second_change_within_the_same_second_is_told_too(filled: HashList, reader: Reader, clock: Any) -> None:
    clock.advance(timedelta(hours=1))
    withdraw(filled, md5("6"))
    read = manifest(reader)
    lists.mark_item(item(filled, md5("6")).pk, state="active", by="system", reason="it was right")
    clock.advance(timedelta(seconds=1))
    (changed,) = [key for key, one in manifest(reader).items() if one != read[key]]
    told = reader.get(f"misp/hotline/{changed}.json").json()["Event"]["Attribute"]
    assert {one["value"]: one["deleted"] for one in told}[md5("6")] is False


def test_our_own_connector_is_told_that_what_counted_once_is_proposed_now(live_server: Any, clock: Any) -> None:
    hotline, reader = make(), Reader().reads("hotline")
    for name, values in (("north", ["0", "1"]), ("south", ["0"])):
        with transaction.atomic():
            who = organisations.named(name, by="system")
        with Arrival(hotline, by="system", voice=Voice(who)) as come:
            come.take([ItemRow(1, "md5", md5(value)) for value in values])
            come.weigh()
            with transaction.atomic():
                come.publish()
    exchange = registry.exchange("misp-feed")
    config = exchange.Config(
        address=f"{live_server.url}/exchange/misp/hotline/", user="platform", password=reader.secret
    )
    with Client(private=True, attempts=1, total=10) as client:
        clock.advance(timedelta(minutes=1))
        pages = list(exchange.pull(config, client, checkpoint="", resume=""))
        found = {one.key: one for page in pages for one in page.changes if isinstance(one, Entry)}
        change_list("hotline", by="system", organisations=2)
        assert [item(hotline, md5(value)).state for value in "01"] == ["active", "proposed"]
        clock.advance(timedelta(minutes=1))
        again = list(exchange.pull(config, client, checkpoint=pages[-1].checkpoint, resume=""))
    (gone,) = [one for page in again for one in page.changes if isinstance(one, Gone)]
    assert found[gone.key].signals[0][1] == md5("1")


def test_our_own_connector_follows_the_feed(live_server: Any, clock: Any) -> None:
    hotline, reader = make(), Reader().reads("hotline")
    fill(hotline, [("md5", md5(str(n))) for n in range(30)])
    exchange = registry.exchange("misp-feed")
    config = exchange.Config(
        address=f"{live_server.url}/exchange/misp/hotline/", user="platform", password=reader.secret
    )
    with Client(private=True, attempts=1, total=10) as client:
        pages = list(exchange.pull(config, client, checkpoint="", resume=""))
        found = {one.key: one for page in pages for one in page.changes if isinstance(one, Entry)}
        assert {value for one in found.values() for _, value in one.signals} == {md5(str(n)) for n in range(30)}
        clock.advance(timedelta(minutes=1))
        withdraw(hotline, md5("7"))
        clock.advance(timedelta(minutes=1))
        again = list(exchange.pull(config, client, checkpoint=pages[-1].checkpoint, resume=""))
    (gone,) = [one for page in again for one in page.changes if isinstance(one, Gone)]
    assert found[gone.key].signals[0][1] == md5("7")
    assert item(hotline, md5("7")).state == "withdrawn"
