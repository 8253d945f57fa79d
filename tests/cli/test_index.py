"""``himaya index``: what lies in the files, written anew, and damage noticed."""

from __future__ import annotations

import json
from hashlib import md5, sha256
from pathlib import Path

import pytest
from tests.cli.conftest import Node

FRAMES = [f"{sha256(b'frame %d' % n).hexdigest()},100,{n}.000" for n in range(4)]
VIDEO = "vpdq," + json.dumps(json.dumps(FRAMES)).replace('\\"', '""')
"""A line of a list."""


def test_the_index_is_written_shown_verified_and_mended(fresh_node: Node, tmp_path: Path) -> None:
    node = fresh_node
    node.run("lists", "create", "hotline")
    assert "nothing to write" in node.run("index", "build").stderr
    path = tmp_path / "list.csv"
    rows = [f"md5,{md5(b'%d' % n).hexdigest()}\npdq,{sha256(b'%d' % n).hexdigest()}" for n in range(300)]
    path.write_text("signal,value\n" + "\n".join([*rows, VIDEO]))
    node.run("lists", "import", "hotline", path)

    shown = {line.split()[0]: line.split()[1:] for line in node.run("index", "show").stdout.splitlines()[1:]}
    there = [shown[signal] for signal in ("md5", "pdq", "vpdq")]
    assert there == [["300", "300"], ["300", "300"], ["4", "4"]], "no files as yet: all was read anew"
    assert "3 files, revision" in node.run("index", "build").stderr
    shown = {line.split()[0]: line.split()[1:] for line in node.run("index", "show").stdout.splitlines()[1:]}
    assert [shown["md5"][0], shown["md5"][-1], shown["pdq"][-1]] == ["300", "0", "0"]
    assert [shown["vpdq"][0], shown["vpdq"][-1]] == ["4", "0"]
    assert "3 files are whole" in node.run("index", "verify").stderr

    file = node.data / "index" / "md5.index"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    said = node.run("index", "verify", status=1).stderr
    assert "damaged and have been put away: 1. " in said
    assert str(file) in said
    assert not file.exists()
    assert "3 files" in node.run("index", "build").stderr
    asked = node.run("screen", f"md5:{md5(b'7').hexdigest()}", "--json", status=1).stdout
    assert '"distance": 0' in asked


@pytest.mark.parametrize("turn", [1, 2])
def test_a_build_that_is_killed_leaves_the_files_that_were_there(node: Node, tmp_path: Path, turn: int) -> None:
    """Killed at the first file, and at the second: of a list of pictures' digests and of a video."""

    def files() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in (node.data / "index").glob("*.index")}

    path = tmp_path / "more.csv"
    path.write_text("signal,value\n" + "\n".join([f"md5,{md5(b'x%d' % n).hexdigest()}" for n in range(300)] + [VIDEO]))
    node.run("lists", "import", "hotline", path)
    node.run("index", "build")
    before = files()
    path.write_text(f"signal,value\nmd5,{md5(b'y%d' % turn).hexdigest()}\n{VIDEO.replace(',0.000', f',0.00{turn}')}\n")
    node.run("lists", "import", "hotline", path)
    node.run("index", "build", status=-9, env={"HIMAYA_FAULT": f"files.replace:kill@{turn}"})
    after = files()
    changed = [name for name in before if after[name] != before[name]]
    assert len(changed) == turn - 1
    node.run("index", "build")
    assert "files are whole" in node.run("index", "verify").stderr
    assert {"md5.index", "vpdq.index"} <= {name for name in before if files()[name] != before[name]}
