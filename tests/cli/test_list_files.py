"""``himaya lists import``: a file says by how it begins what it is, wherever it comes from."""

from __future__ import annotations

import json
from hashlib import md5
from pathlib import Path

import pytest
from tests.cli.conftest import Node

VICS = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media"


def digest(of: str) -> str:
    return md5(of.encode()).hexdigest()


FILES = {
    "iwf.csv": f"IWF ID,MD5,Category\n1,{digest('iwf')},A\n",
    "icse.csv": f"MD5;SHA1;PhotoDNA;Image ID;Series name;Baseline\n{digest('icse')};;;1;;true\n",
    "vics.json": json.dumps({"@odata.context": VICS, "value": [{"MediaID": 1, "Category": 1, "MD5": digest("vics")}]}),
    "stix.json": json.dumps(
        {"type": "bundle", "id": "bundle--1", "objects": [
            {"type": "indicator", "id": "indicator--5f0c1a0e-0000-4000-8000-000000000004", "pattern_type": "stix",
             "pattern": f"[file:hashes.MD5 = '{digest('stix')}']"},
        ]}
    ),
    "misp.json": json.dumps({"Event": {"info": "list", "Attribute": [{"type": "md5", "value": digest("misp")}]}}),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_formats_that_share_an_ending_are_told_apart_by_how_a_file_begins(
    node: Node, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_text(FILES[name])
    assert "1 added" in node.run("lists", "import", "hotline", path).stderr
    with path.open("rb") as stdin:
        assert "1 unchanged" in node.run("lists", "import", "hotline", "-", stdin=stdin).stderr
    assert "1 unchanged" in node.run("lists", "import", "hotline", "-", input=FILES[name]).stderr
