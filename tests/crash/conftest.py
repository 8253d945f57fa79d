"""Nodes that can be killed: a database of their own, and processes that end with the test."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.crash import worker
from tests.servers import create_database, drop_database

SCALE = float(os.environ.get("HIMAYA_CRASH_SCALE", "1"))
"""How much more than usual; a nightly run sets it to 10."""
_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(["tests.crash.zygote"])


class Node:
    """A node with a database that was just made. ``environment`` is added to that of every process."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home, self.environment = home, environment
        self.processes: list[BaseProcess] = []

    def routes(self, kind: str, routes: list[dict[str, Any]]) -> None:
        """Set the routes of ``reports`` or ``notices``."""
        self.environment[f"HIMAYA_{kind.upper()}"] = json.dumps(routes)

    def start(self, name: str, *, fault: str = "", **arguments: Any) -> BaseProcess:
        """A process that runs the function ``name`` of :mod:`tests.crash.worker`."""
        node = {**self.environment, "HIMAYA_FAULT": fault}
        result = str(self.home / f"{name}-{len(self.processes)}")
        process = _forking.Process(target=worker.enter, args=(name, node, arguments, result), daemon=True, name=result)
        process.start()
        self.processes.append(process)
        return process

    def end(self, process: BaseProcess, *, patience: float = 60) -> Any:
        """Wait for a process that has to succeed; what its function returned."""
        process.join(patience)
        assert process.exitcode == 0, f"{process.name} ended with {process.exitcode}: {self.log(process)}"
        return json.loads(Path(process.name).read_text())

    def run(self, name: str, **arguments: Any) -> Any:
        """Run a function to its end; what it returned."""
        return self.end(self.start(name, **arguments))

    def log(self, process: BaseProcess) -> str:
        """The last that it wrote to its standard error."""
        path = Path(f"{process.name}.log")
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def close(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            if process.is_alive():
                process.kill()
            process.join()


MakeNode = Callable[..., Node]
Migrated = Callable[[Node, str, str], None]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migrated]:
    """Gives a node a database with all tables: migrated once for each server, then copied."""
    files = tmp_path_factory.mktemp("migrated")
    templates: dict[str, str] = {}

    def copy(node: Node, server: str, name: str) -> None:
        if server not in templates:
            template = f"migrated_{uuid.uuid4().hex[:12]}"
            model = Node(files, {"HIMAYA_DATA": str(files)})
            if server:
                model.environment["HIMAYA_DATABASE_URL"] = create_database(server, template)
            model.run("migrate")
            templates[server] = template
        if not server:
            shutil.copy(files / "himaya.sqlite3", node.environment["HIMAYA_DATA"])
            return
        with psycopg.connect(server, autocommit=True) as connection:
            names = sql.Identifier(name), sql.Identifier(templates[server])
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        node.environment["HIMAYA_DATABASE_URL"] = f"{server.rpartition('/')[0]}/{name}"

    yield copy
    for server, name in templates.items():
        if server:
            with suppress(psycopg.OperationalError):  # a server of a test's own is gone by now
                drop_database(server, name)


@pytest.fixture
def make_node(tmp_path: Path, migrated: Migrated) -> Iterator[MakeNode]:
    """Make nodes: ``make_node()`` on the database of this run, ``make_node(server=url, data=path)`` elsewhere."""
    made: list[tuple[Node, str, str]] = []

    def make(*, server: str | None = None, data: Path | None = None) -> Node:
        server = os.environ.get("HIMAYA_DATABASE_URL", "") if server is None else server
        home = tmp_path / f"node-{len(made)}"
        home.mkdir()
        data = data or home / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        node = Node(home, {"HIMAYA_DATA": str(data), "HIMAYA_DECODERS": "1"})
        name = f"crash_{uuid.uuid4().hex[:12]}"
        made.append((node, server, name))
        migrated(node, server, name)
        return node

    yield make
    for node, server, name in made:
        node.close()
        if server:
            drop_database(server, name)


@pytest.fixture
def node(make_node: MakeNode) -> Node:
    """A node on the database of this run."""
    return make_node()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> Iterator[random.Random]:
    """Chance that can be repeated: ``HIMAYA_CRASH_SEED=n``. The seed is printed with a failure."""
    number = int(os.environ.get("HIMAYA_CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"to repeat: HIMAYA_CRASH_SEED={number}")
    return random.Random(number)


def keep_killing(
    node: Node,
    chance: random.Random,
    *,
    until: Callable[[], bool],
    workers: int = 4,
    patience: float = 120,
    **options: Any,
) -> int:
    """Run workers; every 0.2 to 0.5 seconds one is killed and replaced, until ``until``. How many were killed.

    After 20 kills (times the scale) the rest goes on without harm: a slow machine must come to an end, too.
    """
    running = [node.start("work", **options) for _ in range(workers)]
    killed, end = 0, time.monotonic() + patience * max(SCALE, 1)
    while not until():
        assert time.monotonic() < end, f"not done after {killed} kills: {node.run('jobs')}"
        time.sleep(chance.uniform(0.2, 0.5))
        if killed >= 20 * SCALE:
            continue
        victim = chance.randrange(workers)
        running[victim].kill()
        running[victim].join()
        running[victim] = node.start("work", **options)
        killed += 1
    return killed


def settle(node: Node, *, patience: float = 60) -> None:
    """Wait until the workers that run have nothing left to do, then stop them; then the invariants hold."""
    node.end(node.start("deliver", patience=patience), patience=patience + 30)
    node.close()
    assert node.run("check") == []
