"""Downloads: what was cut off goes on where it was, and what never ends does."""

from __future__ import annotations

import random
import re
import socket
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from tests.peer import answer, endlessly, peer

from himaya.core.exchange import SourceTrouble
from himaya.core.outward import Client

FILE = random.Random(4).randbytes(300_000)


class Ranges:
    """Serves a file; breaks off after so many bytes of each answer."""

    def __init__(self, file: bytes = FILE, cut: int | None = None, part: int | None = None, ranges: bool = True):
        self.file, self.cut, self.part, self.ranges = file, cut, part, ranges
        self.froms: list[int] = []

    def turn(self, head: str) -> bytes:
        asked = re.search(r"^Range: bytes=(\d+)-\r$", head, re.MULTILINE)
        start = int(asked[1]) if asked and self.ranges else 0
        self.froms.append(int(asked[1]) if asked else 0)
        size = len(self.file)
        if start >= size:
            return answer(status=416, Content_Range=f"bytes */{size}")
        body = self.file[start:] if self.part is None else self.file[start : start + self.part]
        if not asked or not self.ranges:
            whole = answer(body)
        else:
            whole = answer(body, 206, Content_Range=f"bytes {start}-{start + len(body) - 1}/{size}")
        return whole if self.cut is None else whole[: whole.index(b"\r\n\r\n") + 4 + self.cut]


def download(ranges: Ranges, to: Path, waits: list[float] | None = None, most: int = 10**7, **how: Any) -> int:
    """Fetch it to the end of what ``to`` holds."""
    with peer(b"") as one:
        one.answer = ranges.turn
        with (
            Client(private=True, wait=(waits if waits is not None else []).append, total=5) as line,
            to.open("ab") as end,
        ):
            return line.download(one.url, end, most=most, **how)


def test_what_is_cut_again_and_again_goes_on_where_it_was(tmp_path: Path) -> None:
    ranges, waits, seen = Ranges(cut=40_000), list[float](), list[int]()
    assert download(ranges, tmp_path / "a", waits, on_progress=seen.append) == len(FILE)
    assert (tmp_path / "a").read_bytes() == FILE
    assert ranges.froms == list(range(0, len(FILE), 40_000))
    assert len(waits) == len(ranges.froms) - 1
    assert seen == sorted(seen)
    assert seen[-1] == len(FILE)


def test_what_is_there_already_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(FILE[:123_456])
    ranges = Ranges()
    assert download(ranges, tmp_path / "a") == len(FILE)
    assert (tmp_path / "a").read_bytes() == FILE
    assert download(ranges, tmp_path / "a") == len(FILE)
    assert (tmp_path / "a").read_bytes() == FILE
    assert ranges.froms == [123_456, len(FILE)]


def test_a_server_that_gives_smaller_parts_than_asked_for_is_asked_for_the_next(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(FILE[:1000])
    assert download(Ranges(part=100_000), tmp_path / "a") == len(FILE)
    assert (tmp_path / "a").read_bytes() == FILE


def test_a_server_without_ranges_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(FILE[:123_456])
    assert download(Ranges(ranges=False), tmp_path / "a") == len(FILE)
    assert (tmp_path / "a").read_bytes() == FILE


@pytest.mark.parametrize(
    "ranges", [Ranges(cut=200_000, ranges=False), Ranges(cut=1), Ranges(cut=0)], ids=["all", "a byte", "nothing"]
)
def test_a_server_that_gets_nowhere_is_given_up(tmp_path: Path, ranges: Ranges) -> None:
    """One that cuts without ranges, or after a byte each time, would go on for ever."""
    with pytest.raises(SourceTrouble, match="cut off"):
        download(ranges, tmp_path / "a")
    assert len(ranges.froms) <= 5
    assert FILE.startswith((tmp_path / "a").read_bytes())


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (answer(b"xyz", 206, Content_Range="bytes 0-2/9"), "another part"),
        (answer(b"xyz", 206, Content_Range="bytes 6-8/9"), "another part"),
        (answer(b"xyz", 206, Content_Range="kilobytes 4-6/9"), "another part"),
        (answer(b"xyz", 206), "another part"),
        (answer(status=416, Content_Range="bytes */3"), "status 416"),
        (answer(status=416), "status 416"),
        (answer(status=404), "status 404"),
        (answer(status=302, Location="/b"), "not followed"),
        (answer(b"xyz", Content_Encoding="gzip"), "not asked for"),
    ],
)
def test_an_answer_that_does_not_fit_leaves_what_is_there(tmp_path: Path, turn: bytes, words: str) -> None:
    (tmp_path / "a").write_bytes(b"four")
    with peer(turn) as one, Client(private=True) as line, (tmp_path / "a").open("ab") as end:
        with pytest.raises(SourceTrouble, match=words):
            line.download(one.url, end, most=100)
        assert len(one.asked) == 1
    assert (tmp_path / "a").read_bytes() == b"four"


def test_a_file_that_is_too_large_is_refused_unread_where_it_says_so(tmp_path: Path) -> None:
    ranges = Ranges()
    with pytest.raises(SourceTrouble, match="larger than 299999 bytes") as caught:
        download(ranges, tmp_path / "a", most=len(FILE) - 1)
    assert caught.value.permanent
    assert (tmp_path / "a").read_bytes() == b""
    assert download(ranges, tmp_path / "a", most=len(FILE)) == len(FILE)


def test_a_file_without_an_end_is_left_at_the_limit_in_little_memory(tmp_path: Path) -> None:
    with (
        peer(endlessly(answer(Content_Length=""), b"x" * 65536)) as one,
        Client(private=True) as line,
        (tmp_path / "a").open("ab") as end,
    ):
        tracemalloc.start()
        try:
            with pytest.raises(SourceTrouble, match="larger"):
                line.download(one.url, end, most=50_000_000)
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()
    assert (tmp_path / "a").stat().st_size <= 50_000_000


def test_a_download_takes_longer_than_an_answer_while_it_moves_and_is_left_when_it_crawls(tmp_path: Path) -> None:
    def steadily(line: socket.socket) -> None:
        line.sendall(answer(Content_Length="120000"))
        for _ in range(12):
            line.sendall(b"x" * 10_000)
            threading.Event().wait(0.1)

    with Client(private=True, total=0.4) as line:
        with peer(steadily) as one, (tmp_path / "a").open("ab") as end:
            assert line.download(one.url, end, most=10**6) == 120_000
        begun = time.monotonic()
        with peer(endlessly(answer(Content_Length=""), b"x", 0.05)) as one, (tmp_path / "b").open("ab") as end:
            with pytest.raises(SourceTrouble, match="too long"):
                line.download(one.url, end, most=10**6)
            assert len(one.asked) == 1
        assert time.monotonic() - begun < 3


@pytest.mark.parametrize("first", [answer(status=503, Retry_After="3"), b""], ids=["busy", "cut"])
def test_a_server_that_is_busy_is_asked_again(tmp_path: Path, first: bytes) -> None:
    waits: list[float] = []
    with (
        peer(first, answer(FILE)) as one,
        Client(private=True, wait=waits.append) as line,
        (tmp_path / "a").open("ab") as end,
    ):
        assert line.download(one.url, end, most=10**6) == len(FILE)
    assert len(waits) == 1
