"""Commands that are stopped in the middle: by a person, by the system, by a machine in trouble."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Node
from tests.servers import create_database, drop_database

FILES = 150
SLOWLY = {"HIMAYA_FAULT": "scanning.after_commit:sleep=1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files in four batches; the very first is on the list ``first`` of the node."""
    made = tmp_path / "files"
    made.mkdir()
    for number in range(FILES):
        (made / f"{number:03}.txt").write_bytes(b"note %d" % number)
    return made


def list_the_first(node: Node) -> None:
    if "first" not in node.counts():
        node.run("lists", "create", "first")
        node.run("lists", "import", "first", "-", "--signal", "md5", input=md5(b"note 0").hexdigest())


def begin_scan(node: Node, folder: Path) -> subprocess.Popen[str]:
    """A slow scan that has committed its first batch."""
    running = node.begin("scan", "--json", folder, env=SLOWLY)
    assert running.stdout is not None
    assert "000.txt" in running.stdout.readline()
    return running


def finish_by_resuming(node: Node, folder: Path) -> None:
    ran = node.run("scan", folder, "--resume", status=1)
    assert f"{FILES} files screened, 1 hit" in ran.stderr
    assert "each following from the one before" in node.run("ledger", "verify").stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_scan_that_is_stopped_says_how_to_go_on_and_goes_on(node: Node, folder: Path, number: signal.Signals) -> None:
    list_the_first(node)
    running = begin_scan(node, folder)
    running.send_signal(number)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130, said
    assert "stopping; Ctrl-C again stops at once" in said
    assert "Go on with the same command and --resume" in said
    assert "Traceback" not in said
    finish_by_resuming(node, folder)
    node.run("scan", folder, "--resume", status=2)


def test_a_second_interrupt_ends_a_scan_at_once(node: Node, folder: Path) -> None:
    list_the_first(node)
    running = node.begin("scan", "--json", folder, env={"HIMAYA_FAULT": "scanning.after_commit:sleep=20@2"})
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    assert "Ctrl-C again" in running.stderr.readline()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=10)
    assert running.returncode == 130
    assert "Interrupted." in said
    finish_by_resuming(node, folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_is_undone(node: Node, tmp_path: Path, number: signal.Signals) -> None:
    if "cut-short" not in node.counts():
        node.run("lists", "create", "cut-short")
    before = node.counts()
    path = tmp_path / "list.md5"
    path.write_text("".join(f"{md5(b'%d' % n).hexdigest()}\n" for n in range(5000)))
    waits = {"HIMAYA_FAULT": "lists.import_batch:sleep=30"}
    running = node.begin("lists", "import", "cut-short", path, env=waits)
    wait_until_it_imports(node, running)
    running.send_signal(number)
    _, said = running.communicate(timeout=15)
    assert running.returncode == 130, said
    assert "Interrupted." in said
    assert "undone" in said
    assert node.counts() == before


IN_A_FINALISER = """
import os, signal, time
from himaya.site.cli import heed_interrupts

class Garbage:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(0)

heed_interrupts()
Garbage(), Garbage()
time.sleep(30)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_that_falls_into_a_finaliser_is_not_lost(name: str) -> None:
    command = [sys.executable, "-c", IN_A_FINALISER.format(name=name)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=15)
    assert ran.returncode == -signal.SIGINT
    assert ran.stderr.startswith('Traceback (most recent call last):\n  File "<string>", line 12')


def wait_until_it_imports(node: Node, running: subprocess.Popen[str]) -> None:
    """Its spool, an unnamed file of the data directory, is open from the first line to the last."""
    for _ in range(600):
        assert running.poll() is None
        if any(_is_spool(Path(f"/proc/{running.pid}/fd/{n}"), node.data) for n in _open_files(running.pid)):
            time.sleep(0.5)  # by now it has read them all, and writes
            return
        time.sleep(0.05)
    raise AssertionError("it does not begin")


def _open_files(pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/fd")


def _is_spool(link: Path, data: Path) -> bool:
    try:
        target = os.readlink(link)
    except OSError:
        return False
    return target.startswith(str(data)) and "(deleted)" in target


@contextmanager
def small_disk(at: Path) -> Iterator[bool]:
    """A disk of 6 MB at ``at``, where this user may mount one; True where it is."""
    at.mkdir(mode=0o700)
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "none", at], capture_output=True
        ).returncode
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", at], check=True)


def test_a_full_disk_is_named_and_nothing_is_half_done(sqlite_node: Node, prepared: Node, tmp_path: Path) -> None:
    node, path = sqlite_node, tmp_path / "list.md5"
    path.write_text("".join(f"{md5(b'%d' % n).hexdigest()}\n" for n in range(60_000)))
    with small_disk(node.data) as mounted:
        shutil.copytree(prepared.data, node.data, dirs_exist_ok=True)
        before = node.counts()
        limits: dict[str, Any] = {} if mounted else {"preexec_fn": _may_write_one_more_megabyte}
        ran = node.run("lists", "import", "hotline", path, status=3, **limits)
        assert "The disk is full" in ran.stderr
        assert str(node.data) in ran.stderr
        assert "Make room and run the command again" in ran.stderr
        assert node.counts() == before
        assert "2 entries, each following from the one before" in node.run("ledger", "verify").stderr
        path.write_text(md5(b"1").hexdigest())
        assert "1 added" in node.run("lists", "import", "hotline", path).stderr


def _may_write_one_more_megabyte() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))


@pytest.mark.postgres
def test_a_database_that_goes_away_during_a_scan_is_named_and_the_scan_goes_on_afterwards(
    postgres: Any, sqlite_node: Node, folder: Path
) -> None:
    url = create_database(postgres.url, "node_gone")
    node = Node({**sqlite_node.environment, "HIMAYA_DATABASE_URL": url})
    list_the_first(node)
    running = begin_scan(node, folder)
    postgres.stop(signal.SIGQUIT)
    try:
        _, said = running.communicate(timeout=30)
        assert running.returncode == 3, said
        for words in ("The database does not answer", "HIMAYA_DATABASE_URL", "himaya doctor", "--resume"):
            assert words in said
        assert "Traceback" not in said
        assert "himaya doctor" in node.run("scan", folder, "--resume", status=3).stderr
    finally:
        postgres.start()
    finish_by_resuming(node, folder)
    drop_database(postgres.url, "node_gone")
