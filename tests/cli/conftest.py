"""A node of its own for each module, spoken to as a person does: by commands in a process of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.nodes import Node, environment_of
from tests.servers import create_database, drop_database

WORK = "from himaya.ledger.worker import run_until_idle; run_until_idle()"


def _made(data: Path) -> Iterator[Node]:
    environment = environment_of(data)
    server = os.environ.get("HIMAYA_DATABASE_URL")
    if not server:
        yield Node(environment)
        return
    name = f"node_{uuid.uuid4().hex[:12]}"
    yield Node({**environment, "HIMAYA_DATABASE_URL": create_database(server, name)})
    drop_database(server, name)


def _prepare(made: Node) -> Node:
    """Give a node a list ``hotline`` and somebody who can decide."""
    made.run("lists", "create", "hotline")
    made.run("users", "add", "sam", "--role", "reviewer")
    made.do(WORK)
    return made


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A node on SQLite with a list ``hotline`` and somebody who can decide. It is copied, never changed."""
    environment = environment_of(tmp_path_factory.mktemp("prepared") / "node")
    environment.pop("HIMAYA_DATABASE_URL", None)
    return _prepare(Node(environment))


@pytest.fixture(scope="session")
def prepared_on_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The same on the server that the tests run on."""
    for made in _made(tmp_path_factory.mktemp("prepared") / "node"):
        yield _prepare(made)


def copied(node: Node, to: Path) -> Node:
    """The same node again, elsewhere; on SQLite with its database."""
    shutil.copytree(node.data, to)
    return Node({**node.environment, "HIMAYA_DATA": str(to)})


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Node]:
    """A node with a list ``hotline`` and somebody who can decide, shared by the tests of a module."""
    data = tmp_path_factory.mktemp("shared") / "node"
    server = os.environ.get("HIMAYA_DATABASE_URL")
    if not server:
        yield copied(request.getfixturevalue("prepared"), data)
        return
    made = copied(request.getfixturevalue("prepared_on_server"), data)
    name = f"node_{uuid.uuid4().hex[:12]}"
    template = made.environment["HIMAYA_DATABASE_URL"].rpartition("/")[2]
    url = create_database(server, name, like=template)
    yield Node({**made.environment, "HIMAYA_DATABASE_URL": url})
    drop_database(server, name)


@pytest.fixture
def fresh_node(tmp_path: Path) -> Iterator[Node]:
    """A node on which no command was ever run."""
    yield from _made(tmp_path / "node")


@pytest.fixture
def sqlite_node(tmp_path: Path) -> Node:
    """A node on SQLite, whatever the tests run on; no command was ever run on it."""
    environment = environment_of(tmp_path / "node")
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
