"""Our PDQ against the reference implementation, on drawn pictures: the kernel to the bit, its twin up to rounding."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pdqhash
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core import drawing, kernel, pdq

SIZES = [
    *((5, 5), (5, 900), (900, 5), (7, 300), (63, 65), (64, 64), (64, 65), (65, 64), (127, 128), (129, 129)),
    *((640, 480), (480, 640), (128, 2048), (333, 777), (511, 513), (1000, 999)),
]
KINDS = ("drawn", "grain", "two tones", "noise", "plain", "black")
NATIVE = kernel.instruction_sets()


def draw(kind: str, seed: int, width: int, height: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "plain":
        return np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
    if kind == "black":
        return np.zeros((height, width, 3), np.uint8)
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    picture = drawing.landscape(seed, width=width, height=height)
    if kind == "grain":
        return np.clip(picture + rng.normal(0, 20, picture.shape), 0, 255).astype(np.uint8)
    return picture if kind == "drawn" else picture // 128 * 255


@cache
def pictures() -> list[np.ndarray]:
    return [draw(kind, 10 * at + turn, *size) for at, size in enumerate(SIZES) for turn in (1, 2) for kind in KINDS]


@cache
def references() -> list[tuple[bytes, int]]:
    return [reference(one) for one in pictures()]


def reference(picture: np.ndarray) -> tuple[bytes, int]:
    bits, quality = pdqhash.compute(picture)
    return np.packbits(bits).tobytes(), quality


def distance(one: bytes, other: bytes) -> int:
    return int(np.bitwise_count(np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)).sum())


@pytest.fixture(params=["plain", "avx2", "avx512"])
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set; one that this processor does not have is stood in for by its best."""
    kernel.use(request.param if request.param in NATIVE else NATIVE[-1])
    yield request.param
    kernel.use(NATIVE[-1])


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "native", None)


def test_every_picture_has_the_value_and_quality_of_the_reference_to_the_bit(instructions: str) -> None:
    assert [pdq.compute(one) for one in pictures()] == references()


def test_all_eight_orientations_are_those_of_the_reference(instructions: str) -> None:
    for picture in pictures()[::5]:
        expected = [np.packbits(bits).tobytes() for bits in pdqhash.compute_dihedral(picture)[0]]
        assert [value for _, value in pdq.dihedral(picture)] == expected


def test_a_large_picture_has_the_value_of_the_reference() -> None:
    picture = drawing.landscape(5, width=4000, height=3000)
    assert pdq.compute(picture) == reference(picture)


@settings(max_examples=60, deadline=None)
@given(width=st.integers(5, 700), height=st.integers(5, 700), seed=st.integers(0, 2**16), kind=st.sampled_from(KINDS))
def test_any_picture_of_any_size_has_the_value_of_the_reference(width: int, height: int, seed: int, kind: str) -> None:
    picture = draw(kind, seed, width, height)
    assert pdq.compute(picture) == reference(picture)


def test_where_rounding_decides_the_steps_of_the_reference_are_taken() -> None:
    plain, drawn = draw("plain", 1, 300, 200), draw("drawn", 1, 300, 200)
    assert kernel.native.pdq(plain, 200, 300, 1, 0)[2] == 1
    assert kernel.native.pdq(drawn, 200, 300, 1, 0)[2] == 0


@pytest.mark.parametrize(
    ("name", "turned"),
    [
        ("r90", np.rot90),
        ("r180", lambda p: np.rot90(p, 2)),
        ("r270", lambda p: np.rot90(p, -1)),
        ("flip-vertical", np.flipud),
        ("flip-horizontal", np.fliplr),
        ("transpose", lambda p: p.swapaxes(0, 1)),
        ("transverse", lambda p: np.rot90(p, 2).swapaxes(0, 1)),
    ],
)
def test_the_name_of_an_orientation_says_how_the_picture_is_turned(name, turned) -> None:
    picture = draw("drawn", 3, 640, 512)
    value, _ = pdq.compute(np.ascontiguousarray(turned(picture)))
    away = {other: distance(value, theirs) for other, theirs in pdq.dihedral(picture)}
    assert min(away, key=away.__getitem__) == name
    assert away[name] <= 20


def test_the_twin_has_the_same_values_where_rounding_does_not_decide(twin: None) -> None:
    for at, (picture, (value, quality)) in enumerate(zip(pictures(), references(), strict=True)):
        if KINDS[at % len(KINDS)] in ("plain", "black"):
            continue
        ours, said = pdq.compute(picture)
        assert distance(ours, value) <= 2
        assert abs(said - quality) <= 1


def test_the_twin_turns_as_the_kernel_does(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = draw("drawn", 8, 640, 480)
    expected = pdq.dihedral(picture)
    monkeypatch.setattr(kernel, "native", None)
    assert pdq.dihedral(picture) == expected


@pytest.mark.parametrize("native", [True, False])
def test_grey_and_padded_pixels_count_as_the_colours_they_are(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not native:
        monkeypatch.setattr(kernel, "native", None)
    colour = draw("grain", 4, 320, 240)
    grey = np.ascontiguousarray(colour[..., 1])
    assert pdq.compute(grey) == pdq.compute(grey[..., None].repeat(3, axis=2))
    assert pdq.compute(np.dstack([colour, grey])) == pdq.compute(colour)


def test_rows_may_lie_apart() -> None:
    wide = draw("grain", 6, 400, 240)
    assert pdq.compute(wide[:, :320]) == pdq.compute(np.ascontiguousarray(wide[:, :320]))


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_mean_of_pixels_stands_for_them(scale: int) -> None:
    whole = draw("drawn", 9, 1600, 1203)
    padded = np.pad(whole, ((0, -1203 % scale), (0, 0), (0, 0)), mode="edge").astype(np.float32)
    means = padded.reshape(padded.shape[0] // scale, scale, 1600 // scale, scale, 3).mean((1, 3))
    value, _ = pdq.compute(pdq.Scaled(means.round().astype(np.uint8), scale, 1203, 1600))
    assert distance(value, pdq.compute(whole)[0]) <= 2 * scale


def test_kernel_and_twin_agree_on_a_fraction_of_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled = pdq.Scaled(draw("drawn", 9, 401, 301), 4, 1202, 1603)
    value, quality = pdq.compute(scaled)
    monkeypatch.setattr(kernel, "native", None)
    theirs, said = pdq.compute(scaled)
    assert distance(value, theirs) <= 2
    assert abs(quality - said) <= 1


@pytest.mark.parametrize("native", [True, False])
def test_what_is_smaller_than_five_pixels_has_no_value(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not native:
        monkeypatch.setattr(kernel, "native", None)
    for shape in [(4, 1000, 3), (1000, 1, 3)]:
        assert pdq.compute(np.full(shape, 200, np.uint8)) == (bytes(32), 0)


@pytest.mark.parametrize(
    ("pixels", "height", "width", "scale"),
    [
        (np.zeros((8, 8, 2), np.uint8), 8, 8, 1),
        (np.zeros((8, 8, 3), np.uint16), 8, 8, 1),
        (np.zeros((8, 8, 3), np.uint8)[:, ::2], 8, 4, 1),
        (np.zeros((8, 8, 3), np.uint8)[::-1], 8, 8, 1),
        (np.zeros((0, 8, 3), np.uint8), 0, 8, 1),
        (np.zeros((8, 8, 3), np.uint8), 9, 8, 1),
        (np.zeros((8, 8, 3), np.uint8), 8, 17, 2),
        (np.zeros((8, 8, 3), np.uint8), 8, 8, 0),
        (np.zeros((8, 8, 3), np.uint8), 2**40, 8, 1),
    ],
)
def test_the_kernel_refuses_what_is_no_picture(pixels: np.ndarray, height: int, width: int, scale: int) -> None:
    with pytest.raises(ValueError, match=r"pixels|height|width|scale"):
        kernel.native.pdq(pixels, height, width, scale, 0)


def test_threads_do_not_disturb_one_another() -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(pdq.compute, pictures())) == references()


def test_a_plain_area_has_no_quality() -> None:
    assert pdq.compute(np.full((300, 200, 3), 120, np.uint8))[1] == 0


@pytest.mark.parametrize("length", [5, 63, 64, 127, 128, 129, 256, 257, 4000])
@pytest.mark.parametrize("scale", [1, 4])
def test_the_weights_of_what_is_kept_sum_to_one(length: int, scale: int) -> None:
    assert pdq._weights(length, scale).sum(axis=1) == pytest.approx(1, abs=1e-5)
