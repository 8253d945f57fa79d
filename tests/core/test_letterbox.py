"""Letterbox: what lies between bars is found, a picture without bars is left alone, and nothing plain is cut up."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core.letterbox import LEAST, TOLERANCE, unletterboxed

bars = st.tuples(*[st.integers(0, 40)] * 4).filter(any)
colours = st.tuples(*[st.integers(0, 255)] * 3)


def noise(height: int, width: int, seed: int) -> np.ndarray:
    """A picture of which no line is plain."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    bars=bars, colour=colours, height=st.integers(24, 150), width=st.integers(24, 150), seed=st.integers(0, 99)
)  # fmt: skip
def test_exactly_what_lies_between_the_bars_is_left(
    bars: tuple[int, int, int, int], colour: tuple[int, int, int], height: int, width: int, seed: int
) -> None:
    top, bottom, left, right = bars
    inner = noise(height, width, seed)
    framed = np.full((height + top + bottom, width + left + right, 3), colour, np.uint8)
    framed[top : top + height, left : left + width] = inner
    found = unletterboxed(framed)
    if height < LEAST * len(framed) or width < LEAST * framed.shape[1]:
        assert found is None
    else:
        assert found is not None
        assert (found == inner).all()


@given(colour=colours, height=st.integers(1, 40), width=st.integers(1, 40))
def test_a_plain_picture_has_none_within(colour: tuple[int, int, int], height: int, width: int) -> None:
    assert unletterboxed(np.full((height, width, 3), colour, np.uint8)) is None


def test_a_picture_without_bars_is_left_alone() -> None:
    assert unletterboxed(noise(60, 80, 1)) is None


def test_less_than_a_fifth_is_too_little() -> None:
    framed = np.zeros((100, 100, 3), np.uint8)
    framed[41:59] = noise(18, 100, 2)
    assert unletterboxed(framed) is None
    framed[40:60] = noise(20, 100, 2)
    assert unletterboxed(framed) is not None


def test_bars_may_be_a_little_uneven_and_have_specks() -> None:
    framed = np.full((120, 300, 3), 100, np.uint8)
    framed[:20] += np.random.default_rng(3).integers(0, TOLERANCE, (20, 300, 3), np.uint8)
    framed[5, 7] = 255
    framed[20:] = noise(100, 300, 4)
    assert unletterboxed(framed) is not None
    assert len(unletterboxed(framed)) == 100  # type: ignore[arg-type]


def test_a_grey_picture_has_bars_too() -> None:
    framed = np.zeros((100, 80), np.uint8)
    framed[20:80] = noise(60, 80, 5)[..., 0]
    found = unletterboxed(framed)
    assert found is not None
    assert found.shape == (60, 80)
