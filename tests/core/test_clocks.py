"""What is said of the clock is what the kernel says."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess

import pytest

from himaya.core import clocks


def test_it_says_whether_anything_keeps_the_clock_right() -> None:
    told = clocks.quality()
    assert told["source"] in ("synchronised", "unsynchronised", "system")
    assert ("error_ms" in told) == (told["source"] == "synchronised")
    if shutil.which("adjtimex"):  # Debian's tool of that name, where it is there
        shown = subprocess.run(["adjtimex", "--print"], capture_output=True, text=True, check=True).stdout
        status = int(next(line.split(":")[1] for line in shown.splitlines() if "status" in line))
        assert (told["source"] == "unsynchronised") == bool(status & 0x40)


@pytest.mark.parametrize(
    ("state", "greatest", "told"),
    [
        (0x0040, 16_000_000, {"source": "unsynchronised"}),
        (0x2001, 16_001, {"source": "synchronised", "error_ms": 17}),
        (0x2001, 0, {"source": "synchronised", "error_ms": 0}),
    ],
)
def test_the_words_of_the_kernel_are_read(
    state: int, greatest: int, told: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kernel:
        @staticmethod
        def adjtimex(room: ctypes.Array[ctypes.c_char]) -> int:
            assert room.raw == bytes(1024), "nothing is asked to change"
            clocks._HEAD.pack_into(room, 0, 0, 7, 8, greatest, 9, state)
            return 5 if state & 0x40 else 0

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Kernel)
    assert clocks.quality() == told


def test_where_nobody_can_say_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(os.strerror(1))

    monkeypatch.setattr(ctypes, "CDLL", refused)
    assert clocks.quality() == {"source": "system"}
    monkeypatch.setattr("sys.platform", "win32")
    assert clocks.quality() == {"source": "system"}
