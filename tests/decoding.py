"""Decoders with a fault: what comes of a file whose decoder is killed, or hangs, at a point of the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from himaya.screening import decoders
from himaya.screening.decoders import Decoders

Decoding = Callable[[str], Decoders]


@pytest.fixture
def decoding(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoding]:
    """From the call on, this process decodes in one child at a time, in each of which the fault is armed."""
    made: list[Decoders] = []

    def arm(fault: str) -> Decoders:
        monkeypatch.setenv("HIMAYA_FAULT", fault)
        made.append(Decoders(1))
        made[-1].level()
        monkeypatch.delenv("HIMAYA_FAULT")
        monkeypatch.setattr(decoders, "_shared", made[-1])
        return made[-1]

    yield arm
    for one in made:
        one.close()
