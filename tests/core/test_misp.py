"""Which attributes of MISP name a fingerprint, and what they say."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from pymisp import MISPAttribute

from himaya.core import misp
from himaya.core.exchange import Entry, Gone, Vote
from himaya.core.ports import Refusal

MD5, PDQ = "900150983cd24fb0d6963f7d28e17f72", "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
KEY = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def thing(kind="md5", value=MD5, **more):
    return {"uuid": KEY, "type": kind, "value": value, "timestamp": "1767225600", **more}


@pytest.mark.parametrize(
    ("attribute", "told"),
    [
        (thing(), ("md5", MD5)),
        (thing("filename|md5", f"SECRET|a.jpg|{MD5}"), ("md5", MD5)),
        (thing("sha256", " ab "), ("sha256", "ab")),
        (thing("hex", PDQ, comment=" PDQ "), ("pdq", PDQ)),
        (thing("hex", PDQ, comment="pdq of a picture"), None),
        (thing("hex", PDQ), None),
        (thing("hex", "not hex", comment="pdq"), None),
        (thing("text", "[]", comment="vpdq"), None),
        (thing("text", "[]", comment="signal:vpdq"), ("vpdq", "[]")),
        (thing("url", "https://example.org/"), None),
        (thing("malware-sample", f"a|{MD5}"), None),
        (thing(value=""), None),
        (thing(value=5), None),
        ({}, None),
    ],
)
def test_a_fingerprint_is_a_digest_or_what_a_comment_names(attribute, told):
    assert misp.fingerprint(attribute) == told


def test_an_attribute_is_an_entry_under_its_uuid():
    said = thing(Tag=[{"name": "tlp:amber"}, {"name": 'himaya:uk-sap="A"'}], comment="SECRET", to_ids=False)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert misp.entry(said) == Entry(KEY, (("md5", MD5),), scheme="uk-sap", code="A", at=at)


def test_tags_of_the_event_count_where_the_attribute_has_no_class():
    of_event = [{"name": 'himaya:uk-sap="B"'}, {"name": "copine-scale:level-6"}]
    assert misp.entry(thing(), of_event=of_event).code == "B"
    assert misp.entry(thing(), of_event=of_event).note == "MISP tag copine-scale:level-6"
    assert misp.entry(thing(Tag=[{"name": 'himaya:uk-sap="A"'}]), of_event=of_event).code == "A"


@pytest.mark.parametrize("deleted", [True, 1, "1", "true"])
def test_what_is_deleted_is_gone(deleted):
    assert misp.entry(thing(deleted=deleted)) == Gone(KEY, "deleted", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("uuid", [None, "", "x", 5])
def test_a_fingerprint_without_a_uuid_is_refused_and_another_attribute_says_nothing(uuid):
    assert isinstance(misp.entry({**thing(), "uuid": uuid}), Refusal)
    assert misp.entry({**thing("url", "x"), "uuid": uuid}) is None


@pytest.mark.parametrize("at", [None, "", "yesterday", True, "99999999999", -1, 1.5])
def test_a_time_that_is_none_is_left_out(at):
    assert misp.entry(thing(timestamp=at)).at is None


@pytest.mark.parametrize("signal", ["md5", "sha256", "pdq", "vpdq", "sha3-256"])
@pytest.mark.parametrize("value", [MD5, "[{}]"])
def test_what_is_written_is_taken_by_pymisp_and_read_back(signal, value):
    told = misp.attribute(signal, value, scheme="uk-sap", code="A")
    theirs = MISPAttribute()
    theirs.from_dict(**told)
    assert theirs.value == value
    assert misp.fingerprint(json.loads(theirs.to_json())) == (signal, value)
    assert misp.entry(told).code == "A"
    assert told["to_ids"] is (signal not in ("pdq", "vpdq"))


def test_the_tags_of_an_event_are_found_wherever_they_stand():
    content = json.dumps({"Event": {"Attribute": [], "Tag": [{"name": "a"}, {"name": "b", "id": "1"}]}}).encode()
    assert misp.tags(io.BytesIO(content), format="misp") == ({"name": "a"}, {"name": "b"})


def test_the_tag_of_a_dispute_is_a_vote_of_the_source_itself_on_an_attribute_and_on_its_event():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    doubt, vote = {"name": "himaya:disputed"}, (Vote("", "dispute", at=at),)
    assert misp.entry(thing(Tag=[doubt])) == Entry(KEY, (("md5", MD5),), at=at, votes=vote)
    assert misp.entry(thing(), of_event=[doubt]).votes == vote
    assert misp.entry(thing(Tag=[{"name": "disputed"}, 5])).votes == ()
