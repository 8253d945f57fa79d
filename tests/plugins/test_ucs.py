"""The operator's own copy of UCS. Codes and labels here are invented: the real ones are not public."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from himaya.core import registry
from himaya.core.ports import Facets
from himaya.core.terms.grid import cells
from himaya.core.terms.relations import converted
from himaya.plugins.schemes.ucs import PLUGIN, BadUCSFile, read

HIMAYA = Path(sys.executable).with_name("himaya")
HEAD = "code,label,definition,age,act,origin,legality\n"
FINE = (
    HEAD + 'x-1,First,"The first class, of this test.",infant prepub,penetr,photographic,baseline\n'
    "\n"
    "x-2,Second,Without a place in the grid.,,,,\n"
)


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "ucs.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_without_a_file_there_is_no_such_scheme() -> None:
    assert PLUGIN is None
    assert "ucs" not in registry.schemes()


def test_the_classes_are_those_of_the_file(tmp_path: Path) -> None:
    found = read(written(tmp_path, b"\xef\xbb\xbf" + FINE.encode()))
    first, second = found.codes
    assert (first.code, first.label, first.definition) == ("x-1", "First", "The first class, of this test.")
    assert first.facets == Facets(
        frozenset({"infant", "prepub"}), frozenset({"penetr"}), frozenset({"photographic"}), "baseline"
    )
    assert (first.confirms, second.confirms, second.facets) == (True, False, Facets())
    assert found.version.startswith("the operator's copy, SHA-256 ")
    assert converted("ucs", first, registry.scheme("interpol")).code == "baseline"


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        ("code,label\n", 1, "the first line is not code,label,definition,age,act,origin,legality"),
        (HEAD, 1, "it has no classes"),
        (HEAD + "x,Label,Words.,,,\n", 2, "it has 6 fields, and 7 are needed"),
        (FINE + "x-1,Again,Words.,,,,\n", 5, "the code 'x-1' is there already"),
        (HEAD + "\nx,Label,Words.,teen,,,\n", 3, "'teen' is none of infant, prepub, pub"),
        (HEAD + "x,Label,Words.,,,,forbidden\n", 2, "legality is 'forbidden'"),
        (HEAD + "x,,Words.,,,,\n", 2, "label is empty"),
        (HEAD + f"{'x' * 41},Label,Words.,,,,\n", 2, "code has more than 40 characters"),
        (HEAD + "x,La\u202ebel,Words.,,,,\n", 2, "label has a character that cannot be shown"),
        (HEAD + 'x,"Label,Words.,,,,\n', 2, "unexpected end of data"),
        ((HEAD + "x,Label,").encode() + b"\xff.,,,,\n", 2, "it is not UTF-8"),
        (HEAD + "x" * 2**20, 0, "it is larger than 1,048,576 bytes"),
    ],
)
def test_what_cannot_stand_is_refused_with_its_line(tmp_path: Path, content: str | bytes, line: int, why: str) -> None:
    with pytest.raises(BadUCSFile, match=(rf"ucs\.csv, line {line}: .*" if line else r"ucs\.csv: .*") + why):
        read(written(tmp_path, content))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadUCSFile, match=r"none\.csv: No such file"):
        read(tmp_path / "none.csv")


def test_the_example_of_the_documentation_is_such_a_file(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/terms.md").read_text("utf-8")
    found = read(written(tmp_path, page.partition("```csv\n")[2].partition("```")[0]))
    assert [(code.code, code.confirms, bool(cells(code.facets))) for code in found.codes] == [
        ("x-1", True, True), ("x-2", False, False),
    ]  # fmt: skip


def test_a_node_that_names_a_file_has_the_scheme_and_says_what_is_wrong_with_one(tmp_path: Path) -> None:
    def told(content: str) -> subprocess.CompletedProcess[str]:
        written(tmp_path, content)
        command = [str(HIMAYA), "terms", "convert", "ucs", "x-1", "--to", "interpol"]
        environment = {**os.environ, "HIMAYA_DATA": str(tmp_path), "HIMAYA_UCS_FILE": "ucs.csv"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert "baseline" in told(FINE).stdout
    wrong = told(HEAD + "x-1,,Words.,,,,\n")
    assert wrong.returncode == 2
    assert f"read from {tmp_path / 'ucs.csv'}, line 2: label is empty" in " ".join(wrong.stderr.split())
