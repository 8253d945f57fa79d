"""Custodians at the terminal: named, a rule that guards, parts that are taken, opened where the key is, and brought."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Node, copied

from himaya.core.vault.recipients import Identity

RULE = (
    "evidence", "rule", "set", "highest", "--unlisted", "--instrument", "A law", "--jurisdiction", "LU", "--basis",
    "legal-obligation", "--for", "received", "--minimum", "90 days", "--class", "guarded",
)  # fmt: skip


def test_three_are_named_and_two_bring_their_parts(prepared: Node, tmp_path: Path) -> None:
    node = copied(prepared, tmp_path / "node")
    assert "needs 3 custodians, and there are 0" in node.run(*RULE, status=2).stderr
    custodians = ("evidence", "custodians")
    assert "no account nobody" in node.run(*custodians, "add", "nobody", "--key", "age1x", status=2).stderr
    keys = {}
    for name in ("ann", "ben", "cat"):
        node.run("users", "add", name, "--role", "auditor")
        own = Identity.new()
        keys[name] = tmp_path / f"{name}.txt"
        keys[name].write_text(own.text())
        node.run(*custodians, "add", name, "--key", str(own.recipient))
    assert "one already" in node.run(*custodians, "add", "ann", "--key", str(Identity.new().recipient), status=2).stderr
    node.run(*RULE)
    file = tmp_path / "received.bin"
    for text in ("a neutral text", "another one"):
        file.write_text(text)
        kept = json.loads(node.run("evidence", "add", str(file), "--label", "a file", "--json").stdout)
        assert kept["kept_class"] == "guarded"

    assert "ann is a custodian no more" in node.run(*custodians, "end", "ann", "--reason", "left").stderr
    assert "no custodian" in node.run(*custodians, "end", "ann", "--reason", "left", status=2).stderr
    told = json.loads(node.run(*custodians, "list", "--all", "--json").stdout)
    assert ([one["acts"] for one in told["custodians"]], told["thin"], told["lost"]) == ([False, True, True], 2, 0)
    assert "2 exhibits with fewer than three" in node.run(*custodians, "list").stderr
    assert "there are 2 custodians" in node.run("doctor", status=1).stdout
    node.run("users", "add", "dan", "--role", "lead")
    own = Identity.new()
    node.run(*custodians, "add", "dan", "--key", str(own.recipient))

    assert "renewal:1" in node.run("evidence", "share", "anew", "dan").stderr
    for name in ("ben", "cat"):
        taken, parts = tmp_path / f"{name}.zip", tmp_path / f"{name}.parts"
        node.run("evidence", "share", "take", "renewal:1", name, "--to", str(taken))
        again = node.run("evidence", "share", "take", "renewal:1", name, "--to", str(taken), status=2).stderr
        assert f"{taken} is there already" in again
        assert "Name another file" in again
        other = keys["ben" if name == "cat" else "cat"]
        assert (
            "none of its recipients"
            in node.run("evidence", "share", "open", str(taken), "--key", str(other), status=2).stderr
        )
        parts.write_text(node.run("evidence", "share", "open", str(taken), "--key", str(keys[name])).stdout)
        assert parts.read_text().count("himaya-share-1-") == 2
        node.run("evidence", "share", "bring", "renewal:1", str(parts))
    assert json.loads(node.run(*custodians, "list", "--json").stdout)["thin"] == 0
    refused = node.run("evidence", "share", "bring", "renewal:1", str(parts), status=2)
    assert "it is done" in refused.stderr
    assert "nothing named access:9" in node.run("evidence", "share", "bring", "access:9", str(parts), status=2).stderr
