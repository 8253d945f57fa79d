"""Nodes with something to lose, on the database of the run, and what a person does with them."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyrage import x25519
from tests.configured import file_route
from tests.nodes import Node, environment_of
from tests.servers import create_database, drop_database

PROJECT = Path(__file__).parents[2]
DO = """
import json, os, sys
from django.db import connection, transaction
from himaya.core.clock import now
from himaya.ledger import outbox, queries, services, worker
from himaya.ledger.models import Job
from himaya.log import queries as log
def say(told): print(json.dumps(told))
{act}
"""
SERVER = os.environ.get("HIMAYA_DATABASE_URL", "")
MakeNode = Callable[..., Node]


def do(node: Node, act: str, **env: str) -> Any:
    """What happens on a node, as the last line of ``act`` says it."""
    told = node.do(DO.format(act=act), cwd=PROJECT, env=env)
    return json.loads(told.splitlines()[-1]) if told else None


def decide(node: Node, first: int, last: int) -> None:
    """Open cases with these numbers and confirm them; reports are the worker's to queue."""
    do(
        node,
        f"""
from django.contrib.auth import get_user_model
from himaya.cases.services import claim, decide
from tests.casework import opened
sam, _ = get_user_model().objects.get_or_create(username="sam", defaults={{"name": "Sam", "role": "reviewer"}})
for number in range({first}, {last}):
    case = opened(number)
    claim(case.pk, person=sam)
    decide(case.pk, person=sam, scheme="interpol", code="baseline", reason="A case of the test.")
""",
    )


def work(node: Node) -> None:
    """All that a worker would do by now."""
    do(node, "worker.run_until_idle()")


def jobs(node: Node) -> dict[str, str]:
    """Key → state."""
    return do(node, "say(dict(Job.objects.values_list('key', 'state')))")  # type: ignore[no-any-return]


def head(node: Node) -> list[Any]:
    """Number and digest of the ledger's last entry."""
    return do(node, "say(queries.head())")  # type: ignore[no-any-return]


def only(folder: Path, pattern: str = "himaya-*") -> Path:
    """The one that there is."""
    (found,) = folder.glob(pattern)
    return found


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with a list and a checkpoint, which others are copies of."""
    environment = environment_of(tmp_path_factory.mktemp("model") / "node")
    name = f"backup_{uuid.uuid4().hex[:12]}"
    if SERVER:
        environment["HIMAYA_DATABASE_URL"] = create_database(SERVER, name)
    node = Node(environment)
    node.run("lists", "create", "hotline")
    node.run("log", "publish")
    yield node
    if SERVER:
        drop_database(SERVER, name)


@pytest.fixture(scope="module")
def make_node(model: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeNode]:
    """``make_node("a")``: a copy of the model. ``make_node("b", empty=True)``: a machine on which nothing was done."""
    made = []

    def make(name: str, *, empty: bool = False) -> Node:
        tmp_path = tmp_path_factory.mktemp(name)
        data, database = tmp_path / name, f"backup_{uuid.uuid4().hex[:12]}"
        environment = {**model.environment, "HIMAYA_DATA": str(data)}
        environment["HIMAYA_REPORTS"] = json.dumps([file_route(tmp_path / f"{name}-reports")])
        environment["HIMAYA_NOTICES"] = "[]"
        if not empty:
            shutil.copytree(model.data, data)
        if SERVER:
            like = "template1" if empty else model.environment["HIMAYA_DATABASE_URL"].rpartition("/")[2]
            environment["HIMAYA_DATABASE_URL"] = create_database(SERVER, database, like=like)
            made.append(database)
        return Node(environment)

    yield make
    for database in made:
        drop_database(SERVER, database)


@pytest.fixture
def node(make_node: MakeNode) -> Node:
    """A node with a list and a checkpoint."""
    return make_node("node")


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Who keeps the keys: a recipient, and the file of the identity."""
    identity, path = x25519.Identity.generate(), tmp_path_factory.mktemp("keeper") / "identity"
    path.write_text(f"# of a test\n{identity}\n")
    return str(identity.to_public()), path
