"""Project Arachnid Shield: hashes go out and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.plugins.recorded.arachnid import Recorded, coded, result
from tests.plugins.test_exchanges import client, looked_up
from tests.sources import Answer, Asked

from himaya.core import registry
from himaya.core.exchange import Entry, SourceTrouble

EXCHANGE = registry.exchange("arachnid")


def test_what_is_known_comes_with_its_class_and_how_it_was_matched() -> None:
    source = Recorded()
    one, other = source.known
    with source.serving():
        found = looked_up(EXCHANGE, source, [one, *source.unknown, other])
    assert found == [
        Entry(f"pdq:{one}", (("pdq", one),), "arachnid-shield", "csam", note="exact"),
        Entry(f"pdq:{other}", (("pdq", other),), "arachnid-shield", "harmful-abusive-material", note="near"),
    ]


def test_the_hash_goes_out_in_base64_and_nothing_beside_it() -> None:
    source = Recorded()
    with source.serving():
        looked_up(EXCHANGE, source, list(source.known))
    (asked,) = source.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/v1/pdq/", {})
    assert json.loads(asked.body) == {"hashes": [coded(value) for value in source.known]}


@pytest.mark.parametrize(
    "told", [None, {}, [], "csam", {"classification": "new-word"}, {"classification": None}, {"classification": []}],
    ids=repr,
)  # fmt: skip
def test_silence_and_words_that_we_do_not_know_are_never_taken_for_not_known(told: Any) -> None:
    class Odd(Recorded):
        def answer(self, asked: Asked) -> Answer:
            hashes = json.loads(asked.body)["hashes"]
            scanned = {one: result("no-known-match") for one in hashes[:-1]}
            return Answer(json.dumps({"scanned_hashes": scanned if told is None else {**scanned, hashes[-1]: told}}))

    source = Odd()
    with source.serving(), pytest.raises(SourceTrouble, match="asked about a hash"):
        looked_up(EXCHANGE, source, list(source.unknown))


def test_values_are_read_as_they_are_needed() -> None:
    source = Recorded()
    taken = 0

    def values() -> Any:
        nonlocal taken
        for n in range(10_000):
            taken += 1
            yield source.known[0] if n == 3 else f"{n:064x}"

    with source.serving(), client() as line:
        config = EXCHANGE.Config(**source.config(source.url))
        assert next(EXCHANGE.look_up(config, line, signal="pdq", values=values())).code == "csam"
    assert taken <= 100


def test_a_signal_that_it_does_not_take_is_our_own_mistake() -> None:
    source = Recorded()
    with source.serving(), client() as line, pytest.raises(ValueError, match="md5"):
        list(EXCHANGE.look_up(EXCHANGE.Config(**source.config(source.url)), line, signal="md5", values=["0" * 32]))


def test_what_is_asked_shows_that_the_password_is_right() -> None:
    source = Recorded()
    with source.serving(), client() as line:
        assert EXCHANGE.check(EXCHANGE.Config(**source.config(source.url)), line)
        with pytest.raises(SourceTrouble, match="does not admit"):
            EXCHANGE.check(EXCHANGE.Config(**{**source.config(source.url), "password": "wrong"}), line)
