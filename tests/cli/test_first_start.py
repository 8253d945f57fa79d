"""The first start: files and their rights, repeated, in parallel, misplaced."""

from __future__ import annotations

import json
import stat

from tests.cli.conftest import Node


def mode(path: object) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))  # type: ignore[attr-defined]


def test_init_prepares_everything_for_its_owner_alone_and_can_be_repeated(fresh_node: Node) -> None:
    first = fresh_node.run("init", umask=0)
    assert "himaya users add" in first.stdout
    files = {path.name: path for path in fresh_node.data.iterdir()}
    assert {"himaya.toml", "secrets.json"} <= set(files)
    assert mode(fresh_node.data) == "0o700"
    assert {mode(path) for path in files.values() if path.is_file()} == {"0o600"}
    kept = {name: path.read_bytes() for name, path in files.items() if name in ("himaya.toml", "secrets.json")}
    files["himaya.toml"].write_text('node_name = "Mine"\n')
    again = fresh_node.run("init")
    assert "was there, untouched" in again.stderr
    assert files["himaya.toml"].read_text() == 'node_name = "Mine"\n'
    assert files["secrets.json"].read_bytes() == kept["secrets.json"]


def test_eight_processes_that_start_at_once_end_up_with_one_key_and_one_database(fresh_node: Node) -> None:
    running = [fresh_node.begin("lists", "create", f"list-{n}") for n in range(8)]
    for one in running:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said
    assert [path.name for path in fresh_node.data.glob("*secrets*")] == ["secrets.json"]
    assert len(json.loads((fresh_node.data / "secrets.json").read_text())["secret_key"]) > 60
    assert fresh_node.counts().count("list-") == 16  # name and title
    assert "8 entries" in fresh_node.run("ledger", "verify").stderr


def test_a_data_directory_that_is_a_file_is_named(fresh_node: Node) -> None:
    fresh_node.data.write_text("mine")
    ran = fresh_node.run("lists", "show", status=3)
    assert str(fresh_node.data) in ran.stderr
    assert "HIMAYA_DATA" in ran.stderr
    assert fresh_node.data.read_text() == "mine"
