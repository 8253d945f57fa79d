"""R11 and R12: whatever a file is, each has an outcome in words, in time, within the memory of one child."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.drawn import image, picture, written
from tests.screening.mutants import mutants

from himaya.core import pictures
from himaya.core.contents import Content
from himaya.screening.decoders import Decoders
from himaya.screening.fingerprinting import Fingerprinted, fingerprint

MUTANTS = 2000
SECONDS = 10.0
"""For one bomb, on a machine on which others work. Alone all take less than a second, but for the largest picture that
is taken, which is no bomb: it takes what its pixels take."""
MEMORY = 900 * 1024


@pytest.fixture(scope="module")
def pool() -> Iterator[Decoders]:
    made = Decoders(2)
    yield made
    made.close()


def test_r11_each_of_thousands_of_damaged_files_has_an_outcome_that_the_sandbox_does_not_change(pool: Decoders) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    damaged = list(mutants(MUTANTS, seed))
    begun = time.monotonic()
    outcomes = pool.contents(damaged)
    assert time.monotonic() - begun < 120
    odd = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Fingerprinted)]
    assert not odd, f"seed {seed}: {[(n, outcomes[n]) for n in odd[:5]]}"
    for n in range(0, MUTANTS, 20):
        assert fingerprint(Content(damaged[n])) == outcomes[n], f"seed {seed}, number {n}"


# --- bombs -----------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + kind + body + struct.pack("!I", zlib.crc32(kind + body))


def png(width: int, height: int, *more: bytes, bits: int = 1, colour: int = 0) -> bytes:
    """Zeros, however many, packed into little."""
    row = 1 + (width * bits * (3 if colour == 2 else 1) + 7) // 8
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(row)) for _ in range(height)) + packer.flush()
    header = struct.pack("!IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = b"".join((chunk(b"IHDR", header), *more, chunk(b"IDAT", packed), chunk(b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + body


def frames(number: int) -> bytes:
    small = [Image.new("L", (16, 16), n % 251) for n in range(number)]
    return written(small[0], "GIF", save_all=True, append_images=small[1:])


def widened_webp() -> bytes:
    """An extended WebP whose canvas is said to be as large as the format allows."""
    content = bytearray(written(image(1), "WEBP", icc_profile=bytes(128)))
    at = content.index(b"VP8X") + 12
    content[at : at + 6] = b"\xff\xff\x00\xff\xff\x00"
    return bytes(content)


def widened_avif() -> bytes:
    content = bytearray(picture(1, "AVIF"))
    at = content.index(b"ispe") + 8
    content[at : at + 8] = struct.pack("!II", 60_000, 60_000)
    return bytes(content)


def widened_tiff() -> bytes:
    entries = [(256, 4, 1, 100_000), (257, 4, 1, 100_000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 100_000), (279, 4, 1, 10)]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + packed + bytes(4)


def many_scans() -> bytes:
    """A large progressive JPEG of few bytes whose last scan comes again: each costs a tenth of a second."""
    content = written(Image.new("L", (6000, 6000), 128), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * 1500 + b"\xff\xd9"


def nested_zip() -> bytes:
    inner = bytes(2**20)
    for _ in range(6):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for n in range(4):
                archive.writestr(f"{n}.zip", inner)
        inner = out.getvalue()
    return inner


PACKED = zlib.compress(bytes(64 * 2**20), 9)
BOMBS = {
    "a PNG of 1,600 million pixels": lambda: png(40_000, 40_000),
    "a PNG just under the limit": lambda: png(6300, 6300, bits=8, colour=2),
    "a PNG with a text that unpacks to 64 MiB": lambda: png(64, 64, chunk(b"zTXt", b"a\0\0" + PACKED)),
    "a PNG with a colour profile that unpacks to 64 MiB": lambda: png(64, 64, chunk(b"iCCP", b"a\0\0" + PACKED)),
    "a GIF of ten thousand frames": lambda: frames(10_000),
    "a WebP that says it is larger": widened_webp,
    "an AVIF that says it is larger": widened_avif,
    "a TIFF of 10,000 million pixels in no bytes": widened_tiff,
    "a large JPEG of 1,500 scans": many_scans,
    "EXIF that leads round in a circle": lambda: written(
        image(1), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0i\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"
    ),
    "archives within archives": nested_zip,
    "a picture that is an archive, too": lambda: picture(1) + nested_zip(),
    "a page that begins like a picture": lambda: b"GIF89a/*" + b"<script>" * 1000,
}


@pytest.mark.parametrize("what", BOMBS)
def test_r12_a_bomb_is_refused_or_decoded_in_little_time_and_memory(pool: Decoders, what: str) -> None:
    content = BOMBS[what]()
    pool.level()
    begun = time.monotonic()
    [outcome] = pool.contents([content], seconds=20)
    took = time.monotonic() - begun
    assert isinstance(outcome, Fingerprinted), (outcome, took)
    assert outcome.size == len(content)
    assert took < SECONDS, f"{took:.2f} s"


PEAK = """
import re, sys
from pathlib import Path
from himaya.core.contents import Content
from himaya.screening.fingerprinting import fingerprint
print(type(fingerprint(Content(Path(sys.argv[1]).read_bytes()))).__name__)
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
"""What a decoder does, and the most memory (KiB) that its process had. Of a forked one, what it began with counts."""


def test_the_memory_that_the_largest_picture_takes_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png(6300, 6300, bits=8, colour=2))
    command = [sys.executable, "-c", PEAK, str(tmp_path / "large.png")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    outcome, peak = ran.stdout.split()
    assert outcome == "Fingerprinted"
    assert 120 * 1024 < int(peak) < MEMORY, "it was decoded there, at three bytes a pixel"
    assert pictures.MAX_PIXELS == 40_000_000
