"""What a bundle can hold is known before it is written: what passes is verified, what does not says how many would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests import bundling

from himaya.core.bundles import writing
from himaya.core.bundles.alone import agreement, bag, program
from himaya.core.bundles.writing import TooManyExhibits, check_size


def fits(error: TooManyExhibits) -> int:
    return int(re.search(r"about ([0-9]+) of these fit", str(error))[1])  # type: ignore[index]


@pytest.mark.parametrize(
    ("module", "limit", "most", "file"),
    [
        (bag, "MAX_TEXT", 200_000, "data/case.jsonld"),
        (agreement, "MAX_PARTS", 4_000, "data/case.jsonld"),
        (bag, "MAX_FILES", 160, "manifest-sha512.txt"),
    ],
)
def test_as_many_as_it_says_fit_and_are_verified(
    module: object, limit: str, most: int, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, limit, most)
    if limit == "MAX_PARTS":
        monkeypatch.setattr(writing, limit, most)
    many = bundling.bundle(80)
    with pytest.raises(TooManyExhibits, match=f"80 exhibits are too many for one bundle: .*{file}") as refused:
        check_size(many)
    count = fits(refused.value)
    assert 10 < count < 80
    some = bundling.bundle(count)
    check_size(some)
    bundling.zipped(some, tmp_path / "bag.zip", contents=bundling.contents(some), reports={}, signer=bundling.ANNA)
    assert not program.verify_bundle(str(tmp_path / "bag.zip")).problems
    with pytest.raises(TooManyExhibits):
        check_size(bundling.bundle(count + count // 5))
