"""A node of its own for each module, spoken to as a person does: by commands in a process of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.servers import create_database, drop_database

FORKS = Path(__file__).with_name("forks.py")
HIMAYA = Path(sys.executable).with_name("himaya")
AS_ROOT_MAY_READ_ANYTHING = os.geteuid() == 0
WITHOUT_PRIVILEGE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Makes root obey the modes of files, as everybody else must."""
WORK = "import django; django.setup(); from himaya.ledger.worker import run_until_idle; run_until_idle()"


class Node:
    """A data directory, a database, and the command line."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.data = Path(environment["HIMAYA_DATA"])

    def run(
        self, *command: object, status: int = 0, plainly: bool = False, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that must end with ``status``, and never with a traceback.

        ``plainly``: without the privilege of root to read and write everything.
        """
        words = [str(HIMAYA), *map(str, command)]
        if plainly and AS_ROOT_MAY_READ_ANYTHING:
            words = [*WITHOUT_PRIVILEGE, *words]
        environment = {**self.environment, **more.pop("env", {})}
        ran = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False, **more)
        assert "Traceback" not in ran.stderr + ran.stdout, ran.stderr
        assert ran.returncode == status, (ran.returncode, ran.stdout, ran.stderr)
        return ran

    def begin(self, *command: object, **more: Any) -> subprocess.Popen[str]:
        """Start a command in a group of its own."""
        environment = {**self.environment, **more.pop("env", {})}
        return subprocess.Popen(
            [str(HIMAYA), *map(str, command)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **more,
        )

    def run_each(self, commands: list[tuple[str, ...]]) -> list[subprocess.CompletedProcess[str]]:
        """Run many commands, each in a process forked from one that has loaded everything: faster, the same words."""
        asked = json.dumps(commands)
        ran = subprocess.run(
            [sys.executable, "-W", "default", FORKS], env=self.environment, input=asked, capture_output=True, text=True,
            timeout=120, check=True,
        )  # fmt: skip
        done = [subprocess.CompletedProcess(c, *r) for c, r in zip(commands, json.loads(ran.stdout), strict=True)]
        for one in done:
            assert "Traceback" not in one.stderr, one
        return done

    def counts(self, name: str = "") -> str:
        """What the lists hold, or one of them: to see that nothing was changed."""
        return self.run("lists", "show", *([name] if name else [])).stdout


@pytest.fixture(scope="session")
def _compiled() -> Iterator[str]:
    """Compiled modules are kept for the session: a command starts in half the time."""
    folder = tempfile.mkdtemp(prefix="himaya-pyc-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _environment(data: Path, compiled: str) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if n not in ("PYTHONDONTWRITEBYTECODE", "COLUMNS", "FORCE_COLOR")}
    path = f"{HIMAYA.parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **kept,
        "PATH": path,
        "HIMAYA_DATA": str(data),
        "PYTHONPYCACHEPREFIX": compiled,
        "PYTHONWARNINGS": "default",
    }


def _made(data: Path, compiled: str) -> Iterator[Node]:
    environment = _environment(data, compiled)
    server = os.environ.get("HIMAYA_DATABASE_URL")
    if not server:
        yield Node(environment)
        return
    name = f"node_{uuid.uuid4().hex[:12]}"
    yield Node({**environment, "HIMAYA_DATABASE_URL": create_database(server, name)})
    drop_database(server, name)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, _compiled: str) -> Node:
    """A node on SQLite with a list ``hotline`` and somebody who can decide. It is copied, never changed."""
    environment = _environment(tmp_path_factory.mktemp("prepared") / "node", _compiled)
    environment.pop("HIMAYA_DATABASE_URL", None)
    made = Node(environment)
    made.run("lists", "create", "hotline")
    made.run("users", "add", "sam", "--role", "reviewer")
    working = {**environment, "DJANGO_SETTINGS_MODULE": "himaya.site.settings"}
    subprocess.run([sys.executable, "-c", WORK], env=working, check=True, timeout=60)
    return made


def copied(node: Node, to: Path) -> Node:
    """The same node on SQLite again, elsewhere."""
    shutil.copytree(node.data, to)
    return Node({**node.environment, "HIMAYA_DATA": str(to)})


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, _compiled: str, prepared: Node) -> Iterator[Node]:
    """A node with a list ``hotline`` and somebody who can decide, shared by the tests of a module."""
    data = tmp_path_factory.mktemp("shared") / "node"
    if not os.environ.get("HIMAYA_DATABASE_URL"):
        yield copied(prepared, data)
        return
    for made in _made(data, _compiled):
        made.run("lists", "create", "hotline")
        made.run("users", "add", "sam", "--role", "reviewer")
        yield made


@pytest.fixture
def fresh_node(tmp_path: Path, _compiled: str) -> Iterator[Node]:
    """A node on which no command was ever run."""
    yield from _made(tmp_path / "node", _compiled)


@pytest.fixture
def sqlite_node(tmp_path: Path, _compiled: str) -> Node:
    """A node on SQLite, whatever the tests run on; no command was ever run on it."""
    environment = _environment(tmp_path / "node", _compiled)
    environment.pop("HIMAYA_DATABASE_URL", None)
    return Node(environment)


@pytest.fixture(scope="module")
def refuses(node: Node) -> Iterator[Callable[..., str]]:
    """Run a command that must be refused; what it says. In the end, nothing may have come of any of them."""

    def run(*command: object, status: int = 2, says: tuple[str, ...], **more: Any) -> str:
        ran = node.run(*command, status=status, **more)
        said_so(ran, says)
        return ran.stderr

    before = node.counts("hotline")
    yield run
    assert node.counts("hotline") == before
    assert "each following from the one before" in node.run("ledger", "verify").stderr


def said_so(ran: subprocess.CompletedProcess[str], says: tuple[str, ...]) -> None:
    """A refusal in words, on the error stream alone."""
    for words in says:
        assert words in ran.stderr, (ran.args, ran.stderr)
    assert ran.stdout == ""
