"""Partners, as an operator keeps them at the terminal."""

from __future__ import annotations

from typing import Any

from tests.cli.conftest import Node, copied


def test_an_operator_does_it_all_by_commands(prepared: Node, tmp_path: Any) -> None:
    node = copied(prepared, tmp_path / "node")
    added = node.run("partners", "add", "platform", "--title", "A platform", "--votes", "--items", "7")
    assert added.stdout.startswith("himaya_")
    assert "himaya partners share platform LIST" in added.stderr
    node.run("partners", "share", "platform", "hotline")
    shown = node.run("partners", "show", "platform").stdout
    assert "hotline" in shown
    assert "by name" in shown
    prefix = added.stdout.split("_")[1]
    assert prefix in shown
    listed = node.run("partners", "list").stdout
    assert "0 of 7" in listed
    assert "never" in listed
    node.run("partners", "unshare", "platform", "hotline")
    assert "hotline" not in node.run("partners", "show", "platform").stdout
    assert node.run("partners", "key", "platform", "--days", "9").stdout.startswith("himaya_")
    node.run("partners", "key", "platform", "--revoke", prefix)
    assert prefix not in node.run("partners", "show", "platform").stdout
    node.run("partners", "end", "platform")
    assert "ended" in node.run("partners", "list").stdout
