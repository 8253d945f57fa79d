"""What a partner learns when it may not read any more, and what stays on record of what it read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from tests.federation.conftest import Reader, fill, item, make, md5, pdq, withdraw

from himaya.core import clock
from himaya.core.ports import ItemRow
from himaya.federation import services
from himaya.ledger.models import Turn
from himaya.ledger.queries import entries
from himaya.lists import services as lists
from himaya.lists.models import HashList

pytestmark = pytest.mark.django_db


def asked(reader: Reader, since: str = "1970-01-01T00:00:00Z", size: int = 1000) -> list[tuple[str, str]]:
    """Tag and id of everything that NCMEC's protocol tells since a time, page after page."""
    told = {"from": since, "to": now(), "size": size}
    reader.last = told["to"]  # type: ignore[attr-defined]
    address, found = f"ncmec/v2/entries?{urlencode(told)}", []
    while address:
        root = ElementTree.fromstring(reader.get(address).content)
        space = root.tag.partition("}")[0] + "}"
        for kind in ("images", "videos"):
            found += [
                (one.tag.removeprefix(space), one.findtext(f"{space}id") or "") for one in root.find(space + kind) or ()
            ]
        following = root.findtext(f"{space}paging/{space}next")
        address = f"ncmec{following}" if following else ""
    return found


def now() -> str:
    return f"{clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"


@pytest.mark.parametrize("how", ["unshared", "off", "red"])
def test_what_a_partner_has_of_a_list_that_it_may_not_read_any_more_is_told_as_gone(
    hotline: HashList, reader: Reader, how: str
) -> None:
    other = make("other")
    services.share_list("other", partner=reader.name, by="system")
    fill(hotline, [("pdq", pdq(str(n))) for n in range(5)])
    fill(other, [("pdq", pdq("stays"))])
    mine = {str(item(hotline, pdq(str(n))).pk) for n in range(5)}
    assert {name for _, name in asked(reader)} > mine
    before = reader.last  # type: ignore[attr-defined]
    if how == "red":
        HashList.objects.filter(pk=hotline.pk).update(tlp="clear")
        services.end_sharing("hotline", partner=reader.name, by="system")
        HashList.objects.filter(pk=hotline.pk).update(tlp="red")
    elif how == "off":
        lists.change_list("hotline", by="system", enabled=False)
    else:
        services.end_sharing("hotline", partner=reader.name, by="system")
    withdraw(hotline, pdq("0"))
    told = asked(reader, before, size=2)
    assert {name for tag, name in told if tag == "deletedImage"} == mine
    assert ("image", str(item(other, pdq("stays")).pk)) in told
    assert asked(reader, reader.last) == []  # type: ignore[attr-defined]


def test_a_list_that_is_opened_again_is_told_again(hotline: HashList, reader: Reader) -> None:
    fill(hotline, [("pdq", pdq("a"))])
    one = str(item(hotline, pdq("a")).pk)
    asked(reader)
    services.end_sharing("hotline", partner=reader.name, by="system")
    assert asked(reader, reader.last) == [("deletedImage", one)]  # type: ignore[attr-defined]
    services.share_list("hotline", partner=reader.name, by="system")
    assert ("image", one) in asked(reader, reader.last)  # type: ignore[attr-defined]


def test_each_protocol_that_it_reads_by_is_on_record(hotline: HashList, reader: Reader) -> None:
    fill(hotline, [("md5", md5("a")), ("pdq", pdq("b"))])
    for _ in range(2):
        asked(reader)
        b"".join(reader.get("files/hotline.csv").streaming_content)  # type: ignore[attr-defined]
        reader.get("misp/hotline/manifest.json")
    read = [entry.data["protocol"] for entry in entries(act="list.read").order_by("seq")]
    assert read == ["ncmec", "files", "misp"]


def test_how_much_it_read_is_on_record_once_the_day_is_over(
    hotline: HashList, reader: Reader, time_machine: Any
) -> None:
    fill(hotline, [("md5", md5("a")), ("pdq", pdq("b"))])
    time_machine.move_to(clock.now(), tick=False)
    asked(reader)
    services.record_days()
    assert not entries(act="partner.used").exists()
    day = clock.now().date()
    time_machine.shift(timedelta(days=1))
    for _ in range(2):
        Turn.objects.all().delete()
        services.record_days()
    [entry] = entries(act="partner.used")
    assert entry.data == {"day": day.isoformat(), "requests": 1, "items": 2}


@pytest.mark.parametrize("state", ["proposed", "withdrawn"])
def test_nobody_learns_by_voting_what_is_not_told(hotline: HashList, reader: Reader, state: str) -> None:
    HashList.objects.filter(pk=hotline.pk).update(organisations=2 if state == "proposed" else 1)
    fill(HashList.objects.get(pk=hotline.pk), [ItemRow(0, "pdq", pdq("a"))])
    if state == "withdrawn":
        withdraw(hotline, pdq("a"))
    assert item(hotline, pdq("a")).state == state
    ballot = {"signal": "pdq", "value": pdq("a"), "opinion": "dispute", "reason": "A landscape."}
    for value in (pdq("a"), pdq("nothing here")):
        told = reader.send("POST", "himaya/hotline/votes", json.dumps({**ballot, "value": value}), "application/json")
        assert told.status_code == 404
