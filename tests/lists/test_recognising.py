"""A file is told by what it is, and by its name where that does not tell."""

from __future__ import annotations

import json

import pytest

from himaya.lists.parsing import HEAD, recognise

VICS = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media"
HEADS = {
    "csv": b"\xef\xbb\xbfvalue;signal\r\n",
    "icse": b"MD5;SHA1;PhotoDNA;Image ID;Series name;Baseline\n",
    "iwf": b"MD5,SHA-1,Category\n",
    "vics": json.dumps({"@odata.context": VICS, "value": []}).encode(),
    "misp": json.dumps({"Event": {"uuid": "x"}}).encode(),
    "stix": json.dumps({"type": "bundle", "id": "bundle--x", "objects": []}).encode(),
}


@pytest.mark.parametrize("name", ["list.json", "list.csv", "list.txt", "list"])
@pytest.mark.parametrize("format_", HEADS)
def test_what_a_file_is_tells_before_its_name_does(format_, name):
    assert recognise(name, HEADS[format_][:HEAD]) == (format_, "")


@pytest.mark.parametrize(
    ("name", "head", "told"),
    [
        ("list.csv", b"a,b\n", ("csv", "")),
        ("list.sha256", b"ab12\n", ("hashes", "sha256")),
        ("list", b"", ("hashes", "")),
        ("list.json", b"{}", ("misp", "")),
    ],
)
def test_what_cannot_be_told_is_taken_by_its_name(name, head, told):
    assert recognise(name, head) == told
