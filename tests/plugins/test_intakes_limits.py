"""What others bring may be large, or made to take long: what it costs grows with its files, not as their square."""

from __future__ import annotations

import json
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests import brought

from himaya.core.intake import bags
from himaya.core.intake.parcels import BadParcel
from himaya.core.intake.reading import opened_delivery

REPORT = "<report><incidentSummary><incidentType>x</incidentType></incidentSummary></report>"


def tip(path: Path, details: int, files: int) -> Path:
    """A report whose details ask for files that are not there, of so many that are."""
    with zipfile.ZipFile(path, "w") as to:
        to.writestr("report.xml", REPORT)
        for n in range(details):
            to.writestr(
                f"d{n}.xml",
                f"<fileDetails><reportId>12345</reportId><fileId>zz{n}</fileId><originalFileName>q{n}.jpg"
                f"</originalFileName><fileName>r{n}.jpg</fileName></fileDetails>",
            )
        for n in range(files):
            to.writestr(f"f/{n}.jpg", "x")
    return path


def took(path: Path) -> float:
    """Seconds of this processor, until all of it was looked at."""
    began = time.process_time()
    with opened_delivery(path) as delivery:
        assert sum(one.trouble == "it is not there" for one in delivery.offered()) > 100
    return time.process_time() - began


def test_a_large_report_takes_as_long_as_it_is_large(tmp_path: Path) -> None:
    few = min(took(tip(tmp_path / f"{n}.zip", 200, 800)) for n in range(2))
    many = took(tip(tmp_path / "many.zip", 1600, 6400))
    assert many < 8 * few * 2.5  # eight times as much; as a square it would be 64 times


def test_files_of_a_report_are_found_by_their_names_and_by_their_numbers_once_each(tmp_path: Path) -> None:
    path = tmp_path / "tip.zip"
    with zipfile.ZipFile(path, "w") as to:
        to.writestr("report.xml", REPORT)
        for n, (called, number) in enumerate((("A.jpg", "11"), ("twice.jpg", "22"), ("twice.jpg", "33"), ("", "44"))):
            to.writestr(
                f"d{n}.xml",
                f"<fileDetails><fileId>{number}</fileId><originalFileName>{called}</originalFileName></fileDetails>",
            )
        for name in ("x/a.JPG", "x/twice.jpg", "y/twice.jpg", "y/file_33.bin", "y/44-file.bin", "z/beside.bin"):
            to.writestr(name, name)
    with opened_delivery(path) as delivery:
        found = [one.name for one in delivery.offered() if one.name and not one.name.endswith(".xml")]
    assert found == ["x/a.JPG", "y/file_33.bin", "y/44-file.bin", "x/twice.jpg", "y/twice.jpg", "z/beside.bin"]


UCO, INVESTIGATION = "https://ontology.unifiedcyberontology.org/uco/", "https://ontology.caseontology.org/case/x/"


def graph(path: Path, many: int) -> Path:
    """Files that share one facet with many digests, and one record that many actions are about."""
    names = [{"@id": f"w{n}"} for n in range(many)]
    nodes: list[dict[str, Any]] = [
        {"@id": "r", "@type": f"{INVESTIGATION}ProvenanceRecord", "object": [{"@id": f"f{n}"} for n in range(many)]},
        {"@id": "facet", "@type": f"{UCO}ContentDataFacet", "hash": [{"@id": f"h{n}"} for n in range(many)]},
    ]
    for n in range(many):
        at = {"@value": f"2026-01-01T00:00:{59 - n % 60:02}Z"}
        nodes += [
            {"@id": f"f{n}", "@type": f"{UCO}File", "hasFacet": {"@id": "facet"}},
            {"@id": f"h{n}", "@type": f"{UCO}Hash", "hashMethod": "MD5", "hashValue": f"{n:032x}"},
            {"@id": f"w{n}", "@type": f"{UCO}Person", "name": f"p{n}"},
            {"@id": f"a{n}", "@type": f"{INVESTIGATION}InvestigativeAction", "startTime": at, "object": {"@id": "r"},
             "performer": names if n < 3 else [], "name": f"act {n}"},
        ]  # fmt: skip
    path.mkdir()
    (path / "x.jsonld").write_text(json.dumps({"@context": {"x": UCO}, "@graph": nodes}))
    return path


def test_a_large_graph_takes_as_long_as_it_is_large(tmp_path: Path) -> None:
    few = min(took(graph(tmp_path / f"{n}", 150)) for n in range(2))
    many = took(graph(tmp_path / "many", 1200))
    assert many < 8 * few * 2.5
    with opened_delivery(tmp_path / "0") as delivery:
        assert {one.facts.get("act", "act 59") for one in delivery.offered()} == {"act 59"}


def manifest(path: Path, lines: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as to:
        to.writestr("b/bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        to.writestr("b/data/a", "a")
        with to.open("b/manifest-md5.txt", "w") as file:
            for start in range(0, lines, 1000):
                file.write("".join(f"{0:032x}  data/{n:x}\n" for n in range(start, start + 1000)).encode())
    return path


def test_a_manifest_of_files_that_did_not_come_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = manifest(tmp_path / "b.zip", 600_000)
    tracemalloc.start()
    try:
        refused = pytest.raises(BadParcel, match="more than 1000 files that it names are not there")
        with refused, opened_delivery(path):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024**2


def test_no_more_lines_are_read_of_manifests_than_a_parcel_may_have_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = brought.bag(tmp_path / "b", b"1", b"2", b"3", checksums=("sha256",))
    for one in path.glob("tagmanifest-*"):
        one.unlink()
    monkeypatch.setattr(bags, "MAX_FILES", 3)
    with opened_delivery(path) as delivery:
        assert len(list(delivery.offered())) == 3
    monkeypatch.setattr(bags, "MAX_FILES", 2)
    with pytest.raises(BadParcel, match="more than 2 lines"), opened_delivery(path):
        pass


def test_a_line_of_a_manifest_that_does_not_end_is_refused(tmp_path: Path) -> None:
    path = brought.bag(tmp_path / "b", b"1")
    for one in path.glob("tagmanifest-*"):
        one.unlink()
    (path / "manifest-md5.txt").write_text(f"{0:032x}  data/{'x' * 5000}\n")
    with pytest.raises(BadParcel, match="longer than 4096 bytes"), opened_delivery(path):
        pass
