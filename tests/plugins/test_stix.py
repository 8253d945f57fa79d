"""Bundles of indicators: valid by other people's rules, and read with their traps."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
import stix2
from stix2validator import ValidationOptions, validate_string

from himaya.core import registry
from himaya.core import stix as core
from himaya.core.ports import BadListFile, ItemRow, Refusal

stix = registry.format_("stix")
MD5, PDQ = "900150983cd24fb0d6963f7d28e17f72", "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
TERMS = {"organisation": "hotline-x", "jurisdiction": "DE", "basis": "baseline"}
TIMES = {"at": datetime(2026, 3, 2, 9, tzinfo=UTC), "until": datetime(2027, 3, 2, 9, tzinfo=UTC)}
ROWS = [
    ItemRow(0, "md5", MD5, "interpol", "baseline", "a partner", "ref-1", "a note", **TERMS, **TIMES),
    ItemRow(0, "pdq", PDQ),
    ItemRow(0, "vpdq", '[{"pdq": "it\'s"}]', note="ملاحظة"),
]
FOREIGN = {
    "type": "indicator",
    "spec_version": "2.1",
    "id": "indicator--22222222-2222-4333-8444-555555555555",
    "description": "SECRET",
    "pattern_type": "stix",
    "pattern": f"[file:hashes.MD5 = '{MD5}' OR file:hashes.x_pdq = '{PDQ}']",
}


def rendered(rows):
    return b"".join(stix.render(rows))


def read(*things, **bundle):
    told = {"type": "bundle", "id": "bundle--1", "objects": list(things), **bundle}
    return list(stix.read(io.BytesIO(json.dumps(told).encode())))


def test_a_bundle_is_valid_by_the_strict_rules_and_parsed_without_custom_content():
    text = rendered(ROWS).decode()
    found = validate_string(text, ValidationOptions(strict=True, version="2.1"))
    assert found.is_valid, found.as_dict()
    bundle = stix2.parse(text, allow_custom=False)
    assert [thing["type"] for thing in bundle.objects] == ["identity", "extension-definition"] + ["indicator"] * 3


def test_a_bundle_gives_back_all_that_it_was_given():
    found = list(stix.read(io.BytesIO(rendered(ROWS))))
    assert found == [row._replace(line=line) for line, row in enumerate(ROWS, 4)]


def test_a_perceptual_fingerprint_says_within_which_distance_it_counts():
    md5, pdq, _ = json.loads(rendered(ROWS))["objects"][2:]
    assert pdq["extensions"][core.EXTENSION]["distance"] == registry.signal("pdq").radius
    assert "distance" not in md5["extensions"][core.EXTENSION]


def test_an_indicator_of_others_has_a_row_for_each_fingerprint_and_its_id_as_reference():
    assert read(FOREIGN) == [
        ItemRow(1, "md5", MD5, reference=FOREIGN["id"]),
        ItemRow(1, "pdq", PDQ, reference=FOREIGN["id"]),
    ]


def test_other_objects_are_passed_over_and_what_cannot_be_read_is_refused_in_words():
    patterned = {**FOREIGN, "pattern": "[ipv4-addr:value = '192.0.2.1']"}
    first, second, *rows = read(core.identity(), {"type": "malware"}, patterned, {**FOREIGN, "revoked": True}, FOREIGN)
    assert first.why == "its pattern says more than that one of several digests of a file equals"
    assert second == Refusal(1, "it is revoked; withdraw it from the list instead", FOREIGN["id"])
    assert [row.value for row in rows] == [MD5, PDQ]


def test_what_is_benign_is_refused():
    (refused,) = read({**FOREIGN, "indicator_types": ["benign"]})
    assert refused == Refusal(1, "it is said to be benign", FOREIGN["id"])


def test_a_dispute_stands_in_the_note_of_a_row():
    assert {row.note for row in read({**FOREIGN, "labels": ["disputed"]})} == {"disputed at the source"}


def test_a_taxii_envelope_is_taken_for_a_bundle():
    content = json.dumps({"more": False, "objects": [FOREIGN]}).encode()
    assert len(list(stix.read(io.BytesIO(content)))) == 2


@pytest.mark.parametrize("content", [b"{}", b"[]", b"null", b'{"type": "indicator"}', b'{"objects": []}'])
def test_another_document_is_refused_as_a_whole(content):
    with pytest.raises(BadListFile, match="it is no bundle"):
        list(stix.read(io.BytesIO(content)))


@pytest.mark.parametrize("thing", [5, None, [], {"type": "indicator", "id": 5}, {**FOREIGN, "extensions": {"a": 1}}])
def test_any_object_is_read_refused_or_passed_over(thing):
    assert all(isinstance(found, ItemRow | Refusal) for found in read(thing))
