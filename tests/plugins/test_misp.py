"""MISP events: read in every shape, and written so that MISP's own library takes them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import jsonschema
import pymisp
import pytest
from pymisp import MISPEvent

from himaya.core import registry
from himaya.core.ports import BadListFile, ItemRow, Refusal

misp = registry.format_("misp")
MD5, PDQ = "900150983cd24fb0d6963f7d28e17f72", "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
KEY = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ATTRIBUTE = {"uuid": KEY, "type": "md5", "value": MD5}
EVENT = {"Event": {"uuid": KEY, "info": "SECRET", "Attribute": [ATTRIBUTE]}}
ROWS = [
    ItemRow(0, "md5", MD5, "uk-sap", "A", "hotline-x", "ref-1", "a note"),
    ItemRow(0, "pdq", PDQ),
    ItemRow(0, "vpdq", '[{"pdq": 1}]'),
]


def read(content):
    return list(misp.read(io.BytesIO(json.dumps(content).encode())))


@pytest.mark.parametrize(
    "content",
    [EVENT, [EVENT], {"response": [EVENT]}, {"response": {"Attribute": [ATTRIBUTE]}}],
    ids=["an event", "a list", "a search for events", "a search for attributes"],
)
def test_every_shape_is_read(content):
    assert read(content) == [ItemRow(1, "md5", MD5, reference=KEY)]
    assert misp.recognises(json.dumps(content).encode())


def test_attributes_of_objects_are_read_and_deleted_ones_left_out():
    event = {
        "Attribute": [{**ATTRIBUTE, "deleted": True}, {"type": "url", "value": "x"}],
        "Object": [
            {"name": "file", "Attribute": [ATTRIBUTE, {"type": "hex", "comment": "pdq", "value": PDQ, "data": "AAAA"}]},
            {"deleted": "1", "Attribute": [ATTRIBUTE]},
            {"Attribute": "x"},
            5,
        ],
    }
    assert [(row.signal, row.value) for row in read({"Event": event})] == [("md5", MD5), ("pdq", PDQ)]


def test_a_dispute_stands_in_the_note_of_a_row():
    (row,) = read({"Event": {"Attribute": [{**ATTRIBUTE, "Tag": [{"name": "himaya:disputed"}]}]}})
    assert row.note == "disputed at the source"


def test_what_may_name_a_person_stays_behind():
    private = {"comment": "SECRET", "type": "filename|md5", "value": f"SECRET.jpg|{MD5}", "data": "SECRET"}
    assert read({"Event": {"info": "SECRET", "Attribute": [{**ATTRIBUTE, **private}]}}) == read(EVENT)


@pytest.mark.parametrize("content", [{}, [], None, 5, {"response": []}, {"Event": {}}, {"Event": 5}])
def test_another_document_is_refused_as_a_whole(content):
    with pytest.raises(BadListFile, match="it has no event and no attributes"):
        read(content)


@pytest.mark.parametrize("thing", [5, None, [], {"type": 5}, {"type": "md5", "value": {}}, {**ATTRIBUTE, "Tag": 5}])
def test_any_attribute_is_read_refused_or_passed_over(thing):
    found = read({"Event": {"uuid": KEY, "Attribute": [thing]}})
    assert all(isinstance(row, ItemRow | Refusal) for row in found)


def test_an_event_is_taken_by_misps_own_library_and_valid_by_its_own_schema():
    content = json.loads(b"".join(misp.render(ROWS)))
    schema = json.loads((Path(pymisp.__file__).parent / "data" / "schema.json").read_text())
    jsonschema.Draft4Validator(schema).validate(content)
    event = MISPEvent()
    event.load(content)
    assert [attribute.type for attribute in event.attributes] == ["md5", "hex", "text"]
    assert [(attribute.comment, attribute.to_ids) for attribute in event.attributes][1] == ("pdq", False)
    assert event.distribution == 0
    assert [tag.name for tag in event.attributes[0].tags] == ['himaya:uk-sap="A"']
    again = {"Event": json.loads(event.to_json())}
    back = [(row.signal, row.value, row.code) for row in read(again)]
    assert back == [(row.signal, row.value, row.code) for row in ROWS]


def test_two_lists_are_two_events_and_one_list_again_is_the_same():
    def name(rows):
        return json.loads(b"".join(misp.render(rows)))["Event"]["uuid"]

    assert name(ROWS) == name(ROWS[:1]) != name(ROWS[1:]) != name([])
