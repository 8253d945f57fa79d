"""What is counted was made to happen: where nothing ran there is no figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.counting import COUNTS, PROJECT, counted

TWO = """
def test_this_stands():
    pass

def test_this_falls():
    assert False
"""


def test_both_numbers_are_told_and_nothing_that_did_not_run_is_a_figure(tmp_path: Path) -> None:
    path = tmp_path / "test_two.py"
    path.write_text(TWO)
    alone = ["--rootdir", str(tmp_path), "-c", "/dev/null", str(path)]
    assert counted(alone) == (2, 1)
    assert counted([*alone, "-k", "stands"]) == (1, 0)
    with pytest.raises(RuntimeError, match="no test ran of"):
        counted([*alone, "-k", "nothing_is_called_so"])


def test_each_count_names_files_that_are_there_and_each_of_them_gives_a_test() -> None:
    for what, chosen in COUNTS.items():
        paths = [one for one in chosen if one.endswith(".py")]
        words = chosen[chosen.index("-k") + 1].split(" or ") if "-k" in chosen else [""]
        for path in paths:
            tests = [line for line in (PROJECT / path).read_text().splitlines() if line.startswith("def test_")]
            assert any(word in line for line in tests for word in words), f"{what}: nothing of {path}"
