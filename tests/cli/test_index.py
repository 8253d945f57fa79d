"""``himaya index``: what lies in the files, written anew, and damage noticed."""

from __future__ import annotations

from hashlib import md5, sha256
from pathlib import Path

from tests.cli.conftest import Node


def test_the_index_is_written_shown_verified_and_mended(fresh_node: Node, tmp_path: Path) -> None:
    node = fresh_node
    node.run("lists", "create", "hotline")
    assert "nothing to write" in node.run("index", "build").stderr
    path = tmp_path / "list.csv"
    rows = [f"md5,{md5(b'%d' % n).hexdigest()}\npdq,{sha256(b'%d' % n).hexdigest()}" for n in range(300)]
    path.write_text("signal,value\n" + "\n".join(rows))
    node.run("lists", "import", "hotline", path)

    shown = {line.split()[0]: line.split()[1:] for line in node.run("index", "show").stdout.splitlines()[1:]}
    assert (shown["md5"], shown["pdq"]) == (["300", "300"], ["300", "300"]), "no files as yet: all was read anew"
    assert "2 files, revision" in node.run("index", "build").stderr
    shown = {line.split()[0]: line.split()[1:] for line in node.run("index", "show").stdout.splitlines()[1:]}
    assert [shown["md5"][0], shown["md5"][-1], shown["pdq"][-1]] == ["300", "0", "0"]
    assert "2 files are whole" in node.run("index", "verify").stderr

    file = node.data / "index" / "md5.index"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    said = node.run("index", "verify", status=1).stderr
    assert "1 files of the search index were damaged" in said
    assert not file.exists()
    assert "2 files" in node.run("index", "build").stderr
    asked = node.run("screen", f"md5:{md5(b'7').hexdigest()}", "--json", status=1).stdout
    assert '"distance": 0' in asked


def test_a_build_that_is_killed_leaves_the_files_that_were_there(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "more.csv"
    path.write_text("signal,value\n" + "\n".join(f"md5,{md5(b'x%d' % n).hexdigest()}" for n in range(300)))
    node.run("lists", "import", "hotline", path)
    node.run("index", "build")
    before = (node.data / "index" / "md5.index").read_bytes()
    path.write_text(f"signal,value\nmd5,{md5(b'y').hexdigest()}\n")
    node.run("lists", "import", "hotline", path)
    node.run("index", "build", status=-9, env={"HIMAYA_FAULT": "files.replace:kill@1"})
    assert (node.data / "index" / "md5.index").read_bytes() == before
    node.run("index", "build")
    assert "files are whole" in node.run("index", "verify").stderr
    assert (node.data / "index" / "md5.index").read_bytes() != before
