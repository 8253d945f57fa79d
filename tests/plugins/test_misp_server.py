"""A MISP server: what it is asked, and what it does not tell by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.plugins.recorded.misp_server import AT, FIRST, KEY, Recorded, attribute, name
from tests.plugins.test_exchanges import client, pull, standing
from tests.sources import Answer, Asked

from himaya.core import clock, registry
from himaya.core.exchange import Entry, Gone, SourceTrouble
from himaya.core.ports import Refusal
from himaya.plugins.exchanges import misp_server

EXCHANGE = registry.exchange("misp-server")
NOW = datetime.fromtimestamp(AT + 200_000, UTC)


class Told(Recorded):
    """Answers every question with the same attributes."""

    def __init__(self, *attributes: dict[str, Any]) -> None:
        super().__init__()
        self.attributes = list(attributes)

    def answer(self, asked: Asked) -> Answer:
        return Answer(json.dumps({"response": {"Attribute": self.attributes}}))


def asked(source: Recorded) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in source.asked]


def test_it_is_asked_for_fingerprints_deleted_ones_too_and_never_for_files() -> None:
    source = Told(attribute(1))
    with source.serving():
        config = EXCHANGE.Config(address=f"{source.url}/", key=KEY, tags='known:material, himaya:uk-sap="A" ,')
        with client() as line:
            list(EXCHANGE.pull(config, line, checkpoint="", resume=""))
    (question,) = asked(source)
    assert {"md5", "sha1", "sha256", "hex", "filename|md5"} < set(question["type"])
    assert "malware-sample" not in question["type"]
    assert "attachment" not in question["type"]
    assert (question["deleted"], question["withAttachments"]) == (["0", "1"], 0)
    assert question["tags"] == ["known:material", 'himaya:uk-sap="A"']
    assert "timestamp" not in question


def test_a_round_within_a_day_asks_what_changed_with_some_overlap() -> None:
    source = Recorded()
    with source.serving(), clock.use(clock.SetClock(NOW)):
        first = pull(EXCHANGE, source)
        source.asked.clear()
        later = pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
    newest = max(int(one["timestamp"]) for one in FIRST)
    assert asked(source)[0]["timestamp"] == str(newest - misp_server.OVERLAP)
    assert first[-1].complete
    assert not later[-1].complete


def test_once_a_day_everything_is_read_so_that_a_deleted_event_is_gone() -> None:
    source = Told(attribute(1), attribute(2))
    with source.serving():
        with clock.use(clock.SetClock(NOW)):
            first = pull(EXCHANGE, source)
        source.attributes.pop()
        with clock.use(clock.SetClock(NOW + timedelta(days=1))):
            later = pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
    assert set(standing(first)) == {name(1), name(2)}
    assert set(standing(later, standing(first))) == {name(1)}


def test_a_server_that_names_nothing_any_more_is_trouble_and_empties_no_list() -> None:
    source = Told(attribute(1))
    with source.serving():
        with clock.use(clock.SetClock(NOW)):
            first = pull(EXCHANGE, source)
        source.attributes.clear()
        with clock.use(clock.SetClock(NOW + timedelta(days=2))), pytest.raises(SourceTrouble, match="names nothing"):
            pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
        assert not pull(EXCHANGE, source)[-1].complete


def test_a_time_that_lies_ahead_hides_nothing() -> None:
    source = Told(attribute(1, AT + 10_000_000))
    with source.serving(), clock.use(clock.SetClock(NOW)):
        first = pull(EXCHANGE, source)
    assert json.loads(first[-1].checkpoint)["newest"] == int(NOW.timestamp())


def test_an_attribute_is_an_entry_a_deleted_one_is_gone_and_what_is_no_fingerprint_says_nothing() -> None:
    classed = attribute(1, Tag=[{"name": 'himaya:uk-sap="A"'}])
    url = attribute(4) | {"type": "url", "value": "https://example.org/"}
    source = Told(classed, attribute(2, deleted=True), attribute(3) | {"uuid": "x"}, url)
    with source.serving():
        (page,) = pull(EXCHANGE, source)
    assert [type(change) for change in page.changes] == [Entry, Gone, Refusal]
    assert (page.changes[0].scheme, page.changes[0].code) == ("uk-sap", "A")  # type: ignore[union-attr]


def test_a_server_that_gives_more_than_it_was_asked_for_is_trouble() -> None:
    source = Told(*[attribute(n) for n in range(misp_server.PAGE_SIZE + 1)])
    with source.serving(), pytest.raises(SourceTrouble, match="more attributes than it was asked for"):
        pull(EXCHANGE, source)


def test_the_check_names_the_version_and_a_wrong_key_says_what_to_do() -> None:
    source = Recorded()
    with source.serving(), client() as line:
        assert EXCHANGE.check(EXCHANGE.Config(address=source.url, key=KEY), line) == "MISP 2.5.34"
        with pytest.raises(SourceTrouble, match="does not admit") as caught:
            EXCHANGE.check(EXCHANGE.Config(address=source.url, key="wrong"), line)
        assert KEY not in caught.value.diagnostics()
        with pytest.raises(SourceTrouble, match="the key has characters"):
            EXCHANGE.check(EXCHANGE.Config(address=source.url, key="a\nb"), line)


@pytest.mark.parametrize("content", [{"response": 5}, {"response": {"Attribute": [5]}}, {"errors": "x"}])
def test_an_answer_to_another_question_is_trouble(content: Any) -> None:
    source = Recorded()
    source.answer = lambda _: Answer(json.dumps(content))  # type: ignore[method-assign]
    with source.serving(), pytest.raises(SourceTrouble, match="none to a search for attributes"):
        pull(EXCHANGE, source)
