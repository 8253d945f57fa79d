"""What a file says of how far it may be handed on holds for the list that it is imported into by hand."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from tests.browsing import words
from tests.program import Program, is_problem, sha256

from himaya.core import stix
from himaya.federation import queries as partners
from himaya.federation import services as federation
from himaya.lists import labels, services
from himaya.lists.models import HashList, Item

pytestmark = pytest.mark.django_db
RED, AMBER = "e828b379-4e03-4974-9ac4-e53a884c97c1", "55d920b0-5e8b-4f79-9ee9-91f868d9b421"


def bundle(*marked: str) -> bytes:
    """Indicators, each with a marking."""
    made = [
        {
            **stix.indicator([("sha256", sha256(str(n)))], stix.Terms(), key=str(n)),
            "object_marking_refs": [f"marking-definition--{one}"],
        }
        for n, one in enumerate(marked)
    ]
    return json.dumps({"type": "bundle", "id": stix.identifier("bundle", ""), "objects": made}).encode()


def event(*tags: str, of_event: str = "") -> bytes:
    """An event of MISP: its attributes, each with a tag, and behind them its own."""
    attributes = [
        {"uuid": f"00000000-0000-4000-8000-{n:012}", "type": "sha256", "value": sha256(str(n)), "Tag": [{"name": one}]}
        for n, one in enumerate(tags)
    ]
    told: dict[str, Any] = {"uuid": "00000000-0000-4000-8000-999999999999", "Attribute": attributes}
    return json.dumps({"Event": told | ({"Tag": [{"name": of_event}]} if of_event else {})}).encode()


FILES = [
    ("stix", bundle(AMBER, RED), "red"),
    ("stix", bundle(AMBER), "amber"),
    ("misp", event("tlp:clear", "tlp:red"), "red"),
    ("misp", event("", "tlp:green", of_event="tlp:amber"), "amber"),
]


def bring(format_name: str, content: bytes) -> services.ImportResult:
    found = services.find_list("hotline")
    return services.import_items(found, stream=io.BytesIO(content), format_name=format_name, by="person:1")


@pytest.mark.parametrize(("format_name", "content", "label"), FILES)
def test_a_file_that_is_marked_as_stricter_than_the_list_is_refused_and_holds_once_it_is_in(
    hotline: HashList, format_name: str, content: bytes, label: str
) -> None:
    services.change_list("hotline", by="person:1", tlp="green")
    with pytest.raises(labels.StricterThanList, match=f"TLP:{label.upper()}, and the list hotline is TLP:GREEN"):
        bring(format_name, content)
    assert not Item.objects.exists()
    services.change_list("hotline", by="person:1", tlp="red")
    assert bring(format_name, content).added
    with pytest.raises(labels.WiderThanSource, match="a file that was imported"):
        services.change_list("hotline", by="person:1", tlp="green")
    federation.add_partner("platform", by="system")
    with pytest.raises(labels.NotToBeShared, match="a file that was imported"):
        federation.share_list("hotline", partner="platform", by="person:1")
    assert labels.bound() == {hotline.pk: label}
    assert not partners.readable(federation.find_partner("platform")).exists()


def test_a_file_without_a_label_or_with_a_wider_one_binds_nobody(hotline: HashList) -> None:
    services.change_list("hotline", by="person:1", tlp="green")
    assert bring("misp", event("", of_event="tlp:clear")).added
    assert bring("csv", f"signal,value\nsha256,{sha256('9')}\n".encode()).added
    services.change_list("hotline", by="person:1", tlp="clear")


def test_a_list_that_became_one_for_more_readers_meanwhile_takes_nothing(hotline: HashList) -> None:
    with services.staged(hotline, stream=io.BytesIO(bundle(AMBER)), format_name="stix", by="person:1") as read:
        HashList.objects.filter(pk=hotline.pk).update(tlp="green")
        with pytest.raises(labels.StricterThanList):
            read.publish()
    assert not Item.objects.exists()


def test_who_looks_at_a_file_and_a_program_are_told(hotline: HashList, sign_in: Callable[[str], Client]) -> None:
    services.change_list("hotline", by="person:1", tlp="green")
    file = io.BytesIO(bundle(RED))
    file.name = "a.stix"
    answer = sign_in("lead").post("/lists/hotline/import", {"file": file, "whose": "own"})
    assert (answer.status_code, "marked as TLP:RED" in words(answer)) == (422, True)
    kind = "application/stix+json"
    told = Program("lists:write").send("POST", "/lists/hotline/import", bundle(RED), content_type=kind)
    is_problem(told, 409, "stricter-than-list")
