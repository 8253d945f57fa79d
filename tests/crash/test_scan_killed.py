"""A scan that is killed, at any batch and often, goes on where it stopped: every file counts once."""

from __future__ import annotations

import hashlib
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from tests.crash.conftest import SCALE, Node

from himaya.screening.fingerprinting import EMPTY, LINK, NOT_A_FILE
from himaya.screening.telling import NO_PICTURE

FILES = 30
BATCH = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty files in a few folders, every third of them known; a link, a pipe, an empty file; one content twice."""
    root = tmp_path / "folder"
    for number in range(FILES):
        place = root / f"{number % 4}" / ("deep" * (number % 3)) / f"{number}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"file {number}")
    (root / "0" / "again.txt").write_text("file 0")
    (root / "1" / "link").symlink_to("/etc/hostname")
    (root / "2" / "empty").touch()
    os.mkfifo(root / "3" / "pipe")
    return root


@pytest.fixture
def listed(node: Node) -> None:
    known = [hashlib.sha256(f"file {number}".encode()).hexdigest() for number in range(0, FILES, 3)]
    node.run("import_list", rows="signal,value\n" + "".join(f"sha256,{value}\n" for value in known))


def judge(node: Node, folder: Path, scans: int = 1) -> None:
    assert node.run("check", idle=False) == []
    told = node.run("summary")
    skipped, limited = {EMPTY: 1, LINK: 1, NOT_A_FILE: 1}, {NO_PICTURE: FILES + 1}
    counts = {"files": FILES + 1, "hits": 11, "skipped": skipped, "limited": limited}
    counts |= {"members": 0, "held": 0, "suppressed": 0}
    assert told["scans"] == [["finished", counts]] * scans
    places = [str(path) for path in folder.rglob("*.txt") if int(path.read_text().split()[1]) % 3 == 0]
    assert told["places"] == sorted(places * scans)
    assert [sightings for _, _, sightings in told["cases"]].count(2 * scans) == 1, "the content that is there twice"
    assert len(told["cases"]) == 10
    assert told["screened"] == scans * (FILES + 1)


@pytest.mark.parametrize("point", ["scanning.before_commit", "scanning.after_commit", "cases.opened"])
def test_a_scan_that_is_killed_at_its_batches_counts_every_file_once(
    node: Node, folder: Path, listed: None, seed: random.Random, point: str
) -> None:
    kills = 0
    while True:
        nth = seed.randint(2, 6)
        process = node.start(
            "scan_folder", fault=f"{point}:kill@{nth}", folder=str(folder), resume=kills > 0, batch=BATCH
        )
        process.join(60)
        if process.exitcode == 0:
            break
        assert process.exitcode == -9, node.log(process)
        kills += 1
        assert kills < 40
    assert kills >= 1
    judge(node, folder)


def test_a_scan_that_is_killed_at_random_counts_every_file_once(
    node: Node, folder: Path, listed: None, seed: random.Random
) -> None:
    begun = False
    for _ in range(int(4 * SCALE)):
        fault = "scanning.before_commit:sleep=0.15"
        process = node.start("scan_folder", fault=fault, folder=str(folder), resume=begun, batch=BATCH)
        time.sleep(seed.uniform(0.9, 1.6))
        process.kill()
        process.join()
        begun = bool(node.run("summary")["scans"])
    if not begun or node.run("summary")["scans"][0][0] != "finished":
        node.run("scan_folder", folder=str(folder), resume=begun)
    judge(node, folder)


def test_two_processes_that_go_on_with_the_same_scan_do_not_count_twice(node: Node, folder: Path, listed: None) -> None:
    killed = node.start("scan_folder", fault="scanning.after_commit:kill@2", folder=str(folder), batch=BATCH)
    killed.join(60)
    arguments: dict[str, Any] = {"folder": str(folder), "resume": True, "batch": BATCH}
    both = [node.start("scan_folder", fault="scanning.before_commit:sleep=0.1", **arguments) for _ in range(2)]
    for process in both:
        process.join(60)
    ended = sorted(process.exitcode for process in both)
    if ended == [0, 1]:
        [loser] = [process for process in both if process.exitcode == 1]
        assert "Another process is going on with scan" in node.log(loser) or "NothingToResume" in node.log(loser)
    else:
        assert ended == [0, 0], [node.log(process) for process in both]
    judge(node, folder)
