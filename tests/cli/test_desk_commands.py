"""The legal desk at the console of one machine: a demand comes, is checked, accepted, answered, refused."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyrage
from tests.cli.conftest import Node, copied, open_cases

CAME = (
    "desk", "receive", "--as", "lead1", "--authority", "The district court", "--country", "LU", "--channel", "portal",
    "--scope", "case H-2026-000012",
)  # fmt: skip
PRESERVE = (
    *CAME, "--kind", "preservation", "--instrument", "18 USC 2703(f)", "--limit", "us-2703-f-preserve",
)  # fmt: skip
AS = ("--as", "lead1")
RULE = (
    "evidence", "rule", "set", "us", "--limit", "us-2258a-h-preserve", "--for", "received", "--for", "demand",
)  # fmt: skip


def ready(prepared: Node, tmp_path: Path) -> Node:
    node = copied(prepared, tmp_path / "node")
    node.run("users", "add", "lead1", "--role", "lead")
    node.run(*RULE)
    open_cases(node, 12)
    return node


def told(node: Node, *args: str) -> Any:
    return json.loads(node.run("desk", *args, "--json").stdout)


def console(node: Node) -> list[str]:
    """What was done at the console, as the ledger has it."""
    with closing(sqlite3.connect(Path(node.data) / "himaya.sqlite3")) as database:
        rows = database.execute("SELECT content FROM ledger_entry WHERE act = 'desk.console' ORDER BY seq").fetchall()
    found = [json.loads(row[0]) for row in rows]
    assert {one["person"] for one in found} == {"person:2"}
    return [one["step"] for one in found]


def verified(node: Node, number: str) -> None:
    for item in told(node, "show", number)["not_confirmed"]:
        node.run("desk", "do", number, "check", *AS, "--set", f"item={item}", "--set", "said=seen=so")
    node.run("desk", "do", number, "verify", *AS)


def add(node: Node, tmp_path: Path, name: str) -> str:
    file = tmp_path / name
    file.write_text(f"a neutral text {name}")
    made = node.run("evidence", "add", str(file), "--label", "a file", "--case", "12", "--json")
    reference: str = json.loads(made.stdout)["reference"]
    return reference


def test_a_demand_to_preserve_is_worked_at_the_console_and_holds_what_is_there_and_what_comes(
    prepared: Node, tmp_path: Path
) -> None:
    node = ready(prepared, tmp_path)
    first = add(node, tmp_path, "one")
    demand = json.loads(node.run(*PRESERVE, "--json").stdout)
    number = demand["reference"]
    assert (demand["state"], demand["scope"]) == ("received", "cases: H-2026-000012")
    assert "nobody has confirmed this" in node.run("desk", "do", number, "verify", *AS, status=2).stderr
    verified(node, number)
    assert set(told(node, "show", number)["acts"]) >= {"accept", "part", "refuse", "withdraw"}
    said = node.run("desk", "accept", number, *AS, "--why", "it is as it must be").stderr
    assert f"{number}: accept; it is accepted" in said
    assert "Next: himaya desk answer 1 --as lead1 --why '…'" in said
    second = add(node, tmp_path, "two")
    assert told(node, "show", number)["holds"] == [first, second]
    assert "late" not in node.run("desk", "list").stdout
    assert number in node.run("desk", "due").stdout
    assert {one["what"] for one in told(node, "due")} == {"answer", "preserve"}
    node.run("desk", "answer", number, *AS, "--why", "two files are preserved; told by the portal")
    assert told(node, "list") == []
    (one,) = told(node, "list", "--all")
    assert (one["reference"], one["state"]) == (number, "answered")
    assert told(node, "numbers")["kinds"] == {"preservation": "<5"}
    node.run("desk", "do", number, "release", *AS, "--set", "ground=took-back", "--set", "why=their letter")
    shown = node.run("desk", "show", number).stdout
    assert "took-back, says lead1; waits for another lead" in " ".join(shown.split())
    assert "another lead than lead1 confirms that it is released" in " ".join(shown.split())
    assert "False" not in shown
    assert "withdraw" not in shown
    assert first in shown
    assert console(node) == ["receive", "verify", *["check"] * 4, "verify", "accept", "preserved", "release"]


def test_what_cannot_be_done_is_said_field_by_field_and_nothing_is_done(prepared: Node, tmp_path: Path) -> None:
    node = ready(prepared, tmp_path)
    node.run("users", "add", "reviewer1", "--role", "reviewer")
    assert "country" in node.run(*PRESERVE, "--country", "XX", status=2).stderr
    assert "(one of: preservation, production," in node.run(*PRESERVE, "--kind", "keep", status=2).stderr
    assert "received_at" in node.run(*PRESERVE, "--received", "yesterday", status=2).stderr
    assert "nobody of the name" in node.run(*PRESERVE, "--as", "nobody", status=2).stderr
    assert "does not allow" in node.run(*PRESERVE, "--as", "reviewer1", status=2).stderr
    assert told(node, "list", "--all") == []
    node.run(*PRESERVE)
    assert "no act" in node.run("desk", "do", "1", "dance", *AS, status=2).stderr
    assert "needs no 'more'" in node.run("desk", "do", "1", "close", *AS, "--set", "more=x", status=2).stderr
    assert "ground" in node.run("desk", "refuse", "1", *AS, "--ground", "no", "--why", "no", status=2).stderr
    assert "nobody has confirmed" in node.run("desk", "accept", "1", *AS, "--why", "so", status=2).stderr
    assert "is no demand" in node.run("desk", "show", "X-1", status=2).stderr
    node.run("desk", "refuse", "1", *AS, "--ground", "not-competent", "--why", "another court is")
    assert told(node, "show", "1")["state"] == "refused"


def test_a_demand_to_hand_over_is_prepared_and_does_not_leave_unapproved(prepared: Node, tmp_path: Path) -> None:
    node = ready(prepared, tmp_path)
    one = add(node, tmp_path, "one")
    made = node.run(*CAME, "--kind", "production", "--instrument", "An order", "--json").stdout
    number = json.loads(made)["reference"]
    verified(node, number)
    node.run("desk", "accept", number, *AS, "--why", "it is", "--part", "case H-2026-000012", "--ground", "too-broad")
    assert told(node, "show", number)["state"] == "partly accepted"
    key = str(pyrage.x25519.Identity.generate().to_public())
    assert "key" in node.run("desk", "answer", number, *AS, "--to", "The court", "--key", "age1x", status=2).stderr
    node.run("desk", "answer", number, *AS, "--to", "The court", "--key", key)
    (answer,) = told(node, "show", number)["answers"]
    shown = node.run("desk", "show", number).stdout
    assert f"Next: another lead than lead1 lets answer {answer['id']} leave" in shown
    assert "notice (undecided, planned, given, withheld)" in shown
    assert (answer["recipient"], answer["state"]) == ("The court", "prepared")
    file = tmp_path / "answer.zip"
    assert "cannot be handed over" in node.run("desk", "give", str(answer["id"]), str(file), *AS, status=2).stderr
    assert not file.exists()
    assert one in told(node, "show", number)["holds"]
