"""Witnesses are added and removed on the page of the log, by whoever runs the node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from tests.log.conftest import OtherNode
from tests.sources import Answer

from himaya.ledger import queries as ledger
from himaya.log import queries, rounds

pytestmark = pytest.mark.django_db
Add = Callable[[int], range]
SignIn = Callable[[str], Client]


@pytest.fixture
def node() -> Iterator[tuple[OtherNode, dict[str, Any]]]:
    """Another node, and what its operator told us of it."""
    other = OtherNode("north")
    with other.serving() as address:
        yield other, {"name": "north", "key": str(other.key.verifier), "address": address, "private": "on"}


def posted(client: Client, form: dict[str, Any], to: str = "witnesses") -> tuple[int, str]:
    answer = client.post(f"/log/{to}", form, follow=True)
    return answer.status_code, answer.content.decode()


def test_a_witness_that_is_added_on_the_page_cosigns_the_next_checkpoint_and_is_removed_there(
    add: Add, sign_in: SignIn, node: tuple[OtherNode, dict[str, Any]]
) -> None:
    add(3)
    admin, (other, form) = sign_in("admin"), node
    other.says = Answer("no checkpoint\n", 400)  # as every witness answers what is none
    status, page = posted(admin, form)
    assert status == 200
    assert "north is asked from the next checkpoint on" in page
    assert "Nobody takes checkpoints" not in page
    other.says = None
    made, silent = rounds.publish_with_witnesses()
    assert (silent, list(queries.standing(made).cosigned)) == ({}, ["north"])
    status, page = posted(admin, {"name": "north"}, "witnesses/remove")
    assert "north is not asked any more" in page
    assert not queries.witnesses().exists()
    acts = [entry.act for entry in ledger.entries(about="log")]
    assert {"log.witness-added", "log.witness-removed"} <= set(acts)


def test_what_does_not_answer_as_a_witness_is_told_at_once(
    add: Add, sign_in: SignIn, node: tuple[OtherNode, dict[str, Any]]
) -> None:
    add(1)
    other, form = node
    other.says = Answer("<!doctype html>", 404, {"Content-Type": "text/html"})
    _, page = posted(sign_in("admin"), form)
    assert "it answers 404, and not as a witness does" in page
    assert queries.witnesses().exists()  # it may be right all the same


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"key": "no key"}, "is no verifier key of a witness"), ({"address": "https://"}, "name a host"),
        ({"private": ""}, "is not encrypted"), ({"name": ""}, "This field is required"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_the_form_and_what_was_typed_stays(
    add: Add, sign_in: SignIn, node: tuple[OtherNode, dict[str, Any]], wrong: dict[str, str], said: str
) -> None:
    add(1)
    form = {**node[1], **wrong}
    status, page = posted(sign_in("admin"), form)
    assert status == 422
    assert said in page
    assert f'value="{form["address"]}"' in page
    assert not queries.witnesses().exists()


def test_who_is_no_witness_cannot_be_removed(add: Add, sign_in: SignIn) -> None:
    add(1)
    assert "There is no witness nobody." in posted(sign_in("admin"), {"name": "nobody"}, "witnesses/remove")[1]


@pytest.mark.parametrize("role", ["lead", "auditor"])
def test_whoever_does_not_run_the_node_sees_no_form(
    add: Add, sign_in: SignIn, other_node: Callable[[str], OtherNode], role: str
) -> None:
    other_node("north")
    page = sign_in(role).get("/log/").content.decode()
    assert "north" in page
    assert "/log/witnesses" not in page
