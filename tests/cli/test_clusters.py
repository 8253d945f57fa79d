"""``himaya scan --engine ray`` on a real cluster, whose workers may lack what the scan has."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path

import pytest
from tests import filmed
from tests.cli.conftest import Node
from tests.s3 import Store
from tests.screening.archived import zipped

pytestmark = [pytest.mark.slow, pytest.mark.one_database]
RAY = Path(sys.executable).with_name("ray")
KNOWN = b"note of the cluster"
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a token of the tests of no worth at all"}
HIDES = "import os, sys\nsys.modules.update(dict.fromkeys(os.environ['HIDDEN'].split(','), None))\n"


@pytest.fixture(scope="module")
def hiding() -> Iterator[dict[str, str]]:
    """The environment in which Python finds none of the modules that ``HIDDEN`` names."""
    home = tempfile.mkdtemp(prefix="hide")
    Path(home, "sitecustomize.py").write_text(HIDES)
    yield {"PYTHONPATH": home}
    shutil.rmtree(home)


@contextmanager
def started(store: Store, environment: dict[str, str]) -> Iterator[str]:
    """A cluster of one machine that may read the bucket; its address."""
    home = tempfile.mkdtemp(prefix="ray")  # its paths must be short
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = subprocess.Popen(
        [
            RAY, "start", "--head", "--block", f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=2",
            "--include-dashboard=false", f"--temp-dir={home}",
        ],
        env={**os.environ, **store.environment(), "RAY_USAGE_STATS_ENABLED": "0", **TOKEN, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    assert running.stdout is not None
    try:
        said = ""
        while "Ray runtime started" not in said:
            line = running.stdout.readline()
            assert line, said
            said += line
        yield f"127.0.0.1:{port}"
    finally:
        running.terminate()  # it ends those that it started
        try:
            running.communicate(timeout=30)
        finally:
            os.killpg(running.pid, signal.SIGKILL) if running.poll() is None else None
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def known(node: Node) -> None:
    if "noted" not in node.counts():
        node.run("lists", "create", "noted")
        values = "\n".join(md5(content).hexdigest() for content in (KNOWN, filmed.clip(7, 6)))
        node.run("lists", "import", "noted", "-", "--signal", "md5", input=values)


def test_a_bucket_is_scanned_by_a_cluster_as_by_one_machine(
    node: Node, known: None, store: Store, hiding: dict[str, str], tmp_path: Path
) -> None:
    film = filmed.clip(7, 6)
    for number in range(150):
        store.put(f"in/{number:03}", b"note %d" % number)
    store.put("in/known", KNOWN)
    store.put("in/film.mp4", film)
    store.put("in/large", bytes(len(film)))
    store.put("in/box.zip", zipped({"known": KNOWN, "film.mp4": film}))
    environment = {**store.environment(), **TOKEN, "HIMAYA_MAX_FILE_BYTES": f"{len(film) // 2}"}
    reports = [tmp_path / f"{name}.jsonl" for name in ("here", "there")]
    command = ["scan", f"{store.root}/in/", "--s3-endpoint", store.endpoint, "--report"]
    here = node.run(*command, reports[0], status=1, env=environment)
    with started(store, {}) as address:
        there = node.run(*command, reports[1], "--ray-address", address, status=1, env=environment)
        assert "154 files screened, 4 hits" in here.stderr
        assert here.stderr.splitlines()[-1].split(",")[:2] == there.stderr.splitlines()[-1].split(",")[:2]
        assert "2 not screened: too large" in there.stderr, (
            "the archive, of which pieces are read, and what is no video"
        )
        told = [sorted(line.split('"case"')[0] for line in report.read_text().splitlines()) for report in reports]
        assert told[0] == told[1]
        ran = node.run(*command[:-1], "--ray-address", address, status=3, env={**environment, **hiding, "HIDDEN": "av"})
        assert "cannot do its part: it has, and the scan has not, himaya[video]" in ran.stderr
        nobody = {**environment, "HOME": str(tmp_path), "RAY_AUTH_TOKEN": ""}
        assert "cannot be reached" in node.run("scan", tmp_path, "--ray-address", address, status=3, env=nobody).stderr


KNOCKS = "import ray, sys; ray.init(address=sys.argv[1]); print('let in', ray.nodes())"
STARTS = f"""
import os, subprocess, sys
from himaya.screening.engines.cluster import _connected

ray = _connected("local")
address = ray.get_runtime_context().gcs_address
for token in (os.environ["RAY_AUTH_TOKEN"], "another"):
    environment = {{**os.environ, "RAY_AUTH_TOKEN": token}}
    ran = subprocess.run([sys.executable, "-c", {KNOCKS!r}, address], env=environment, capture_output=True, text=True)
    print(ran.returncode, "let in" in ran.stdout, "InvalidAuthToken" in ran.stderr)
ray.shutdown()
"""


def test_a_cluster_that_a_scan_starts_lets_nobody_else_in() -> None:
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    ran = subprocess.run([sys.executable, "-c", STARTS], env=environment, capture_output=True, text=True, timeout=120)
    assert ran.stdout.splitlines() == ["0 True False", "1 False True"], ran.stderr


def test_workers_that_lack_an_extra_are_named_with_what_they_lack(
    node: Node, known: None, store: Store, hiding: dict[str, str]
) -> None:
    store.put("known", KNOWN)
    command = ["scan", store.root, "--s3-endpoint", store.endpoint, "--engine", "ray", "--ray-address"]
    with started(store, {**hiding, "HIDDEN": "boto3"}) as address:
        ran = node.run(*command, address, status=3, env={**store.environment(), **TOKEN})
    assert "cannot do its part: A bucket needs a library that is not installed." in ran.stderr
    assert "Every worker needs the same version, extras and plug-ins" in ran.stderr
