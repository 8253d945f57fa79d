"""``himaya lists change`` and ``proposals``: the terms of a list, and what a common one asks for."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tests.cli.conftest import Node


def test_the_terms_of_a_list_are_changed_shown_and_proposed_where_it_is_common(
    fresh_node: Node, tmp_path: Path
) -> None:
    node, path = fresh_node, tmp_path / "list.csv"
    path.write_text("signal,value\n" + "\n".join(f"sha256,{sha256(b'%d' % n).hexdigest()}" for n in range(30)))
    node.run("lists", "create", "hotline")
    node.run("lists", "import", "hotline", path)
    said = node.run("lists", "change", "hotline", "--organisations", "2", "--tlp", "green").stderr
    assert "list hotline" in said
    shown = node.run("lists", "show").stdout.splitlines()[1].split()
    assert shown[2:7] == ["0", "0", "30", "0", "0"]
    assert "needs 2 organisations" in node.run("lists", "show", "hotline").stdout
    assert "TLP:GREEN" in node.run("lists", "show", "hotline").stdout
    assert "Nothing is named" in node.run("lists", "change", "hotline", status=2).stderr
    assert "must be 1 to 9" in node.run("lists", "change", "hotline", "--disputes", "10", status=2).stderr

    assert node.run("lists", "proposals").stdout.strip() == "No proposal waits."
    node.run("lists", "change", "hotline", "--common")
    said = node.run("lists", "change", "hotline", "--organisations", "1").stderr
    assert "proposal 1: hotline is a common list" in said
    assert "/lists/proposals/1" in said
    said = node.run("lists", "import", "hotline", path).stderr
    assert "proposal 2" in said
    with path.open("rb") as stdin:
        assert "proposal 3" in node.run("lists", "import", "hotline", "-", "--format", "csv", stdin=stdin).stderr
    rows = [line.split()[:3] for line in node.run("lists", "proposals").stdout.splitlines()[1:]]
    assert rows == [["3", "hotline", "import"], ["2", "hotline", "import"], ["1", "hotline", "change"]]
    shown = node.run("lists", "show").stdout.splitlines()[1].split()
    assert shown[2:7] == ["0", "0", "30", "0", "0"]


def test_what_a_pipe_gives_cannot_be_kept_for_a_second_person(fresh_node: Node) -> None:
    node = fresh_node
    node.run("lists", "create", "hotline")
    node.run("lists", "change", "hotline", "--common")
    text = f"signal,value\nsha256,{sha256(b'1').hexdigest()}\n"
    said = node.run("lists", "import", "hotline", "-", "--format", "csv", status=2, input=text).stderr
    assert "cannot be read again" in said
    assert "Write it to a file" in said
