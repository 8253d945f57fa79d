"""Benign pictures for tests, drawn by code, in every shape that a decoder meets."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image

from himaya.core import drawing
from himaya.core.drawing import Pixels

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF")


@cache
def pixels(seed: int = 1, width: int = 320, height: int = 240) -> Pixels:
    """A landscape, small enough to be quick."""
    return drawing.landscape(seed, width=width, height=height)


@cache
def picture(seed: int = 1, format_: str = "JPEG", *, orientation: int = 1, quality: int | None = None) -> bytes:
    """A picture file of a landscape; ``quality`` is the encoder's, ``orientation`` the EXIF value."""
    options = {} if quality is None else {"quality": quality}
    if format_ == "WEBP" and quality is None:
        options = {"lossless": True}
    return drawing.encode(pixels(seed), format_, orientation=orientation, **options)


def flat(grey: int = 128) -> bytes:
    """A picture without any detail: PDQ quality 0."""
    return drawing.encode(np.full((240, 320, 3), grey, np.uint8), "PNG")


def image(seed: int = 1) -> Image.Image:
    return Image.fromarray(pixels(seed))


def written(img: Image.Image, format_: str, **options: object) -> bytes:
    out = io.BytesIO()
    img.save(out, format_, **options)  # type: ignore[arg-type]
    return out.getvalue()


def transparent(seed: int = 1, mode: str = "RGBA") -> bytes:
    """A PNG whose left half cannot be seen; the colours underneath are the landscape's."""
    img = image(seed).convert("RGB" if mode == "RGBA" else "L")
    mask = Image.new("L", img.size, 255)
    mask.paste(0, (0, 0, img.width // 2, img.height))
    img.putalpha(mask)
    return written(img, "PNG")


def palette(seed: int = 1, *, transparency: bool = False) -> bytes:
    img = image(seed).quantize(64)
    return written(img, "PNG", **({"transparency": bytes([0, 128]) + bytes([255]) * 62} if transparency else {}))


def cmyk(seed: int = 1) -> bytes:
    return written(image(seed).convert("CMYK"), "JPEG", quality=95)


def sixteen_bit(seed: int = 1) -> bytes:
    grey = np.asarray(image(seed).convert("L")).astype(np.uint16)
    return written(Image.fromarray(grey * 256 + 77), "PNG")


def float_tiff() -> bytes:
    return written(Image.fromarray(np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)), "TIFF")


def animated(format_: str = "GIF") -> bytes:
    """Three unlike frames; the first is the landscape of seed 1."""
    frames = [image(seed) for seed in (1, 2, 3)]
    return written(frames[0], format_, save_all=True, append_images=frames[1:], duration=100)


def bomb(width: int = 40_000, height: int = 40_000) -> bytes:
    """A PNG of a few bytes that claims so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def truncated(content: bytes, *, keep: float = 0.6) -> bytes:
    return content[: int(len(content) * keep)]


def turned_heic(seed: int = 1) -> bytes:
    """A HEIC that says it is to be turned by a quarter against the clock (ISO/IEC 23008-12, irot).

    The encoder writes no such property: it takes the place of one that says nothing, the bits per sample.
    """
    return _heic_property(picture(seed, "HEIF"), b"pixi", b"irot\x01")


def heic_bomb(width: int, height: int) -> bytes:
    """A HEIC that claims to be larger than it is."""
    return _heic_property(picture(1, "HEIF"), b"ispe", b"ispe" + struct.pack(">III", 0, width, height))


def _heic_property(content: bytes, name: bytes, new: bytes) -> bytes:
    """The property of that name replaced by another, which is padded to its length: no offset moves."""
    at = content.index(name)
    size = struct.unpack(">I", content[at - 4 : at])[0] - 4
    return content[:at] + new + bytes(size - len(new)) + content[at + size :]
