import io
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from tests import drawn
from tests.screening.archived import tarred, zipped

from himaya.core import pictures
from himaya.core.contents import sniff
from himaya.core.pictures import NotDecodable, decode

LOSSLESS = ("PNG", "WEBP", "BMP", "TIFF")


def refusal(content: bytes) -> str:
    with pytest.raises(NotDecodable) as caught:
        decode(content)
    return str(caught.value)


@pytest.mark.parametrize("format_", LOSSLESS)
def test_a_lossless_picture_is_decoded_to_the_pixels_that_were_drawn(format_):
    picture = decode(drawn.picture(1, format_))
    assert np.array_equal(picture.upright, drawn.pixels(1))
    assert picture.as_stored is None
    assert picture.format == format_


@pytest.mark.parametrize("format_", pictures.FORMATS)
def test_every_format_gives_eight_bit_rgb_at_full_size(format_):
    upright = decode(drawn.picture(1, format_)).upright
    assert upright.shape == (240, 320, 3)
    assert upright.dtype == np.uint8
    assert upright.flags.c_contiguous


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_as_pillow_does_it(format_, orientation):
    content = drawn.picture(1, format_, orientation=orientation)
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(decode(content).upright, expected)


@pytest.mark.parametrize("format_", LOSSLESS[:2] + LOSSLESS[3:])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_also_given_as_it_is_stored(format_, orientation):
    picture = decode(drawn.picture(1, format_, orientation=orientation))
    if orientation == 1:
        assert picture.as_stored is None
    else:
        assert np.array_equal(picture.as_stored, drawn.pixels(1))
        assert not np.array_equal(picture.upright, picture.as_stored)


def test_a_compressed_tiff_is_turned_once():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = decode(drawn.written(drawn.image(), "TIFF", compression="tiff_lzw", exif=exif))
    assert np.array_equal(picture.as_stored, drawn.pixels(1))
    assert np.array_equal(picture.upright, np.rot90(drawn.pixels(1), -1))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_exif_does_not_know_turns_nothing(orientation):
    assert decode(drawn.picture(1, "PNG", orientation=orientation)).as_stored is None


def test_broken_exif_turns_nothing():
    content = drawn.picture(1, "JPEG", orientation=6).replace(b"Exif\0\0MM\0*", b"Exif\0\0XX\0*")
    assert decode(content).as_stored is None


def test_a_heic_picture_is_turned_once_as_its_own_properties_say():
    content = drawn.turned_heic()
    picture = decode(content)
    assert picture.as_stored is None
    assert abs(picture.upright.astype(int) - np.rot90(drawn.pixels(1))).mean() < 6


def test_the_exif_of_a_heic_picture_turns_nothing():
    picture = decode(drawn.picture(1, "HEIF", orientation=6))
    assert picture.upright.shape == (240, 320, 3)
    assert picture.as_stored is None


def test_of_several_heic_pictures_the_primary_one_counts():
    primary, other = drawn.image(1), drawn.image(2).resize((64, 64))
    content = drawn.written(other, "HEIF", save_all=True, append_images=[primary], primary_index=1)
    assert abs(decode(content).upright.astype(int) - drawn.pixels(1)).mean() < 6


def test_a_heic_bomb_is_refused_before_it_is_unpacked():
    assert "40 million pixels" in refusal(drawn.heic_bomb(30_000, 30_000))


def test_transparency_is_dropped_and_the_colour_under_it_stays():
    assert np.array_equal(decode(drawn.transparent()).upright, drawn.pixels(1))


def test_grey_with_transparency_keeps_its_grey():
    grey = np.asarray(drawn.image().convert("L"))
    assert np.array_equal(decode(drawn.transparent(mode="LA")).upright, grey[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("transparency", [False, True])
def test_palette_pictures_are_decoded_to_their_colours(transparency):
    expected = np.asarray(drawn.image().quantize(64).convert("RGB"))
    assert np.array_equal(decode(drawn.palette(transparency=transparency)).upright, expected)


def test_cmyk_is_turned_into_rgb():
    difference = decode(drawn.cmyk()).upright.astype(int) - drawn.pixels(1)
    assert abs(difference).mean() < 10


def test_sixteen_bit_grey_keeps_its_high_byte():
    grey = np.asarray(drawn.image().convert("L"))
    assert np.array_equal(decode(drawn.sixteen_bit()).upright[..., 0], grey)


@pytest.mark.parametrize("mode", ["1", "L", "P", "YCbCr"])
def test_other_modes_are_decoded(mode):
    content = drawn.written(drawn.image().convert(mode), "TIFF")
    assert decode(content).upright.shape == (240, 320, 3)


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_counts(format_):
    with Image.open(io.BytesIO(drawn.animated(format_))) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(decode(drawn.animated(format_)).upright, expected)


def test_a_colour_profile_changes_nothing():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert np.array_equal(decode(drawn.written(drawn.image(), "PNG", icc_profile=profile)).upright, drawn.pixels(1))


@pytest.mark.parametrize("format_", drawn.FORMATS)
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_picture_is_refused_in_words(format_, keep):
    assert refusal(drawn.truncated(drawn.picture(1, format_), keep=keep)) in {
        "The picture cannot be decoded: it is cut off.",
        "The picture cannot be decoded: it is damaged.",
    }


def test_an_empty_file_is_refused_in_words():
    assert refusal(b"") == "The picture cannot be decoded: the file is empty."


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"%PDF-1.7",
        bytes(1000),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ],
)
def test_what_is_not_a_picture_is_refused_in_words(content):
    assert refusal(content) == "The picture cannot be decoded: it is not a picture of a known format."


def test_a_picture_header_without_a_picture_is_damaged():
    assert refusal(b"\xff\xd8\xff\xe0nothing") == "The picture cannot be decoded: it is damaged."


@pytest.mark.parametrize("size", [(40_000, 40_000), (6_400, 6_400), (2**31 - 1, 1)])
def test_a_bomb_is_refused_before_it_is_unpacked(size):
    assert refusal(drawn.bomb(*size)) == "The picture cannot be decoded: it has more than 40 million pixels."


def test_a_bomb_is_refused_also_where_pillow_only_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "40 million" in refusal(drawn.bomb(6_400, 6_400))


def test_samples_too_wide_are_refused_in_words():
    assert refusal(drawn.float_tiff()) == "The picture cannot be decoded: its samples are wider than 16 bits."


def test_truncated_files_are_never_completed_with_grey():
    from PIL import ImageFile

    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(drawn.picture(1, name), f"image/{name.lower()}") for name in drawn.FORMATS if name != "HEIF"]
    + [
        (drawn.picture(1, "HEIF"), "image/heic"),
        (b"", "application/x-empty"),
        (b"plain text", "application/octet-stream"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x20ftypqt  ", "video/quicktime"),
        (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        (b"RIFF\0\0\0\0ELSE", "application/octet-stream"),
        (b"\x1aE\xdf\xa3", "video/x-matroska"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\0\0\0\x20ftypisom".ljust(257) + b"ustar", "video/mp4"),
        (zipped({}), "application/zip"),
        (zipped({"a": b"b"}), "application/zip"),
        *(
            (tarred({"a": b"b"}, pack=pack), f"application/{name}")
            for pack, name in {"": "x-tar", "gz": "gzip", "bz2": "x-bzip2", "xz": "x-xz"}.items()
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",  # a packed file holds the time, and processes name tests alike
)
def test_the_first_bytes_claim_a_media_type(content, media_type):
    assert sniff(content) == media_type


@given(content=st.binary(max_size=200))
def test_no_bytes_break_sniffing(content):
    assert "/" in sniff(content)


@given(data=st.data(), format_=st.sampled_from(drawn.FORMATS))
def test_damaged_files_are_decoded_or_refused_and_nothing_else(data, format_):
    content = bytearray(drawn.picture(1, format_))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        upright = decode(bytes(content)).upright
    except NotDecodable:
        return
    assert upright.ndim == 3
