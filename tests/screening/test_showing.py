"""A picture to look at comes out of a child as a number of pixels, whatever has taken that child over."""

from __future__ import annotations

import io
import json
import os
import socket
import threading
import time
from typing import Any, cast

import pytest
from tests.decoding import Decoding
from tests.screening.mutants import mutants

from himaya.core import drawing
from himaya.core.contents import Content
from himaya.core.stills import still
from himaya.evidence.viewing import NoStill
from himaya.screening.decoders import in_memory, shared
from himaya.screening.fingerprinting import CRASHED, TOO_SLOW, Skipped
from himaya.screening.line import Line
from himaya.screening.nursery import Child, Still
from himaya.screening.showing import picture

SIDE = 8
PICTURE = drawing.encode(drawing.landscape(3, width=800, height=600))


def asked(*answers: bytes, seconds: float = 5) -> Still | Skipped:
    """What comes of a child that answers so."""
    ours, theirs = socket.socketpair()
    child, descriptor = Child(cast(Any, None), 1, ours), os.memfd_create("content")

    def answer() -> None:
        line = Line(theirs)
        _, file = line.receive_with_file(most=1000)
        os.close(file)
        for one in answers:
            line.send(one)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        return child.show(SIDE, descriptor, until=time.monotonic() + seconds)
    finally:
        thread.join()
        os.close(descriptor)
        ours.close()
        theirs.close()


def said(**told: Any) -> bytes:
    return json.dumps(told).encode()


def test_pixels_come_after_their_number() -> None:
    assert asked(said(done=0.5), said(width=2, height=1), b"rgbRGB") == Still(2, 1, b"rgbRGB")
    assert asked(said(reason=CRASHED, detail="")) == Skipped(CRASHED)


@pytest.mark.parametrize(
    "answers",
    [
        (said(width=2, height=1), b"rgb"),
        (said(width=2, height=1), b"rgbRGBx"),
        (said(width=SIDE + 1, height=1), bytes(3 * (SIDE + 1))),
        (said(width=0, height=1), b""),
        (said(width=-2, height=-1), b"rgbRGB"),
        (said(width=10**9, height=10**9), b""),
        (said(width=SIDE, height=SIDE), bytes(3 * SIDE * SIDE + 1)),
        (b"\x89PNG\r\n\x1a\n",),
        (said(size=3, sha256="ab" * 32, media_type="image/png", fingerprints=[], problems={}),),
    ],
)
def test_anything_else_is_no_picture(answers: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match=r"answer|message|JSON"):
        asked(*answers)


def test_a_child_that_says_nothing_more_is_not_waited_for() -> None:
    for answers in ((), (said(width=2, height=1),), (said(done=0.1), said(done=0.2))):
        with pytest.raises(TimeoutError):
            asked(*answers, seconds=0.2)


def test_what_the_sandbox_shows_is_what_the_file_says() -> None:
    descriptor = in_memory(PICTURE)
    try:
        assert (picture(descriptor) == still(Content(PICTURE), side=1024)).all()
    finally:
        os.close(descriptor)


def test_a_decoder_that_hangs_is_ended(decoding: Decoding) -> None:
    one, descriptor = decoding("showing.decoded:sleep=60"), in_memory(PICTURE)
    try:
        assert one.show(descriptor, side=64, seconds=1) == Skipped(TOO_SLOW)
    finally:
        os.close(descriptor)


def test_damaged_files_are_shown_as_pixels_or_refused_in_words() -> None:
    outcomes: set[str] = set()
    for content in [*mutants(60, 5), PICTURE[:500], b"GIF89a" + bytes(100), b"%PDF-1.7", bytes(10)]:
        descriptor = in_memory(content)
        try:
            found = picture(descriptor)
        except NoStill as error:
            outcomes.add(str(error.facts["why"]))
        else:
            outcomes.add("pixels")
            assert max(found.shape[:2]) <= 1024
        finally:
            os.close(descriptor)
    assert {"pixels", "it is damaged", "it is neither a picture nor a video of a known format"} <= outcomes
    assert "" not in outcomes
    assert shared().level().layers


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (20_000, 20_000)).save(file, "PNG")
    descriptor, begun = in_memory(file.getvalue()), time.monotonic()
    try:
        with pytest.raises(NoStill, match="million pixels"):
            picture(descriptor)
    finally:
        os.close(descriptor)
    assert time.monotonic() - begun < 10
