"""The one way to decode a picture, so that everybody computes perceptual fingerprints from the same pixels.

The canonical rule: decode the first frame, of HEIF the primary one; turn it as EXIF says, of HEIF as its own properties
say (ISO/IEC 23008-12, irot and imir; its EXIF has no say); drop the colour profile; drop transparency without
premultiplying; RGB at full size. Resizing, colour management or turning differently moves a PDQ value by 20 to 130
bits. Lists made elsewhere often ignore EXIF, so a turned picture is handed out as stored, too.

PDQ looks at the luminance of 64 x 64 pixels. Of an ordinary JPEG :func:`sketch` decodes no more than that needs: the
luminance, at a fraction of the size (docs/decisions/0015 says how far its values lie from those of the rule).

The bytes are hostile: only the decoders named here are tried, sizes are checked before pixels are allocated, and a
file that is not whole is refused.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import PIL
import pillow_heif
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, ImageFile, features

from himaya.core.contents import sniff
from himaya.core.errors import HimayaError
from himaya.core.pdq import Scaled
from himaya.core.words import N_, Said

MIN_PILLOW = (13, 0, 0)
if tuple(int(part) for part in PIL.__version__.split(".")[:3]) < MIN_PILLOW:
    raise ImportError(f"Pillow {PIL.__version__} has a critical flaw (CVE-2026-112403): 13.0.0 or newer is needed")

MAX_PIXELS = 40_000_000
"""Largest picture that is decoded, width times height."""

MOST_SCANS = 100
SCANNED_PIXELS = 16 * MAX_PIXELS
"""How often a JPEG may go over its pixels (ITU-T T.81, scans), and how many pixels that may be in all. A picture needs
one or about ten; each takes a decoder as long as the first, and a few bytes of the file."""

ENOUGH = 512
"""Samples along the shorter side of a sketch: no decoding at a fraction goes below."""

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", *(("AVIF",) if features.check("avif") else ()), "HEIF")
"""The decoders that are tried, by Pillow's names; HEIF (HEIC) is that of libheif, with the limits it has by itself.
No threads of its own: children that decode have a core each."""

pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=0)

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
ImageFile.LOAD_TRUNCATED_IMAGES = False
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # children that decode may start no thread: each has a core of its own
warnings.filterwarnings(
    "ignore", category=UserWarning, module=r"(PIL|pillow_heif)\."
)  # odd metadata of strangers' files
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

Pixels = NDArray[np.uint8]
"""Height x width x 3, RGB."""


class NotDecodable(HimayaError):
    """The picture cannot be decoded: {why}."""

    status = 422


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture. ``as_stored`` is what EXIF says to turn, before turning; None where nothing is turned."""

    upright: Pixels
    as_stored: Pixels | None
    format: str
    """Pillow's name of the format that it was decoded from."""


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """The luminance of a picture, perhaps at a fraction of its size: enough for PDQ. As in :class:`Picture`."""

    upright: Scaled
    as_stored: Scaled | None


def decode(content: bytes) -> Picture:
    """Decode by the canonical rule.

    Raises:
        NotDecodable: with the reason in words.
    """
    if not content:
        raise NotDecodable(why=N_("the file is empty"))
    with _open(content) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_large()
        _see_to_scans(image, content)
        format_, orientation = image.format or "", _orientation(image)
        pixels = _load(image)
    if orientation == 1:
        return Picture(pixels, None, format_)
    if format_ in _TURNED_BY_PILLOW:
        return Picture(pixels, _turned(pixels, _BACK.get(orientation, orientation)), format_)
    return Picture(_turned(pixels, orientation), pixels, format_)


def sketch(content: bytes) -> Sketch | None:
    """What PDQ needs of an ordinary JPEG; None of everything else, and of what is damaged: :func:`decode` does that."""
    if sniff(content) != "image/jpeg":
        return None
    try:
        with _open(content, ("JPEG",)) as image:
            _see_to_scans(image, content)
            return _sketched(image) if _is_ordinary(image) else None
    except Exception:  # noqa: BLE001 - decode() says in words what is wrong
        return None


def _is_ordinary(image: Image.Image) -> bool:
    """Grey, or YCbCr (ITU-T T.871) with the luminance at full size; and not too large."""
    components = image.layer  # type: ignore[attr-defined]  # id, samples across, samples down, table
    if image.width * image.height > MAX_PIXELS or len(components) not in (1, 3):
        return False
    if len(components) == 1:
        return image.mode == "L"
    across, down = ([part[at] for part in components] for at in (1, 2))
    whole = across[0] == max(across) <= 2 and down[0] == max(down) <= 2
    return image.mode == "RGB" and whole and image.info.get("adobe_transform", 1) == 1 and components[0][0] in (0, 1)


def _sketched(image: Image.Image) -> Sketch:
    orientation, (width, height) = _orientation(image), image.size
    fits = (by for by in (8, 4, 2) if min(width, height) >= ENOUGH * by and _divides(by, image.size, orientation))
    scale = next(fits, 1)
    image.draft("L", (width // scale, height // scale))
    image.load()
    stored = Scaled(np.asarray(image), scale, height, width)
    if orientation == 1:
        return Sketch(stored, None)
    size = (width, height) if orientation in _SIDEWAYS else (height, width)
    return Sketch(Scaled(_turned(stored.samples, orientation), scale, *size), stored)


def _divides(scale: int, size: tuple[int, int], orientation: int) -> bool:
    """A sample that stands for fewer pixels than the others lies at the end; turned, it might lie at the beginning."""
    return orientation == 1 or all(side % scale == 0 for side in size)


def _see_to_scans(image: Image.Image, content: bytes) -> None:
    """Refuse a JPEG that comes back to its pixels without end. Its markers stand nowhere else but in metadata."""
    if image.format != "JPEG":
        return
    scans = content.count(b"\xff\xda")
    if scans > MOST_SCANS or scans * image.width * image.height > SCANNED_PIXELS:
        raise NotDecodable(why=N_("it goes over its pixels more often than a picture needs"))


def _open(content: bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=formats)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large() from error
    except Exception as error:
        why = N_("it is damaged") if sniff(content) in _DECODABLE else N_("it is not a picture of a known format")
        raise NotDecodable(why=why) from error


def _orientation(image: Image.Image) -> int:
    """The EXIF value 1 to 8; 1 where there is none, or none that can be read, as browsers have it."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - hostile metadata raises anything, and decides nothing
        return 1
    return value if value in _TURNS else 1


def _load(image: Image.Image) -> Pixels:
    try:
        image.load()
        return np.ascontiguousarray(_rgb(image), dtype=np.uint8)
    except HimayaError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large() from error
    except MemoryError as error:
        raise NotDecodable(why=N_("there is not enough memory for it")) from error
    except Exception as error:
        why = N_("it is cut off") if "truncated" in str(error) else N_("it is damaged")
        raise NotDecodable(why=why) from error


def _rgb(image: Image.Image) -> Image.Image | Pixels:
    if image.mode in ("I", "F"):
        raise NotDecodable(why=N_("its samples are wider than 16 bits"))
    if image.mode.startswith("I;16"):
        high_byte = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return high_byte[..., None].repeat(3, axis=2)
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")  # so that RGB is the stored colour, and not blended
    return image.convert("RGB")


def _too_large() -> NotDecodable:
    return NotDecodable(why=Said("it has more than {n} million pixels", n=MAX_PIXELS // 1_000_000))


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    return np.ascontiguousarray(_TURNS[orientation](pixels))


_TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda p: p,
    2: np.fliplr,
    3: lambda p: np.rot90(p, 2),
    4: np.flipud,
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
    8: np.rot90,
}
"""EXIF 2.32, Orientation: how to turn what is stored, so that it stands upright."""

_BACK = {6: 8, 8: 6}
"""The turn that undoes another; the rest undo themselves."""

_SIDEWAYS = (5, 6, 7, 8)
"""The turns that exchange height and width."""

_TURNED_BY_PILLOW = ("TIFF",)
"""Formats whose decoder has turned the picture already."""

_DECODABLE = frozenset({*(f"image/{name.lower()}" for name in FORMATS), "image/heic"})
