"""The way of the fewest bytes to the newest state."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.repositories import ORGANISATION, TERMS
from tuf.api.metadata import TargetFile, Targets

from himaya.core.repository.chains import BrokenChain, Part, holdings
from himaya.core.repository.pieces import Piece

KEY = ("known", ORGANISATION)
PIECES = st.builds(
    lambda since, step: Piece(*KEY, since + step, since or None), st.integers(0, 5), st.integers(1, 4)
)  # fmt: skip


def signed(lengths: dict[Piece, int]) -> Targets:
    custom = {"lines": 1, "terms": TERMS.plain()}
    return Targets(
        targets={
            piece.path: TargetFile(length, {"sha256": "0" * 64}, piece.path, {"custom": custom})
            for piece, length in lengths.items()
        }
    )


def leads(way: tuple[Part, ...], have: int | None, to: int) -> bool:
    at = have
    for part in way:
        if part.piece.since not in (None, at):
            return False
        at = part.piece.sequence
    return at == to


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(PIECES, st.integers(1, 20), min_size=1, max_size=7), st.none() | st.integers(1, 9))
def test_no_other_way_has_fewer_bytes(lengths: dict[Piece, int], have: int | None) -> None:
    held = holdings(signed(lengths))[KEY]
    every = [
        one
        for size in range(len(held.parts) + 1)
        for one in combinations(held.parts, size)
        if leads(one, have, held.sequence)
    ]
    if not every:
        with pytest.raises(BrokenChain):
            held.way(have)
        return
    way = held.way(have)
    assert leads(way, have, held.sequence)
    assert sum(part.length for part in way) == min(sum(part.length for part in one) for one in every)
