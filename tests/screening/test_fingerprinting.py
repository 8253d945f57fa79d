"""From bytes to fingerprints: what is computed of which content, and why there is none, in words."""

from __future__ import annotations

import hashlib
import io
import os
import socket
from pathlib import Path

import pytest
from tests.drawn import bomb, flat, picture, truncated

from himaya.core import registry
from himaya.core.contents import HEAD, Content
from himaya.screening import fingerprinting
from himaya.screening.fingerprinting import (
    EMPTY,
    LINK,
    NOT_A_FILE,
    TOO_LARGE,
    UNREADABLE,
    VANISHED,
    Fingerprinted,
    Skipped,
    fingerprint,
    open_file,
)

EXACT = {"md5", "sha1", "sha256"}
PLENTY = 2**20


def done(content: bytes) -> Fingerprinted:
    found = fingerprint(Content(content))
    assert isinstance(found, Fingerprinted)
    return found


def signals(found: Fingerprinted) -> set[str]:
    return {f.signal for f in found.fingerprints}


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_has_exact_and_perceptual_fingerprints(format_: str) -> None:
    content = picture(1, format_)
    found = done(content)
    assert signals(found) == EXACT | {"pdq"}
    assert found.problems == {}
    assert (found.size, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert found.media_type == f"image/{format_.lower()}"


def test_anything_else_has_exact_fingerprints_alone_and_that_is_no_problem() -> None:
    found = done(b"a text")
    assert signals(found) == EXACT
    assert found.problems == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (truncated(picture(1)), "it is cut off"),
        (bomb(), "it has more than 40 million pixels"),
        (b"\xff\xd8\xff" + b"no picture" * 50, "it is damaged"),
    ],
    ids=["truncated", "bomb", "damaged"],
)
def test_a_picture_that_cannot_be_decoded_says_why_and_is_still_compared_exactly(content: bytes, why: str) -> None:
    found = done(content)
    assert signals(found) == EXACT
    assert found.problems == {"pdq": why}


def test_a_picture_without_detail_is_not_hashable_in_words() -> None:
    found = done(flat())
    assert signals(found) == EXACT
    assert found.problems["pdq"]


def test_a_picture_that_exif_turns_is_fingerprinted_both_ways() -> None:
    variants = [f.variant for f in done(picture(1, orientation=6)).fingerprints if f.signal == "pdq"]
    assert len(variants) == 2
    assert variants[0] == ""
    assert variants[1]


def test_a_signal_that_takes_too_much_memory_does_not_take_the_others_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(registry.signal("pdq"), "compute", compute)
    found = done(picture(1))
    assert signals(found) == EXACT
    assert "memory" in found.problems["pdq"]


def test_an_empty_content_is_skipped() -> None:
    assert fingerprint(Content(b"")) == Skipped(EMPTY)


# --- files -----------------------------------------------------------------------------------------------------------


def of(path: Path, limit: int = PLENTY) -> Fingerprinted | Skipped:
    opened = open_file(os.fsencode(path), limit)
    if isinstance(opened, Skipped):
        return opened
    with os.fdopen(opened, "rb") as file:
        return fingerprint(Content(file))


def test_a_file_is_what_it_holds_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "picture.txt").write_bytes(picture(1, "PNG"))
    (tmp_path / "text.jpg").write_bytes(b"a text")
    (tmp_path / os.fsdecode(b"\xff\xfe name")).write_bytes(b"another text")
    named_text, named_picture = of(tmp_path / "picture.txt"), of(tmp_path / "text.jpg")
    assert isinstance(named_text, Fingerprinted)
    assert isinstance(named_picture, Fingerprinted)
    assert "pdq" in signals(named_text)
    assert "pdq" not in signals(named_picture)
    assert isinstance(of(tmp_path / os.fsdecode(b"\xff\xfe name")), Fingerprinted)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "pipe", tmp_path / "folder", tmp_path / "socket", Path("/dev/zero")):
            assert of(path) == Skipped(NOT_A_FILE), path


def test_a_link_is_not_followed_even_where_it_took_a_files_place_in_the_meantime(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"elsewhere")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert of(tmp_path / "link") == Skipped(LINK)


def test_a_file_that_is_gone_or_empty_or_too_large_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(bytes(2000))
    assert of(tmp_path / "gone") == Skipped(VANISHED)
    assert of(tmp_path / "empty") == Skipped(EMPTY)
    assert of(tmp_path / "large", 1999) == Skipped(TOO_LARGE, "2000 bytes; at most 1999 are read")
    assert isinstance(of(tmp_path / "large", 2000), Fingerprinted)


def test_a_file_that_grows_while_it_is_read_is_what_it_was_when_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "grows"
    path.write_bytes(bytes(10))
    opened = open_file(os.fsencode(path), 100)
    assert isinstance(opened, int)
    with os.fdopen(opened, "rb") as file:
        content = Content(file)
        path.write_bytes(bytes(5000))
        found = fingerprint(content)
        assert content.whole == bytes(10)
    assert isinstance(found, Fingerprinted)
    assert (found.size, found.sha256) == (10, hashlib.sha256(bytes(10)).hexdigest())


def test_a_file_is_read_once_for_all_its_digests_in_pieces() -> None:
    class Counted(io.BytesIO):
        sizes: list[int] = []

        def read(self, size: int | None = -1) -> bytes:
            self.sizes.append(-1 if size is None else size)
            return super().read(size)

    done: list[float] = []
    found = fingerprint(Content(Counted(bytes(3 * 2**20)), done.append))
    assert isinstance(found, Fingerprinted)
    assert signals(found) == EXACT
    assert sorted(Counted.sizes) == [HEAD, 2**20, 2**20, 2**20], "its first bytes, then all of it"
    assert done == pytest.approx([1 / 3, 2 / 3, 1]), "and tells how far it is"


def test_a_file_with_a_name_that_is_too_long_cannot_be_read_and_says_why(tmp_path: Path) -> None:
    assert of(tmp_path / ("x" * 300)) == Skipped(UNREADABLE, "File name too long")


def test_every_reason_that_can_be_given_is_one_of_those_that_are_counted() -> None:
    named = {value for name, value in vars(fingerprinting).items() if name.isupper() and isinstance(value, str)}
    assert named == fingerprinting.REASONS
