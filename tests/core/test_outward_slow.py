"""The one way out over a poor line: what keeps arriving is waited for, and no peer is for ever."""

from __future__ import annotations

import socket
import time

from tests.core.test_outward import client, trouble
from tests.peer import answer, endlessly, peer


def test_an_answer_that_keeps_arriving_over_a_poor_line_is_waited_for_and_one_without_end_is_not() -> None:
    def poor(line: socket.socket) -> None:
        line.sendall(answer(Content_Length="4000"))
        for _ in range(10):
            time.sleep(0.15)
            line.sendall(b"x" * 400)

    with peer(poor) as one, client(total=0.5) as line, client(total=0.5, longest=10) as patient:
        assert "took too long" in str(trouble(lambda: line.get(one.url)))
        assert patient.get(one.url).content == b"x" * 4000
    with peer(endlessly(answer(Content_Length=""), b"x" * 400, 0.05)) as one, client(total=0.5, longest=1) as line:
        begun = time.monotonic()
        assert "took too long" in str(trouble(lambda: line.get(one.url)))
        assert time.monotonic() - begun < 3
    with peer(endlessly(answer(Content_Length=""), b"x", 0.05)) as one, client(total=0.5, longest=60) as line:
        begun = time.monotonic()
        assert "took too long" in str(trouble(lambda: line.get(one.url)))  # a byte now and then gains nothing
        assert time.monotonic() - begun < 3
