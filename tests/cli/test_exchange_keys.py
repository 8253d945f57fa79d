"""A node changes the key with which it signs what it serves: by commands, with a follower that sees it through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Node, copied
from tests.program import sha256

from himaya.core.repository import bundle

WORDS = "five quiet words by lot"


@pytest.fixture
def hotline(prepared: Node, tmp_path: Path) -> Node:
    """A node on SQLite, with a list that has items."""
    made = copied(prepared, tmp_path / "node")
    made.run("lists", "import", "hotline", "-", "--signal", "sha256", input="\n".join(map(sha256, ("a", "b"))))
    return made


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "words").write_text(WORDS + "\n")
    return tmp_path


def sign_root(node: Node, desk: Path, *words: str, to: str, by: tuple[str, str]) -> bytes:
    """Propose a root, have two sign it, finish it and put it in force."""
    node.run("keys", "new-root", *words, "--to", "proposal", cwd=desk)
    for name in by:
        node.run("keys", "sign", "proposal", "--key", f"{name}.key", "--passphrase-file", "words", cwd=desk)
    node.run("keys", "finish-root", "proposal", "--to", to, cwd=desk)
    node.run("exchange", "root", to, cwd=desk)
    return (desk / to).read_bytes()


def online(key: str) -> list[str]:
    return [word for role in ("targets", "snapshot", "timestamp") for word in (f"--{role}", key)]


def carried(node: Node, desk: Path, *, pinned: bytes) -> tuple[int, int]:
    """The root and the state that a follower without a line finds on the next stick."""
    said = node.run("exchange", "bundle", "hotline", "stick", "--since", "1000000000", cwd=desk).stderr
    assert "no state 1000000000 of hotline is published: the whole list" in " ".join(said.split())
    node.run("exchange", "bundle", "hotline", "stick", cwd=desk)
    with bundle.opened(desk / "stick", directory=desk / "follower", root=pinned) as (follower, *_):
        seen = follower.refresh()
    [held] = seen.offers.values()
    return seen.root, held.sequence


def test_a_further_key_takes_over_with_the_next_root_and_followers_go_along(hotline: Node, desk: Path) -> None:
    for name in ("anna", "ben", "cleo"):
        hotline.run("keys", "make", f"{name}.key", "--passphrase-file", "words", cwd=desk)
    told = hotline.run("exchange", "key", "--to", "node.pub", cwd=desk).stderr
    assert "himaya keys new-root --key … --targets node.pub" in told
    holders = [word for name in ("anna", "ben", "cleo") for word in ("--key", f"{name}.key.pub")]
    assert "no root names this key of the node as yet" in hotline.run("doctor").stdout
    first = sign_root(hotline, desk, *holders, *online("node.pub"), to="root.json", by=("anna", "ben"))
    assert "Exchange: root 1 is in force, good until" in hotline.run("doctor").stdout
    assert carried(hotline, desk, pinned=first)[0] == 1

    told = hotline.run("exchange", "key", "--new", "--to", "node-2.pub", cwd=desk).stderr
    assert "himaya keys new-root --previous root.json --targets node-2.pub" in told
    old, new = (json.loads((desk / name).read_text())["keyid"][:16] for name in ("node.pub", "node-2.pub"))
    assert old != new
    hotline.run("exchange", "key", "--new", "--to", "again.pub", cwd=desk)
    assert (desk / "again.pub").read_bytes() == (desk / "node-2.pub").read_bytes()
    shown = hotline.run("exchange", "show").stdout
    assert f"key {new}: waits" in shown
    assert f"key {old}: signs" in shown
    assert f"no root names this key of the node as yet: {new}" in hotline.run("doctor").stdout

    words = ("--previous", "root.json", *online("node-2.pub"))
    sign_root(hotline, desk, *words, to="root-2.json", by=("ben", "cleo"))
    shown = hotline.run("exchange", "show").stdout
    assert f"key {new}: signs" in shown
    assert f"key {old}: retired" in shown
    assert "root 2, good until" in shown
    hotline.run("lists", "import", "hotline", "-", "--signal", "sha256", input=sha256("c"))
    root, state = carried(hotline, desk, pinned=first)  # whoever pinned the first one is led to the second
    assert root == 2
    hotline.run("lists", "import", "hotline", "-", "--signal", "sha256", input=sha256("d"))
    assert carried(hotline, desk, pinned=first) > (2, state)
    assert "each following from the one before" in hotline.run("ledger", "verify").stderr


def test_a_root_without_this_node_s_key_is_refused(hotline: Node, desk: Path) -> None:
    for name in ("anna", "ben", "other"):
        hotline.run("keys", "make", f"{name}.key", "--passphrase-file", "words", cwd=desk)
    holders = [word for name in ("anna", "ben") for word in ("--key", f"{name}.key.pub")]
    hotline.run("keys", "new-root", *holders, *online("other.key.pub"), "--to", "proposal", cwd=desk)
    for name in ("anna", "ben"):
        hotline.run("keys", "sign", "proposal", "--key", f"{name}.key", "--passphrase-file", "words", cwd=desk)
    hotline.run("keys", "finish-root", "proposal", "--to", "root.json", cwd=desk)
    refused = hotline.run("exchange", "root", "root.json", status=2, cwd=desk).stderr
    assert "it gives targets to other keys than this node's" in refused
    assert not (hotline.data / "repository/1.root.json").exists()
