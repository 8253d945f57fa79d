"""Reports of scans: each file exactly once, whatever happens to the scan, in step with what is committed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from tests.drawn import picture
from tests.program import sha256
from tests.screening.archived import zipped
from tests.screening.conftest import KNOWN, OTHER, after_a_batch, place

from himaya.cases.models import Case
from himaya.core import faults, files, registry
from himaya.core.contents import Content
from himaya.core.faults import InjectedFault
from himaya.core.ports import ItemRow
from himaya.lists.models import Item
from himaya.lists.quarantine import Flood, hold_items
from himaya.lists.services import add_items, create_list
from himaya.screening import reports
from himaya.screening.fingerprinting import EMPTY
from himaya.screening.models import Scan
from himaya.screening.reports import (
    NoSuchReport,
    ReportChanged,
    ReportFailed,
    ReportTaken,
    ReportThere,
    ReportWithin,
)
from himaya.screening.scanning import OtherOptions, Way, scan
from himaya.screening.telling import NO_PICTURE

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path, listed: None) -> Path:
    """Five files: a hit by its bytes, one by its looks, an empty one, an archive with one in it."""
    made = tmp_path / "folder"
    place(made / "a", KNOWN)
    place(made / "b.jpg", picture(1))
    place(made / "c", b"")
    place(made / "d.zip", zipped({"e": OTHER}))
    return made


PLACES = ["a", "b.jpg", "c", "d.zip", "d.zip!/e"]


def read(report: Path) -> list[dict[str, Any]]:
    if report.suffix == ".parquet":
        return list(parquet.read_table(report).to_pylist())
    return [json.loads(text) for text in report.read_text().splitlines()]


def test_a_line_tells_of_each_file_what_the_api_would(folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "scan.jsonl"
    scan([str(folder)], by="system", way=Way(report=report))
    told = read(report)
    assert [one["place"] for one in told] == [f"{folder}/{name}" for name in PLACES]
    assert told[0]["matches"][0]["signal"] == "sha256"
    assert told[1]["matches"][0]["distance"] == 0
    assert {one["case"]["reference"] for one in told[:2]} == {case.reference for case in Case.objects.all()}
    assert told[2]["skipped"] == {"reason": EMPTY, "detail": ""}
    assert [one["limited"] for one in told] == [[NO_PICTURE], [], [], [], [NO_PICTURE]]
    assert report.stat().st_mode & 0o777 == 0o600


def test_a_table_has_a_row_for_each_file_with_its_nearest_match(
    folder: Path, tmp_path: Path, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "ROWS", 4)
    report = tmp_path / "scan.parquet"
    scan([str(folder)], by="system", way=Way(report=report))
    assert sorted(path.name for path in report.glob("*")) == ["part-00001.parquet", "part-00002.parquet"]
    rows = read(report)
    assert [row["place"] for row in rows] == [f"{folder}/{name}" for name in PLACES]
    assert [(row["hit"], row["matches"], row["signal"], row["list"]) for row in rows[:3]] == [
        (True, 1, "sha256", "hotline"), (True, 1, "pdq", "hotline"), (False, 0, None, None),
    ]  # fmt: skip
    assert [one.split(":")[0] for one in rows[1]["fingerprints"]] == ["md5", "pdq", "sha1", "sha256"]
    assert rows[2]["skipped_reason"] == EMPTY
    assert rows[1]["case_reference"].startswith("H")


@pytest.mark.parametrize("name", ["scan.jsonl", "scan.parquet"])
def test_what_is_held_and_what_is_suppressed_is_counted_and_told(tmp_path: Path, name: str) -> None:
    looks = [int(registry.signal("pdq").compute(Content(picture(seed)))[0].value, 16) for seed in (1, 2)]
    rows = [ItemRow(0, "pdq", f"{value ^ 0b1111:064x}", source="A hotline") for value in looks]
    rows += [ItemRow(0, "sha256", sha256(picture(2)), note="drawn", negative=True)]
    add_items(create_list("hotline", by="system"), rows=rows, by="system", benign=True)
    hold_items({Item.objects.get(value=rows[0].value).pk: Flood(3, 24, {4: 3})})
    place(tmp_path / "folder" / "held.jpg", picture(1))
    place(tmp_path / "folder" / "suppressed.jpg", picture(2))
    done = scan([str(tmp_path / "folder")], by="system", way=Way(report=tmp_path / name))
    assert (done.hits, done.held, done.suppressed, len(done.cases)) == (1, 1, 1, 0)
    assert {"held": 1, "suppressed": 1}.items() <= Scan.objects.get().counts.items()
    held, suppressed = read(tmp_path / name)
    if name.endswith("jsonl"):
        assert held["matches"][0]["quarantined"]
        assert len(suppressed["suppressed"]) == 1
    else:
        assert (held["quarantined"], held["suppressed"], held["source"]) == (True, 0, "A hotline")
        assert (suppressed["hit"], suppressed["suppressed"], suppressed["quarantined"]) == (False, 1, None)


@pytest.mark.parametrize("name", ["scan.jsonl", "scan.parquet"])
@pytest.mark.parametrize("point", ["scanning.before_commit", "scanning.reported", "scanning.after_commit"])
def test_a_scan_that_fails_anywhere_leaves_a_report_that_goes_on(
    folder: Path, tmp_path: Path, small_batches: None, monkeypatch: pytest.MonkeyPatch, name: str, point: str
) -> None:
    monkeypatch.setattr(reports, "ROWS", 3)
    report = tmp_path / name
    for nth in (1, 2, 3):
        faults.arm(f"{point}:raise@{nth}")
        try:
            scan([str(folder)], by="system", way=Way(report=report), resume=Scan.objects.exists())
        except InjectedFault:
            continue
    faults.arm("")
    if Scan.objects.get().state != "finished":
        scan([str(folder)], by="system", resume=True)
    assert Counter(row["place"] for row in read(report)) == Counter(f"{folder}/{name}" for name in PLACES)


def test_a_scan_that_is_stopped_leaves_a_whole_table(folder: Path, tmp_path: Path, small_batches: None) -> None:
    report = tmp_path / "scan.parquet"
    scan([str(folder)], by="system", way=Way(report=report), **after_a_batch())
    assert len(read(report)) == 2
    scan([str(folder)], by="system", way=Way(report=report), resume=True)
    assert len(read(report)) == 5


def test_a_table_whose_part_was_written_and_not_committed_has_each_row_once(
    folder: Path, tmp_path: Path, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "scan.parquet"
    end = scan_until(folder, report, monkeypatch)
    assert (report / "part-00001.parquet").exists()
    assert end.report["parts"] == 0
    scan([str(folder)], by="system", resume=True)
    assert Counter(row["place"] for row in read(report)) == Counter(f"{folder}/{name}" for name in PLACES)


def scan_until(folder: Path, report: Path, monkeypatch: pytest.MonkeyPatch) -> Scan:
    monkeypatch.setattr(reports, "ROWS", 4)
    faults.arm("scanning.reported:raise@2")
    with pytest.raises(InjectedFault):
        scan([str(folder)], by="system", way=Way(report=report))
    faults.arm("")
    monkeypatch.setattr(reports, "ROWS", 9)
    return Scan.objects.get()


# --- what goes wrong -------------------------------------------------------------------------------------------------


def refused(error: type[Exception], words: str, folder: Path, report: Path, **more: Any) -> None:
    before = Scan.objects.count()
    with pytest.raises(error, match=words):
        scan([str(folder)], by="system", way=Way(report=report), **more)
    assert Scan.objects.count() == before


def test_a_report_that_cannot_be_begun_is_refused_and_nothing_is_begun(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "there.jsonl").write_text("mine")
    place(tmp_path / "there.parquet" / "x")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "there.jsonl")
    refused(NoSuchReport, "ends in .jsonl", folder, tmp_path / "scan.csv")
    refused(ReportThere, "something at", folder, tmp_path / "there.jsonl")
    refused(ReportThere, "something at", folder, tmp_path / "there.parquet")
    refused(ReportFailed, "cannot be written", folder, tmp_path / "link.jsonl")
    refused(ReportFailed, "No such file", folder, tmp_path / "nowhere" / "scan.jsonl")
    refused(ReportWithin, "which is scanned", folder, folder / "scan.jsonl")
    assert (tmp_path / "there.jsonl").read_text() == "mine"


def test_a_report_that_is_not_as_it_was_left_is_refused(folder: Path, tmp_path: Path, small_batches: None) -> None:
    report = tmp_path / "scan.jsonl"
    scan([str(folder)], by="system", way=Way(report=report), **after_a_batch())
    refused(OtherOptions, "--report", folder, tmp_path / "other.jsonl", resume=True)
    with reports.resumed(Scan.objects.get().report) as taken:  # type: ignore[union-attr]
        refused(ReportTaken, "Another process", folder, report, resume=True)
        assert taken.written == report.stat().st_size
    left = report.read_text()
    report.write_text(left[:50])
    refused(ReportChanged, "it has 50 bytes", folder, report, resume=True)
    report.unlink()
    refused(ReportChanged, "it is gone", folder, report, resume=True)
    report.write_text(left + "what was never committed")
    scan([str(folder)], by="system", resume=True)
    assert [one["place"] for one in read(report)] == [f"{folder}/{name}" for name in PLACES]


def test_a_full_disk_is_named_and_the_scan_goes_on_afterwards(
    folder: Path, tmp_path: Path, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    report = tmp_path / "scan.parquet"
    monkeypatch.setattr(reports, "ROWS", 2)
    with monkeypatch.context() as broken:
        broken.setattr(files, "replace", full)
        with pytest.raises(ReportFailed, match="No space left"):
            scan([str(folder)], by="system", way=Way(report=report))
    assert Case.objects.count() == 0, "what is not in the report does not count"
    scan([str(folder)], by="system", resume=True)
    assert len(read(report)) == 5
