"""A MISP feed: which events are read, and what a round that read some of them says about all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.plugins.recorded.misp_feed import FIRST, Recorded, event, name
from tests.plugins.test_exchanges import client, pull, standing
from tests.sources import Answer, Asked

from himaya.core import registry
from himaya.core.exchange import SourceTrouble
from himaya.plugins.exchanges import misp_feed

EXCHANGE = registry.exchange("misp-feed")


class Feed(Recorded):
    """A feed of the events that a test gives it."""

    def __init__(self, *events: dict[str, Any]) -> None:
        super().__init__()
        self.given = list(events)

    def events(self) -> dict[str, dict[str, Any]]:
        return {one["Event"]["uuid"]: one for one in self.given}

    def read(self) -> list[str]:
        return [
            one.path.removeprefix("/feed/").removesuffix(".json") for one in self.asked if "manifest" not in one.path
        ]


def test_where_nothing_changed_no_event_is_read() -> None:
    source = Feed(*FIRST)
    with source.serving():
        first = pull(EXCHANGE, source)
        source.asked.clear()
        later = pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
    assert source.read() == []
    assert standing(later, standing(first)) == standing(first)
    assert later[-1].checkpoint == first[-1].checkpoint


def test_where_events_were_only_added_these_alone_are_read_and_nothing_is_gone() -> None:
    source = Feed(*FIRST)
    with source.serving():
        first = pull(EXCHANGE, source)
        source.given.append(event("fourth", "f"))
        source.asked.clear()
        later = pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
    assert source.read() == [name("fourth")]
    assert not later[-1].complete
    assert set(standing(later, standing(first))) == {name(one) for one in "abcdef"}


@pytest.mark.parametrize(
    ("now", "gone"),
    [
        ([FIRST[0], FIRST[1]], "e"),
        ([FIRST[0], event("second", "d", at=1_767_300_000), FIRST[2]], "c"),
    ],
    ids=["an event vanished", "an event lost an attribute"],
)
def test_where_an_event_changed_or_vanished_all_are_read_and_what_none_names_is_gone(now: Any, gone: str) -> None:
    source = Feed(*FIRST)
    with source.serving():
        first = pull(EXCHANGE, source)
        source.given = now
        later = pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
    assert later[-1].complete
    assert set(standing(first)) - set(standing(later, standing(first))) == {name(gone)}


def test_a_feed_that_changed_while_it_was_read_is_read_anew() -> None:
    source = Feed(*FIRST)
    with source.serving():
        pages = pull(EXCHANGE, source)
        half = [page for page in pages if page.resume][:2]
        source.given = FIRST[1:]
        rest = pull(EXCHANGE, source, resume=half[-1].resume)
    assert rest[0].anew
    assert set(standing([*half, *rest])) == {name(one) for one in "cde"}


def test_an_empty_manifest_empties_no_list() -> None:
    source = Feed()
    with source.serving():
        assert not pull(EXCHANGE, source)[-1].complete
        source.given = list(FIRST)
        checkpoint = pull(EXCHANGE, source)[-1].checkpoint
        source.given = []
        with pytest.raises(SourceTrouble, match="names nothing"):
            pull(EXCHANGE, source, checkpoint=checkpoint)


def test_a_large_event_comes_in_pages_and_is_read_again_from_its_beginning() -> None:
    many = [str(n) for n in range(misp_feed.PAGE_SIZE + 1)]
    source = Feed(event("first", *many))
    with source.serving():
        pages = pull(EXCHANGE, source)
        assert [len(page.changes) for page in pages] == [misp_feed.PAGE_SIZE, 1, 0, 0]
        rest = pull(EXCHANGE, source, resume=pages[0].resume)
    assert standing([pages[0], *rest]) == standing(pages)


def test_tags_of_the_event_are_the_class_and_deleted_attributes_are_gone() -> None:
    told = event("first", "a", "b")
    told["Event"]["Attribute"][1]["deleted"] = True
    told["Event"]["Tag"] = [{"name": 'himaya:uk-sap="B"'}]
    source = Feed(told)
    with source.serving():
        found = standing(pull(EXCHANGE, source))
    assert {key: entry.code for key, entry in found.items()} == {name("a"): "B"}


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ({"../../etc/passwd": {}}, "does not name events by their UUIDs"),
        ({name("a"): 5}, "does not name events by their UUIDs"),
        ([], "does not name events by their UUIDs"),
        ({name("a"): {}}, "cannot be read"),
    ],
)
def test_a_feed_that_is_none_is_trouble(manifest: Any, why: str) -> None:
    class Broken(Feed):
        def answer(self, asked: Asked) -> Answer:
            return Answer(json.dumps(manifest) if "manifest" in asked.path else b'{"Event": ')

    source = Broken()
    with source.serving(), pytest.raises(SourceTrouble, match=why):
        pull(EXCHANGE, source)


def test_the_check_counts_the_events() -> None:
    source = Feed(*FIRST)
    with source.serving(), client() as line:
        assert EXCHANGE.check(EXCHANGE.Config(**source.config(source.url)), line) == "events: 3"
