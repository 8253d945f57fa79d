"""``himaya scan`` over archives and buckets, and its reports: the same command as over a folder."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import md5
from pathlib import Path

import pytest
from pyarrow import parquet
from rich.progress import Progress as Bar
from tests import filmed
from tests.cli.conftest import Node
from tests.s3 import Store
from tests.screening.archived import tarred, zipped

from himaya.screening.scanning import Progress
from himaya.site.cli.screening import _Found, _tell

pytestmark = pytest.mark.one_database
KNOWN, OTHER = b"note of the command line", b"another note"


@pytest.fixture
def folder(node: Node, tmp_path: Path) -> Path:
    """A known file, alone and in archives, and one that nobody knows."""
    if "noted" not in node.counts():
        node.run("lists", "create", "noted")
        node.run("lists", "import", "noted", "-", "--signal", "md5", input=md5(KNOWN).hexdigest())
    made = tmp_path / "files"
    made.mkdir()
    (made / "known.txt").write_bytes(KNOWN)
    (made / "other.txt").write_bytes(OTHER)
    (made / "box.zip").write_bytes(zipped({"a": KNOWN}))
    (made / "box.tgz").write_bytes(tarred({"a": KNOWN, "b": OTHER}, pack="gz"))
    return made


def test_archives_are_looked_into_unless_they_are_to_stay_closed(node: Node, folder: Path) -> None:
    ran = node.run("scan", folder, status=1)
    assert "7 files screened, 3 hits, 1 case" in ran.stderr
    assert f"{folder}/box.tgz!/a" in ran.stdout
    assert "5 compared by exact hash only: not a picture" in ran.stderr
    assert "4 files screened, 1 hit, 1 case" in node.run("scan", folder, "--no-archives", status=1).stderr


def test_what_has_no_case_is_explained_below_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    _tell(Progress(1, files=1000, hits=2, held=1, suppressed=1, finished=True), [], {}, json_=False)
    said = capsys.readouterr().err
    assert "1 hit without a case (-): what they match is in quarantine" in said
    assert "1 file not counted as hits: what they match is outweighed by what its list knows to be benign" in said
    assert "1,000 files screened, 2 hits, 0 cases, 1 held, 1 suppressed" in said
    _tell(Progress(1, files=1, held=1, suppressed=2, finished=True), [], {}, json_=True)
    told = json.loads(capsys.readouterr().out)["summary"]
    assert (told["held"], told["suppressed"]) == (1, 2)


def test_whoever_compares_with_nothing_is_told_so(fresh_node: Node, tmp_path: Path) -> None:
    place = tmp_path / "known.txt"
    place.write_bytes(KNOWN)
    for command in ("scan", "screen"):
        ran = fresh_node.run(command, place, "--json")
        assert "Nothing can be found: there is no list" in ran.stderr
        assert "Nothing" not in ran.stdout
    fresh_node.run("lists", "create", "noted")
    fresh_node.run("lists", "import", "noted", "-", "--signal", "md5", input=md5(KNOWN).hexdigest())
    assert "Nothing can" not in fresh_node.run("screen", place, status=1).stderr
    assert "Nothing can" not in fresh_node.run("scan", place, "--list", "nosuch", status=2).stderr


def test_screen_says_of_an_archive_that_it_stayed_closed(node: Node, folder: Path) -> None:
    assert (
        "no pdq: it is an archive and was not looked into: himaya scan does"
        in node.run("screen", folder / "box.tgz").stdout
    )


def test_a_scan_that_could_read_nothing_is_no_success(node: Node, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert "1 not screened" in node.run("scan", tmp_path, status=2).stderr
    node.run("scan", tmp_path, "--json", status=2)
    (tmp_path / "other.txt").write_bytes(OTHER)
    node.run("scan", tmp_path)
    (tmp_path / "none").mkdir()
    node.run("scan", tmp_path / "none")


def test_the_bar_shows_files_that_are_read_and_no_members_of_archives() -> None:
    bar = Bar(disable=True)
    found = _Found(json=True, bar=bar, task=bar.add_task("", total=9))
    found.show(3)
    assert bar.tasks[0].completed == 3, "none is committed yet"
    found(Progress(1, files=7, skipped=Counter({"too large": 1}), members=4), [])
    found.show(2)
    assert bar.tasks[0].completed == 7 + 1 - 4 + 2


def test_a_report_tells_of_every_file(node: Node, folder: Path, tmp_path: Path) -> None:
    node.run("scan", folder, "--report", tmp_path / "scan.jsonl", status=1)
    told = [json.loads(line) for line in (tmp_path / "scan.jsonl").read_text().splitlines()]
    assert len(told) == 7
    node.run("scan", folder, "--report", tmp_path / "scan.parquet", status=1)
    rows = parquet.read_table(tmp_path / "scan.parquet").to_pylist()
    assert [row["place"] for row in rows] == [line["place"] for line in told]
    assert [row["hit"] for row in rows] == [bool(line["matches"]) for line in told]


def test_a_report_that_cannot_be_written_is_refused_in_words(node: Node, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text("mine")
    for name, words in (("mine.jsonl", "something at"), ("a.csv", "ends in .jsonl"), ("no/a.jsonl", "No such file")):
        assert words in node.run("scan", folder, "--report", tmp_path / name, status=3 if "/" in name else 2).stderr
    assert (tmp_path / "mine.jsonl").read_text() == "mine"


def test_a_bucket_is_scanned_by_the_same_command(node: Node, folder: Path, store: Store, tmp_path: Path) -> None:
    for path in folder.iterdir():
        store.put(f"in/{path.name}", path.read_bytes())
    ran = node.run(
        "scan", f"{store.root}/in/", "--s3-endpoint", store.endpoint, "--report", tmp_path / "s3.jsonl", status=1,
        env=store.environment(),
    )  # fmt: skip
    assert "7 files screened, 3 hits, 1 case" in ran.stderr
    assert f"{store.root}/in/box.zip!/a" in ran.stdout
    told = [json.loads(line)["place"] for line in (tmp_path / "s3.jsonl").read_text().splitlines()]
    assert sorted(told)[-1] == f"{store.root}/in/other.txt"


def test_the_endpoint_may_be_a_setting_of_the_node(node: Node, folder: Path, store: Store) -> None:
    store.put("known", KNOWN)
    environment = {**store.environment(), "HIMAYA_S3_ENDPOINT": store.endpoint}
    assert "1 file screened, 1 hit" in node.run("scan", store.root, status=1, env=environment).stderr


def test_a_bucket_that_refuses_is_an_error_in_words(node: Node, store: Store) -> None:
    ran = node.run("scan", store.root, "--s3-endpoint", store.endpoint, status=3, env=store.environment("none"))
    assert "cannot be listed: AccessDenied" in ran.stderr
    assert "secret" not in ran.stderr


def test_the_frames_of_a_video_are_written_as_a_list_takes_them(node: Node, tmp_path: Path) -> None:
    clip, altered = tmp_path / "clip.mp4", tmp_path / "altered.avi"
    clip.write_bytes(filmed.clip(5))
    altered.write_bytes(filmed.clip(5, container="avi"))
    ran = node.run("fingerprint", clip)
    assert [line.partition(":")[0] for line in ran.stdout.splitlines()] == ["md5", "sha1", "sha256", "vpdq"]
    assert "clip" not in ran.stdout
    node.run("lists", "create", "films")
    node.run("lists", "import", "films", "-", "--format", "hashes", input=ran.stdout)
    found = json.loads(node.run("screen", altered, "--list", "films", "--json", status=1).stdout)
    assert [match["signal"] for match in found["matches"]] == ["vpdq"]


def test_what_has_no_fingerprint_says_why(node: Node, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "note.txt").write_bytes(OTHER)
    ran = node.run("fingerprint", tmp_path / "empty", tmp_path / "note.txt", status=2)
    assert "empty: not screened, the file is empty" in ran.stderr
    assert f"md5:{md5(OTHER).hexdigest()}" in ran.stdout
    assert "neither a file" in node.run("fingerprint", tmp_path / "none", status=2).stderr
