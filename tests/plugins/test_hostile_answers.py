"""Answers of millions of small values, which would be many times larger in memory than they came."""

from __future__ import annotations

import importlib
import tracemalloc
from typing import Any

import pytest
from tests.plugins.test_exchanges import client
from tests.sources import Answer, Asked

from himaya.core import registry
from himaya.core.exchange import SourceTrouble

MANY = 1_000_000
NAMES = {
    "stopncii": "hashRecords",
    "threatexchange": "data",
    "misp-feed": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "arachnid": "scanned_hashes",
}


@pytest.mark.parametrize("within", ["the place of entries", "the answer itself"])
@pytest.mark.parametrize("name", NAMES)
def test_an_answer_of_many_small_values_needs_no_memory_and_is_given_up(name: str, within: str) -> None:
    module: Any = importlib.import_module(f"tests.plugins.recorded.{name.replace('-', '_')}")
    exchange, many = registry.exchange(name), b"[" + b"[]," * MANY + b"[]]"
    body = many if within == "the answer itself" else b'{"%s": %s}' % (NAMES[name].encode(), many)

    class Hostile(module.Recorded):  # type: ignore[misc]
        def answer(self, asked: Asked) -> Answer:
            return Answer(body)

    source = Hostile()
    with source.serving(), client() as line:
        config = exchange.Config(**source.config(source.url))
        told: Any = (
            exchange.pull(config, line, checkpoint="", resume="")
            if exchange.pulls
            else exchange.look_up(config, line, signal="pdq", values=["ab" * 32])
        )
        tracemalloc.start()
        try:
            with pytest.raises(SourceTrouble):
                list(told)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 64_000_000
