"""Scans and questions in processes of their own: without the rights of root, and beside somebody who changes a list."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from tests.crash.conftest import Node

from himaya.screening.fingerprinting import NO_PERMISSION

PDQ = "5a" * 32


def test_what_may_not_be_read_is_counted_as_that(node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "closed").mkdir(parents=True)
    (folder / "closed" / "never-seen").write_text("x")
    for name in ("known", "other", "secret"):
        (folder / name).write_text(name)
    (folder / "secret").chmod(0)
    (folder / "closed").chmod(0)
    known = hashlib.sha256(b"known").hexdigest()
    node.run("import_list", rows=f"signal,value\nsha256,{known}\n")
    try:
        done = node.run("scan_folder", folder=str(folder), without_rights=True)
    finally:
        (folder / "closed").chmod(0o700)
    assert (done["files"], done["hits"], done["skipped"]) == (2, 1, {NO_PERMISSION: 2})
    assert node.run("check", idle=False) == []


def test_an_index_in_one_process_follows_what_another_one_changes(node: Node) -> None:
    other = f"{int(PDQ, 16) ^ 7:064x}"
    told = node.home / "told"
    told.touch()
    watcher = node.start("watch", value=PDQ, told=str(told), changes=3)

    def wait_for(lines: list[str]) -> None:
        end = time.monotonic() + 30
        while told.read_text().splitlines() != lines:
            assert watcher.is_alive() or told.read_text().splitlines() == lines, node.log(watcher)
            assert time.monotonic() < end, told.read_text()
            time.sleep(0.02)

    wait_for(["[]"])
    node.run("import_list", rows=f"signal,value\npdq,{other}\n")
    wait_for(["[]", "[3]"])
    node.run("withdraw", value=other)
    wait_for(["[]", "[3]", "[]"])
    node.end(watcher)
