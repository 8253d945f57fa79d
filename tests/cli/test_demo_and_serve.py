"""The demonstration, the console and the worker, as processes that run and end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.cli.conftest import Node

DECIDE_NEXT = """
import django
django.setup()
from himaya.accounts.queries import person
from himaya.cases import queries, services
case = queries.queue().first()
services.claim(case.pk, person=person("reviewer"))
services.decide(case.pk, person=person("reviewer"), scheme="interpol", code="baseline", reason="Listed item.")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], bool], running: subprocess.Popen[str], *, seconds: float = 60) -> None:
    """Wait for it, as long as the process lives."""
    end = time.monotonic() + seconds
    while not holds():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@contextmanager
def stopped(running: subprocess.Popen[str], number: signal.Signals) -> Iterator[list[str]]:
    """In the end it is stopped; within seconds, and without leaving a process behind. What it said is there then."""
    left: set[int] = set()
    words: list[str] = []
    try:
        yield words
        left = below(running.pid)
        running.send_signal(number)
        _, said = running.communicate(timeout=15)
        words.append(said)
        assert "Traceback" not in said
        assert running.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0), said
        end = time.monotonic() + 15
        while alive := {pid for pid in left if Path(f"/proc/{pid}").exists()}:
            assert time.monotonic() < end, alive
            time.sleep(0.1)
    finally:
        for pid in {running.pid, *left}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        running.communicate()


def below(parent: int) -> set[int]:
    """The processes that a process has begun, and theirs."""
    ran = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True)
    children = {int(pid) for pid in ran.stdout.split()}
    return children.union(*(below(child) for child in children))


@pytest.fixture(scope="module")
def shown(node: Node, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A demonstration without console."""
    folder = tmp_path_factory.mktemp("demo") / "here"
    stray = {"HIMAYA_REPORTS": '[{"name": "desk", "channel": "email"}]', "HIMAYA_HTTPS": "true"}
    return folder, node.run("demo", "--no-serve", "--data", folder, env=stray)


def of_demo(node: Node, folder: Path) -> Node:
    """The demonstration's own node."""
    kept = {name: value for name, value in node.environment.items() if name != "HIMAYA_DATABASE_URL"}
    return Node({**kept, "HIMAYA_DATA": str(folder / "node")})


@pytest.mark.one_database
def test_the_demonstration_goes_the_whole_way(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, ran = shown
    assert len(re.findall(r"^H-\d{4}-\d{6} +(?:pdq \d+|same file) ", ran.stdout, re.MULTILINE)) == 22
    assert len(re.findall(r" same file ", ran.stdout)) == 8
    assert "209 files screened, 22 hits, 22 cases" in ran.stderr
    assert re.search(r"^screened +209$", ran.stdout, re.MULTILINE)
    limits = [line for line in ran.stderr.splitlines() if re.match(r"\d+ (not|compared)", line)]
    assert limits == [
        "1 not screened: the file is empty",
        "1 compared by exact hash only: it is cut off",
        "1 compared by exact hash only: not a picture",
        "1 compared by exact hash only: too little detail",
    ]
    assert f"1 not screened: the file is empty\n    {folder}/pictures/uploads/odd/empty.jpg\n" in ran.stderr
    assert "notice sent by route console" in ran.stderr
    filed = re.search(r"report sent by route file: (\S+)", ran.stderr)
    assert filed
    assert "H-" in Path(filed[1]).read_text()
    assert re.search(r"│ reviewer +\S{12,} +decides cases", ran.stdout)
    assert "Console: http://localhost:8460/" in ran.stdout
    assert "A password is enough in the demonstration" in ran.stdout
    assert f"HIMAYA_DATA={folder}/node himaya serve" in ran.stdout
    assert "whole" in ran.stderr
    assert "desk" not in ran.stderr


def silent(node: Node) -> None:
    """No worker has shown life for long."""
    connection = sqlite3.connect(node.data / "himaya.sqlite3")
    with connection:
        connection.execute("UPDATE ledger_turn SET at = 0")
    connection.close()


@pytest.mark.one_database
def test_a_node_delivers_what_waits_and_ends_when_told(
    node: Node, shown: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    mine, port = of_demo(node, shown[0]), free_port()
    environment = {**mine.environment, "DJANGO_SETTINGS_MODULE": "himaya.site.settings"}
    subprocess.run([sys.executable, "-c", DECIDE_NEXT], env=environment, check=True, timeout=60)
    reports = len(list((mine.data / "outbox").iterdir()))
    silent(mine)
    said = "none is running, and work waits for it\nRun: himaya serve (or himaya worker)"
    assert said in mine.run("worker", "--check", status=1).stdout
    running = mine.begin("serve", "--port", port)
    with stopped(running, signal.SIGINT) as words:
        until(lambda: answers(port), running)
        assert len(below(running.pid)) >= 2  # web and worker
        until(lambda: len(list((mine.data / "outbox").iterdir())) > reports, running)
        assert "keeps up" in mine.run("worker", "--check").stdout
        again = mine.run("serve", "--port", port, status=2)
        assert f"Port {port} on 127.0.0.1 is taken" in again.stderr
        assert "--port" in again.stderr
    assert f"console at http://localhost:{port}/" in words[0]
    assert "each following" in mine.run("ledger", "verify").stderr


COUNTED = """
import django
django.setup()
from himaya.screening.queries import tally
print(tally()["screened"])
"""


def test_a_server_or_a_command_that_ends_loses_no_count(node: Node) -> None:
    port, secret = free_port(), node.run("keys", "add", "program", "--scope", "screen").stdout.strip()
    environment = {**node.environment, "DJANGO_SETTINGS_MODULE": "himaya.site.settings"}

    def counted() -> int:
        ran = subprocess.run([sys.executable, "-c", COUNTED], env=environment, stdout=subprocess.PIPE, check=True)
        return int(ran.stdout)

    before = counted()
    node.run("screen", f"md5:{0:032x}")
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/screen",
        json.dumps({"items": [{"signal": "md5", "value": f"{n:032x}"} for n in range(5)]}).encode(),
        {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )
    running = node.begin("serve", "--port", port)
    with stopped(running, signal.SIGTERM):
        until(lambda: answers(port), running)
        with urllib.request.urlopen(asked, timeout=20) as told:
            assert told.status == 200
    assert counted() == before + 6


@pytest.mark.one_database
def test_a_killed_server_takes_its_processes_with_it(node: Node) -> None:
    port = free_port()
    running = node.begin("serve", "--port", port)
    with stopped(running, signal.SIGKILL):
        until(lambda: answers(port), running)


@pytest.mark.one_database
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_told_to_stop_while_its_processes_start_stops(node: Node, number: signal.Signals) -> None:
    running = node.begin("serve", "--no-worker", "--port", free_port())
    with stopped(running, number):
        until(lambda: bool(below(running.pid)), running)


def test_a_worker_stops_when_told(node: Node) -> None:
    running = node.begin("worker")
    assert running.stderr is not None
    with stopped(running, signal.SIGTERM):
        assert "working - Ctrl-C stops" in running.stderr.readline()


@pytest.mark.one_database
def test_a_demonstration_is_made_anew_and_opens_the_console(
    node: Node, shown: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    port = free_port()
    running = node.begin("demo", "--data", shown[0], "--port", port, cwd=tmp_path)
    with stopped(running, signal.SIGTERM):
        until(lambda: answers(port), running)
        other = node.run("demo", "--no-serve", "--data", shown[0], status=2)
        assert f"A demonstration is running in {shown[0]}" in other.stderr
        assert "--data" in other.stderr


@pytest.mark.one_database
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_demonstration_whose_node_is_run_by_hand_is_not_made_anew(
    node: Node, shown: tuple[Path, subprocess.CompletedProcess[str]], command: str
) -> None:
    mine, port = of_demo(node, shown[0]), free_port()
    before = mine.counts()
    running = mine.begin("serve", "--no-worker", "--port", port) if command == "serve" else mine.begin("worker")
    with stopped(running, signal.SIGTERM):
        assert running.stderr is not None
        assert "Ctrl-C stops" in running.stderr.readline()
        said = node.run("demo", "--no-serve", "--data", shown[0], status=2).stderr
        assert f"A demonstration is running in {shown[0]}" in said
        assert "Stop what runs there" in said
    assert mine.counts() == before


@pytest.mark.one_database
def test_a_foreign_folder_is_left_alone(node: Node, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("mine")
    for foreign in (tmp_path / "letters", tmp_path / "letters" / "mine.txt"):
        said = node.run("demo", "--no-serve", "--data", foreign, status=2).stderr
        assert f"{foreign} is there and was not made by a demonstration" in said
        assert "Choose another directory with --data" in said
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["mine.txt"]


@pytest.mark.one_database
def test_a_taken_port_is_told_before_anything_is_done(node: Node, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = node.run("demo", "--data", tmp_path / "new", "--port", port, status=2).stderr
    assert f"Port {port} on 127.0.0.1 is taken" in said
    assert not (tmp_path / "new").exists()
