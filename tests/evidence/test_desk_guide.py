"""docs/desk.md names every choice of the desk, and what each kind of demand needs, as the program has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from himaya.evidence.demands import lists, scope

GUIDE = (Path(__file__).parents[2] / "docs" / "desk.md").read_text()
NAMED = set(re.findall(r"`([a-z0-9-]+)`", GUIDE))


@pytest.mark.parametrize(
    "choices",
    [
        lists.KINDS, lists.CHANNELS, lists.GROUNDS, lists.CHECKS, lists.NOTICES, lists.WITHHOLDING, lists.RELEASES,
        lists.OUTCOMES, scope.KINDS,
    ],
)  # fmt: skip
def test_every_choice_is_named(choices: dict[str, str]) -> None:
    assert set(choices) <= NAMED


def test_the_checklist_of_each_kind_is_the_programs() -> None:
    kinds = list(lists.KINDS)
    rows = re.findall(r"^\| `([a-z-]+)`: [^|]+\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", GUIDE, re.MULTILINE)
    found = {item: dict(zip(kinds, map(str.strip, cells), strict=True)) for item, *cells in rows}
    for item in lists.CHECKS:
        for kind in kinds:
            later = item in lists.AFTERWARDS.get(kind, ())
            mark = "●" if item in lists.REQUIRED[kind] else "later" if later else ""
            assert found[item][kind] == mark, (item, kind)


def test_the_promises_are_the_programs() -> None:
    told = dict(re.findall(r"^\| `([a-z]+)` \| [^|]+ \| (\d+ \w+?)s? \|$", GUIDE, re.MULTILINE))
    assert told == {kind: str(period).rstrip("s") for kind, period in lists.PROMISES.items()}
