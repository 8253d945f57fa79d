"""The shorter way from an ordinary JPEG to its PDQ: how far from the exact one, and what it leaves to that."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests import drawn
from tests.core.test_pdq import distance

from himaya.core import drawing, pdq, registry
from himaya.core.contents import Content
from himaya.core.pictures import decode, sketch
from himaya.core.ports import Options

SIZES = [(320, 240), (640, 480), (513, 511), (1023, 1025), (1025, 1201), (1280, 1031)]


def vivid(pixels: np.ndarray) -> np.ndarray:
    """The same with its colours four times as strong, most of them beyond what RGB can say."""
    wide = pixels.astype(float)
    grey = wide.mean(axis=2, keepdims=True)
    return np.clip(grey + (wide - grey) * 4, 0, 255).astype(np.uint8)


def lettered(pixels: np.ndarray) -> np.ndarray:
    """Covered with small dark marks on white, as a page is."""
    height, width = pixels.shape[:2]
    marks = np.random.default_rng(0).random((height // 12 + 1, width // 7 + 1)) < 0.5
    return np.where(marks.repeat(12, 0).repeat(7, 1)[:height, :width, None], pixels // 6, np.uint8(235))


def grainy(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels + np.random.default_rng(1).normal(0, 18, pixels.shape), 0, 255).astype(np.uint8)


KINDS = (lambda pixels: pixels, vivid, lettered, grainy)


@pytest.mark.parametrize("kind", KINDS)
def test_the_value_lies_within_four_bits_of_the_exact_one(kind) -> None:
    away = []
    for at, (width, height) in enumerate(SIZES):
        pixels = kind(drawing.landscape(at, width=width, height=height))
        for quality, subsampling, progressive in ((30, 2, False), (75, 1, True), (95, 0, False)):
            content = drawing.encode(pixels, quality=quality, subsampling=subsampling, progressive=progressive)
            away.append(distance(pdq.compute(sketch(content).upright)[0], pdq.compute(decode(content).upright)[0]))
    assert max(away) <= 4
    assert np.mean(away) <= 1.5


@pytest.mark.parametrize(
    ("size", "scale"),
    [((640, 480), 1), ((1023, 2000), 1), ((1024, 1024), 2), ((2047, 2600), 2), ((2048, 3000), 4), ((4100, 4096), 8)],
)
def test_the_shorter_side_keeps_512_samples(size: tuple[int, int], scale: int) -> None:
    content = drawn.written(Image.new("RGB", size, (90, 120, 40)), "JPEG")
    found = sketch(content).upright
    assert (found.scale, found.width, found.height) == (scale, *size)
    assert min(found.samples.shape) >= min(512, *size)


@pytest.mark.parametrize("size", [(1280, 1024), (1283, 1029)])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_is_turned_before_its_value_is_computed(orientation: int, size: tuple[int, int]) -> None:
    pixels = drawing.landscape(4, width=size[0], height=size[1])
    content = drawing.encode(pixels, orientation=orientation)
    near, exact = sketch(content), decode(content)
    assert distance(pdq.compute(near.upright)[0], pdq.compute(exact.upright)[0]) <= 4
    assert distance(pdq.compute(near.as_stored)[0], pdq.compute(exact.as_stored)[0]) <= 4


def test_grey_is_as_exact_as_it_is_whole() -> None:
    content = drawn.written(drawn.image().convert("L"), "JPEG")
    assert pdq.compute(sketch(content).upright) == pdq.compute(decode(content).upright)


def rgb_jpeg() -> bytes:
    return drawn.written(drawn.image(), "JPEG", keep_rgb=True)


@pytest.mark.parametrize(
    "content",
    [
        *(drawn.picture(1, name) for name in drawn.FORMATS if name != "JPEG"),
        drawn.cmyk(),
        rgb_jpeg(),
        drawn.truncated(drawn.picture(1), keep=0.7),
        drawn.picture(1)[:40],
        b"",
        b"\xff\xd8\xff\xe0nothing",
    ],
)
def test_everything_else_is_left_to_the_exact_way(content: bytes) -> None:
    assert sketch(content) is None


def test_a_jpeg_that_is_too_large_is_left_to_be_refused() -> None:
    content = bytearray(drawn.picture(1))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = (40_000).to_bytes(2, "big") * 2
    assert sketch(bytes(content)) is None


def test_damaged_files_are_sketched_or_not_and_nothing_else() -> None:
    rng = np.random.default_rng(3)
    whole = drawn.picture(1)
    for _ in range(150):
        content = bytearray(whole)
        for at in rng.integers(0, len(content), 4):
            content[at] = rng.integers(256)
        found = sketch(bytes(content))
        assert found is None or pdq.compute(found.upright)[1] <= 100


def test_whoever_asks_for_the_exact_value_gets_it() -> None:
    signal = registry.signal("pdq")
    content = drawing.encode(vivid(drawing.landscape(12, width=1100, height=1030)), quality=60)
    exact, quality = pdq.compute(decode(content).upright)
    found = signal.compute(Content(content), Options(exact=True))[0]
    assert (found.value, found.quality) == (exact.hex(), quality)
    assert signal.distance(signal.compute(Content(content))[0].value, found.value) <= 4


def test_no_colour_is_decoded_where_it_is_not_needed() -> None:
    assert decode(drawn.picture(1)).upright.shape == (240, 320, 3)
    assert sketch(drawn.picture(1)).upright.samples.shape == (240, 320)
