"""The demonstration: everything drawn and invented, from a list to a report."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from himaya.core import drawing, registry
from himaya.core.contents import Content

KNOWN, UNKNOWN = 16, 184
"""How many drawn pictures are on the lists, and how many are not."""
HOTLINE, PARTNER = "demo-hotline", "demo-partner"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A file of the demonstration: where it lies below the folder, and its bytes."""

    name: str
    content: bytes


def files() -> Iterator[Drawn]:
    """The files of an invented service: unknown pictures, known ones in several guises, and troublesome ones."""
    for seed in range(UNKNOWN):
        picture = drawing.landscape(1000 + seed, width=400, height=300)
        yield Drawn(f"uploads/{seed % 8:02d}/picture-{seed:03d}.jpg", drawing.encode(picture))
    for seed in range(KNOWN):
        yield from _guises(seed)
    yield Drawn("uploads/odd/empty.jpg", b"")
    yield Drawn("uploads/odd/cut-off.jpg", drawing.encode(drawing.landscape(2000))[:3000])
    yield Drawn("uploads/odd/notes.txt", b"Minutes of a meeting about opening hours.\n")
    yield Drawn("uploads/odd/plain.png", drawing.encode(np.full((240, 320, 3), 200, np.uint8), "PNG"))


def _guises(seed: int) -> Iterator[Drawn]:
    """A known picture as it travels: as it was, saved again, made smaller, in another format."""
    picture = drawing.landscape(seed)
    folder = f"uploads/{seed % 8:02d}"
    if seed % 2 == 0:
        yield Drawn(f"{folder}/img-{seed:02d}.jpg", drawing.encode(picture))
    if seed % 3 == 0:
        yield Drawn(f"{folder}/img-{seed:02d}-saved-again.jpg", drawing.encode(picture, quality=40))
    if seed % 4 == 1:
        half = np.asarray(Image.fromarray(picture).resize((320, 240)))
        yield Drawn(f"{folder}/img-{seed:02d}-smaller.png", drawing.encode(half, "PNG"))
    if seed % 5 == 0:
        yield Drawn(f"{folder}/img-{seed:02d}.webp", drawing.encode(picture, "WEBP"))


CLASSES = (
    ("interpol", "baseline"), ("uk-sap", "A"), ("uk-sap", "B"), ("uk-sap", "C"), ("ncmec-industry", "A1"), ("", ""),
)  # fmt: skip
"""Classes of the items in turn; some lists give none."""


def list_file(name: str) -> bytes:
    """The CSV file of a list: the hotline's by PDQ and MD5, the partner's by SHA-256 alone."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["signal", "value", "scheme", "code", "source", "reference"])
    for seed in range(KNOWN):
        content = drawing.encode(drawing.landscape(seed))
        scheme, code = CLASSES[seed % len(CLASSES)]
        if name == HOTLINE:
            pdq = registry.signal("pdq").compute(Content(content))[0].value
            writer.writerow(["pdq", pdq, scheme, code, "Demonstration hotline", f"D-{seed:04d}"])
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            writer.writerow(["md5", md5, scheme, code, "Demonstration hotline", f"D-{seed:04d}"])
        elif seed % 2 == 0:
            digest = hashlib.sha256(content).hexdigest()
            writer.writerow(["sha256", digest, scheme, code, "Demonstration partner", f"P-{seed:04d}"])
    return out.getvalue().encode()


def draw(folder: Path) -> Iterator[Path]:
    """Write the files below ``folder``; each path as it is written."""
    for one in files():
        path = folder / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.content)
        yield path
