"""Two thousand files, and a process that dies while they are screened: all are found, each exactly once."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.crash.conftest import Node
from tests.drawn import picture
from tests.screening.archived import zipped

from himaya.screening.scanning import Progress

FILES, PICTURES, EVERY = 2000, 20, 50
HIMAYA = Path(sys.executable).with_name("himaya")
HITS = FILES // EVERY


def content(number: int) -> bytes:
    """Few pictures are drawn; behind the end of each file stands a number, so that no two are the same."""
    return picture(number % PICTURES) + b"%d" % number


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures in five folders and, the last hundred of them, in an archive."""
    made = tmp_path / "folder"
    for number in range(FILES - 100):
        path = made / f"{number % 5}" / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(number))
    (made / "box.zip").write_bytes(zipped({f"{n}.jpg": content(n) for n in range(FILES - 100, FILES)}, method=0))
    return made


@pytest.fixture
def listed(node: Node) -> None:
    """Every fiftieth of them is known."""
    known = [hashlib.sha256(content(number)).hexdigest() for number in range(0, FILES, EVERY)]
    node.run("import_list", rows="signal,value\n" + "".join(f"sha256,{value}\n" for value in known))
    node.environment["HIMAYA_DECODERS"] = "2"


def judge(node: Node, report: Path) -> None:
    """The archive is a file, too; what lies in it is told by itself."""
    told = node.run("summary")
    expected = Progress(1, files=FILES + 1, hits=HITS, members=100)
    assert told["scans"] == [["finished", expected.as_json()]]
    assert len(told["places"]) == len(set(told["places"])) == len(told["cases"]) == HITS
    assert told["screened"] == FILES + 1
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert len({line["place"] for line in lines}) == len(lines) == FILES + 1
    assert sum(bool(line["matches"]) for line in lines) == HITS
    assert node.run("check", idle=False) == []


def processes(wanted: Callable[[str, str], bool]) -> list[int]:
    """Processes of which the command and the parent are wanted."""
    found = []
    for one in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            command = Path(f"/proc/{one}/cmdline").read_bytes().decode(errors="replace")
            parent = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[1]
            if wanted(command, parent):
                found.append(int(one))
    return found


def is_zygote(command: str) -> bool:
    """A zygote, or a child that it has forked; not what runs it in a sandbox."""
    return "himaya.screening.zygote" in command and "bwrap" not in command


def is_below(process: str, above: int) -> bool:
    """Whether it is a zygote itself, and a process of ours began it: what it has forked is a decoder."""
    with suppress(OSError):
        if not is_zygote(Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")):
            return False
        while process not in ("0", str(above)):
            process = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]
    return process == str(above)


def kill_one(wanted: Callable[[str, str], bool], alive: Callable[[], bool]) -> None:
    """As soon as there is one."""
    while not (there := processes(wanted)):
        assert alive(), "it ended before anything could be killed"
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.kill(there[-1], signal.SIGKILL)


@pytest.mark.slow
def test_decoders_that_are_killed_are_replaced_and_every_file_is_found_once(
    node: Node, folder: Path, listed: None, tmp_path: Path
) -> None:
    report = tmp_path / "scan.jsonl"
    running = node.start("scan_folder", folder=str(folder), batch=64, report=str(report))
    for _ in range(3):
        kill_one(lambda command, above: is_zygote(command) and is_below(above, running.pid), running.is_alive)
        time.sleep(0.1)
    assert running.is_alive(), "it was killed while it worked"
    node.end(running, patience=120)
    judge(node, report)


@pytest.mark.slow
def test_a_scan_of_many_files_that_is_killed_goes_on_and_finds_every_file_once(
    node: Node, folder: Path, listed: None, tmp_path: Path, seed: random.Random
) -> None:
    report, kills = tmp_path / "scan.jsonl", 0
    while True:
        point = seed.choice(["scanning.before_commit", "scanning.reported", "scanning.after_commit"])
        fault = f"{point}:kill@{seed.randint(3, 9)}" if kills < 4 else ""
        process = node.start(
            "scan_folder", fault=fault, folder=str(folder), resume=kills > 0, batch=64, report=str(report)
        )
        process.join(120)
        if process.exitcode == 0:
            break
        assert process.exitcode == -9, node.log(process)
        kills += 1
    assert kills == 4
    judge(node, report)


@pytest.fixture
def ray_home() -> Iterator[Path]:
    """A place for Ray's sockets: their paths must be short."""
    made = Path(tempfile.mkdtemp(prefix="ray"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_finds_every_file_once(
    node: Node, folder: Path, listed: None, tmp_path: Path, ray_home: Path
) -> None:
    report = tmp_path / "scan.jsonl"
    environment = {**os.environ, **node.environment, "RAY_TMPDIR": str(ray_home), "PYTHONWARNINGS": "default"}
    command = [HIMAYA, "scan", folder, "--engine", "ray", "--ray-address", "local", "--report", report]
    running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    ours = f"HIMAYA_DATA={node.environment['HIMAYA_DATA']}".encode()

    def at_work(command: str, parent: str) -> bool:
        """A worker with a batch in its hands, of this cluster."""
        return command.startswith("ray::work") and ours in Path(f"/proc/{parent}/environ").read_bytes()

    kill_one(at_work, lambda: running.poll() is None)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 1, said
    assert f"{FILES + 1:,} files screened, {HITS} hits, {HITS} cases" in said
    judge(node, report)
