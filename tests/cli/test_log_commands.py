"""The log as its operator, a partner and an auditor use it: two nodes that witness one another, over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.conftest import Node, copied
from tests.cli.test_demo_and_serve import answers, until
from tests.configured import free_port

ADD = """
import sys, django; django.setup()
from django.db import transaction
from himaya.log.events import Event
from himaya.log.services import append
first, number = map(int, sys.argv[1:])
with transaction.atomic():
    append(Event("test", f"item:{n}", n, b'{"n":%d}' % n) for n in range(first, first + number))
"""


def add(node: Node, first: int, number: int) -> None:
    """Log events that nobody keeps, as another room would."""
    environment = {**node.environment, "DJANGO_SETTINGS_MODULE": "himaya.site.settings"}
    subprocess.run([sys.executable, "-c", ADD, str(first), str(number)], env=environment, check=True, timeout=60)


@contextmanager
def served(node: Node) -> Iterator[str]:
    """Inside the block the node is served, without a worker; the address of its log."""
    port = free_port()
    running = node.begin("serve", "--no-worker", "--port", port)
    try:
        until(lambda: answers(port), running)
        yield f"http://127.0.0.1:{port}/log/v1"
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()


def keys(node: Node) -> tuple[str, str]:
    """The key of its log, and its key as a witness."""
    lines = [line.split() for line in node.run("log", "show").stdout.splitlines()]
    return lines[0][1], lines[1][2]


@pytest.fixture
def pair(prepared: Node, tmp_path: Path) -> tuple[Node, Node]:
    """Two nodes that do not know one another yet."""
    return copied(prepared, tmp_path / "one"), copied(prepared, tmp_path / "two")


def test_two_nodes_witness_one_another_and_a_stranger_checks_a_proof_offline(
    prepared: Node, tmp_path: Path, sqlite_node: Node
) -> None:
    """The whole way: keys exchanged, checkpoints cosigned, a proof taken away, a backup restored, an alarm."""
    one, two = (Node({**prepared.environment, "HIMAYA_DATA": str(tmp_path / name)}) for name in ("one", "two"))
    for node in (one, two):
        node.environment["HIMAYA_LOG_QUORUM"] = "1"
        node.run("lists", "create", "hotline")
        node.run("keys", "add", "partner", "--scope", "screen")
    with served(one) as at_one, served(two) as at_two:
        for node, other, address in ((one, two, at_two), (two, one, at_one)):
            told = other.run("log", "watch", keys(node)[0]).stdout.strip()
            assert told == keys(other)[1]
            node.run("log", "witness", "add", "peer", "--key", told, "--address", address, "--private")
        for node in (one, two):
            assert "cosigned by 1, of 1 needed" in node.run("log", "publish").stderr
        key, witness = keys(one)[0], keys(two)[1]
        assert urllib.request.urlopen(f"{at_one}/checkpoint").read().decode().count("— ") == 2
        proof = tmp_path / "proof.json"
        one.run("log", "prove", "0", "--to", proof)
        for offline in (
            {"HIMAYA_DATA": str(tmp_path / "nowhere")},
            {"HIMAYA_DATABASE_URL": "postgresql://x@nowhere/x"},
        ):
            command = ("log", "verify", proof, "--key", key, "--key", witness, "--witnesses", 1)
            said = sqlite_node.run(*command, env=offline)
            assert "it is leaf 0 of the" in said.stderr
            assert f"cosigned by {witness.partition('+')[0]}" in said.stderr
            assert json.loads(said.stdout)["kind"] == "act"
        assert not (tmp_path / "nowhere").exists()
        two.run("log", "verify", proof)
        assert "No key is known here" in sqlite_node.run("log", "verify", proof, status=1).stderr
        assert "signed by no key" in sqlite_node.run("log", "verify", proof, "--key", witness, status=1).stderr
        assert "0 of the 1 witnesses" in sqlite_node.run(
            "log", "verify", proof, "--key", key, "--witnesses", 1, status=1
        ).stderr  # fmt: skip
        told = json.loads(proof.read_text())
        proof.write_text(json.dumps({**told, "index": told["index"] + 1}))
        assert "proves nothing" in sqlite_node.run("log", "verify", proof, "--key", key, status=1).stderr

        backup = copied(one, tmp_path / "backup")
        one.run("keys", "add", "second", "--scope", "screen")
        one.run("log", "publish")
    restored = backup
    with served(two) as at_two:
        restored.run("log", "witness", "remove", "peer")
        restored.run("log", "witness", "add", "again", "--key", witness, "--address", at_two, "--private")
        restored.run("keys", "add", "other", "--scope", "screen")
        said = restored.run("log", "publish", status=1).stderr
        assert "a witness has seen more of this log than this node knows" in said
        assert "alarm 1" in restored.run("log", "show").stdout
        assert "409" in restored.run("log", "alarms").stdout
        assert "Log: alarm 1" in restored.run("doctor", status=1).stdout
        restored.run("log", "alarms", "--settle", 1, "--reason", "the disk was lost")
        assert "set back" in restored.run("log", "publish", status=1).stderr, "the witness still knows better"
        restored.run("log", "begin-again", "--reason", "the disk was lost")
        two.run("log", "watch", keys(restored)[0])
        assert "cosigned by 1, of 1" in restored.run("log", "publish").stderr
        assert restored.run("log", "verify", "--reveal").stderr


def test_the_log_is_walked_and_written_as_static_files(
    pair: tuple[Node, Node], tmp_path: Path, sqlite_node: Node
) -> None:
    node = pair[0]
    assert "no checkpoint" in sqlite_node.run("log", "tiles", tmp_path / "www", status=2).stderr
    add(node, 0, 600)
    assert "below the quorum" in node.run("log", "publish").stderr
    assert ", 1 checkpoint." in node.run("log", "verify").stderr
    node.run("log", "tiles", tmp_path / "www")
    before = {path: path.read_bytes() for path in (tmp_path / "www" / "tile").rglob("*") if path.is_file()}
    assert len(before[tmp_path / "www" / "tile" / "0" / "000"]) == 256 * 32
    add(node, 600, 10)
    node.run("log", "publish")
    assert "new tile" in node.run("log", "tiles", tmp_path / "www").stderr
    assert all(path.read_bytes() == content for path, content in before.items())
    assert (tmp_path / "www" / "checkpoint").read_text().split("\n")[0] in node.run("log", "show").stdout
    refused = node.run("log", "prove", "5", status=2).stderr
    assert "leaf 5 commits to" in refused
    assert "is not in the log" in node.run("log", "prove", "item:9999", status=2).stderr
    assert "has no leaf 99999" in node.run("log", "prove", "99999", status=2).stderr


def test_an_audit_from_its_announcement_to_its_rate(pair: tuple[Node, Node], tmp_path: Path) -> None:
    node = pair[0]
    for name in ("a", "b", "c", "d"):
        node.run("keys", "add", name, "--scope", "screen")
    node.run("log", "publish")
    node.run("log", "audit", "start", "--size", 4, "--by", "Ombudsman")
    assert "not drawn yet" in node.run("log", "audit", "sample", 1, status=2).stderr
    node.run("log", "publish")
    listed = node.run("log", "audit", "sample", 1, "--csv").stdout
    assert len(listed.splitlines()) == 5
    judged = tmp_path / "judged.csv"
    rows = [line.partition(",")[0] for line in listed.splitlines()[1:]]
    judged.write_text("index,verdict\n" + "".join(f"{row},agrees\n" for row in rows[:3]) + f"{rows[3]},maybe\n")
    assert "Line 5" in node.run("log", "audit", "result", 1, judged, status=2).stderr
    judged.write_text(judged.read_text().replace("maybe", "Disagrees"))
    assert "1 of 4 wrong: 25.00%" in node.run("log", "audit", "result", 1, judged).stderr
    assert "concluded before" in node.run("log", "audit", "result", 1, judged, status=2).stderr
