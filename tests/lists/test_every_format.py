"""A list in every format: what was written is read into another list, and files of others become items."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import pytest

from himaya.core import registry
from himaya.core.ports import Refusal
from himaya.lists import services
from himaya.lists.models import HashList, Item

CLASSES = {"vics": "vic-us:1", "icse": "interpol:baseline", "iwf": "uk-sap:A"}
"""The one class that a format has a place for; the others keep every class, or (hashes) none."""
VALUES = [hashlib.md5(str(n).encode()).hexdigest() for n in range(5)]
VICS = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media"


@pytest.mark.parametrize("format_name", registry.formats())
def test_a_list_that_was_written_is_read_into_another_list(put: Any, hotline: HashList, format_name: str) -> None:
    classes = ["vic-us,1", "interpol,baseline", "uk-sap,A", ","]
    put(["signal,value,scheme,code", *(f"md5,{VALUES[n]},{code}" for n, code in enumerate(classes))])
    content = b"".join(services.export_items("hotline", format_name=format_name, by="system"))
    copy = services.create_list("copy", by="system")
    result = services.import_items(copy, stream=io.BytesIO(content), format_name=format_name, by="system")
    assert (result.added, result.refused) == (4, 0)
    found = {f"{one.scheme}:{one.code}" for one in Item.objects.filter(list=copy)} - {":"}
    every = {"vic-us:1", "interpol:baseline", "uk-sap:A"}
    expected = every if format_name in ("csv", "misp", "stix") else {CLASSES.get(format_name, ":")} - {":"}
    assert found == expected


def test_a_file_of_a_forensic_tool_becomes_items_without_its_pictures(put: Any, hotline: HashList) -> None:
    media = [
        {"MediaID": 1, "Category": 1, "MD5": VALUES[0].upper(), "Miniature": "AAAA", "PhotoDNA": "A" * 192},
        {"MediaID": 2, "Category": 1, "MD5": VALUES[0], "Series": "SECRET"},
        {"MediaID": 3, "Category": 0, "MD5": VALUES[1]},
    ]
    content = json.dumps({"@odata.context": VICS, "value": media}).encode()
    refused: list[Refusal] = []
    assert not put(content, "vics").imported
    result = put(content, "vics", accept_good=True, on_refusal=refused.append)
    assert (result.added, result.refused) == (1, 2)
    item = Item.objects.get(list=hotline)
    assert (item.signal, item.value, item.scheme, item.code) == ("md5", VALUES[0], "vic-us", "1")
    assert "SECRET" not in f"{item.reference} {item.note} {item.source}"
    assert [str(one.why) for one in refused] == [
        "the picture (Miniature) of Media 1 was not read",
        "its category, 0, says that it is not pertinent",
    ]


def test_a_list_of_others_with_photodna_is_taken_without_a_single_refusal(put: Any) -> None:
    head = "MD5;SHA1;PhotoDNA;Image ID;Series name;Baseline"
    result = put([head, *(f"{value};;AAAA;{n};SECRET;true" for n, value in enumerate(VALUES))], "icse")
    assert (result.added, result.refused) == (5, 0)
