"""Drawn pictures: the same from the same seed, unlike from another, rich enough to be fingerprinted."""

import io

import numpy as np
import pytest
from PIL import Image

from himaya.core import drawing, registry
from himaya.core.contents import Content


def test_the_same_seed_draws_the_same_picture():
    assert np.array_equal(drawing.landscape(7), drawing.landscape(7))


def test_a_picture_has_the_size_that_was_asked_for():
    assert drawing.landscape(1).shape == (480, 640, 3)
    assert drawing.landscape(1, width=321, height=123).shape == (123, 321, 3)


@pytest.mark.parametrize("seed", [0, 1, 2**32])
def test_a_picture_has_detail_enough_for_every_perceptual_signal(seed):
    (found,) = registry.signal("pdq").compute(Content(drawing.encode(drawing.landscape(seed))))
    assert found.quality >= 90


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_file_is_of_the_format_that_was_asked_for(format_):
    with Image.open(io.BytesIO(drawing.encode(drawing.landscape(1, width=64, height=48), format_))) as image:
        assert (image.format, image.size) == (format_, (64, 48))


def test_the_orientation_is_written_down():
    content = drawing.encode(drawing.landscape(1, width=64, height=48), orientation=6)
    with Image.open(io.BytesIO(content)) as image:
        assert image.getexif()[0x0112] == 6
