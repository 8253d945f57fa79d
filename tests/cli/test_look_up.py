"""``himaya subscriptions look-up``: a source is asked about hashes, deliberately."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.nodes import Node
from tests.plugins.recorded.arachnid import Recorded

ONE, OTHER = Recorded.known
SECRET = {"SOURCE_SECRET_PASSWORD": "Shield pass"}


@pytest.fixture
def source() -> Iterator[Recorded]:
    found = Recorded()
    with found.serving():
        yield found


def follow(node: Node, source: Recorded, name: str, *, to: str) -> None:
    node.run("lists", "create", to)
    options = ("--set", f"address={source.url}", "--set", "user=node", "--private")
    said = node.run("subscriptions", "add", name, "--list", to, "--source", "arachnid", *options, env=SECRET)
    assert "brings no list" in said.stderr


def test_it_is_asked_only_once_somebody_lets_it_be(node: Node, source: Recorded, tmp_path: Path) -> None:
    follow(node, source, "centre", to="asked")
    assert "it is asked about hashes (pdq)" in node.run("subscriptions", "sources", "arachnid").stdout
    refused = node.run("subscriptions", "look-up", "centre", ONE, status=2).stderr
    assert "may not be asked" in refused
    assert "--questions" in refused
    assert "brings no list" in node.run("subscriptions", "run", "centre", status=2).stderr
    assert source.asked == []

    node.run("subscriptions", "set", "centre", "--questions", "--daily", "50")
    assert "Nothing is asked about" in node.run("subscriptions", "look-up", "centre", status=2).stderr
    said = node.run("subscriptions", "look-up", "centre", ONE, Recorded.unknown[0])
    assert f"{ONE}  arachnid-shield csam (exact)  centre, 20" in said.stdout
    assert "1 known to centre of 2 asked about" in said.stderr
    assert "answering" in node.run("subscriptions", "show", "centre").stdout
    assert node.run("lists", "export", "asked").stdout.strip().count("\n") == 0

    hashes, report = tmp_path / "hashes.txt", tmp_path / "answers.csv"
    hashes.write_text(f"# ours\n{ONE}\npdq:{OTHER}\nmd5:{'0' * 32}\nnot a hash\n")
    said = node.run("subscriptions", "look-up", "centre", ONE, OTHER, "--take")
    assert "1 only resemble what the source knows, and are not taken; --near takes them, too" in said.stderr
    assert OTHER not in node.run("lists", "export", "asked").stdout
    said = node.run("subscriptions", "look-up", "centre", "--file", hashes, "--report", report, "--take", "--near")
    assert "2 known to centre of 2 asked about, 2 of them answered before" in said.stderr
    assert "line 4" in said.stderr
    assert "line 5" in said.stderr
    assert "asked: 1 added, 0 changed, 0 taken back" in said.stderr
    rows = list(csv.DictReader(report.read_text().splitlines()))
    assert [(row["value"], row["code"], row["organisation"]) for row in rows] == [
        (ONE, "csam", "centre"),
        (OTHER, "harmful-abusive-material", "centre"),
    ]
    assert OTHER in node.run("lists", "export", "asked").stdout
    assert len(source.asked) == 2


def test_a_day_has_its_limit_and_what_the_source_does_not_take_is_told(node: Node, source: Recorded) -> None:
    follow(node, source, "limited", to="little")
    node.run("subscriptions", "set", "limited", "--questions", "--daily", "1")
    said = node.run("subscriptions", "look-up", "limited", ONE, OTHER, status=2)
    assert ONE in said.stdout
    assert "asked about 1 hashes today" in said.stderr
    said = node.run("subscriptions", "look-up", "limited", ONE, "--signal", "md5", status=2)
    assert "it takes: pdq" in said.stderr
    assert len(source.asked) == 1
