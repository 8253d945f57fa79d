"""The promises that every connector to a source keeps, replayed against its recorded source."""

from __future__ import annotations

import importlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from himaya.core import registry
from himaya.core.exchange import MAX_KEY, Entry, Exchange, Gone, Page, SourceTrouble
from himaya.core.outward import Client
from himaya.core.ports import Refusal
from himaya.core.statements import BASES

EXCHANGES = list(registry.exchanges().values())
every_exchange = pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda one: one.name)
every_list = pytest.mark.parametrize("exchange", [one for one in EXCHANGES if one.pulls], ids=lambda one: one.name)
every_oracle = pytest.mark.parametrize("exchange", [one for one in EXCHANGES if one.asks], ids=lambda one: one.name)
NONSENSE = [b"", b"{", b"[1, 2", b"<a", b"null", b"[]", b"\xff\xfe", b"{}" * 3]


def recorded(exchange: Exchange) -> Any:
    module = importlib.import_module(f"tests.plugins.recorded.{exchange.name.replace('-', '_')}")
    return module.Recorded()


def client(attempts: int = 1, total: float = 10) -> Client:
    return Client(private=True, attempts=attempts, total=total, wait=lambda _: None, keep=Path(tempfile.mkdtemp()))


def pull(exchange: Exchange, source: Any, *, checkpoint: str = "", resume: str = "") -> list[Page]:
    config = exchange.Config(**source.config(source.url))
    with client() as line:
        return list(exchange.pull(config, line, checkpoint=checkpoint, resume=resume))


def standing(pages: list[Page], before: dict[str, Entry] | None = None) -> dict[str, Entry]:
    """What stands once the pages of a round were applied to what stood before."""
    said: dict[str, Entry | Gone] = {}
    for page in pages:
        said = {} if page.anew else said
        for change in page.changes:
            if isinstance(change, Entry | Gone) and not _is_older(change, said.get(change.key)):
                said[change.key] = change
    found = {} if pages[-1].complete else dict(before or {})
    return {key: one for key, one in {**found, **said}.items() if isinstance(one, Entry)}


def _is_older(change: Entry | Gone, than: Entry | Gone | None) -> bool:
    return bool(than and change.at and than.at and change.at < than.at)


def looked_up(exchange: Exchange, source: Any, values: list[str]) -> list[Entry]:
    config = exchange.Config(**source.config(source.url))
    with client() as line:
        return list(exchange.look_up(config, line, signal=exchange.asks[0], values=values))


@every_exchange
def test_a_check_finds_the_source_as_its_options_say(exchange: Exchange) -> None:
    source = recorded(exchange)
    with source.serving(), client() as line:
        assert exchange.check(exchange.Config(**source.config(source.url)), line)


@every_exchange
def test_a_connector_declares_itself(exchange: Exchange) -> None:
    assert exchange.label
    assert exchange.terms
    assert exchange.pulls or exchange.asks
    assert exchange.shortest <= exchange.interval <= exchange.longest
    for name, field in exchange.Config.model_fields.items():
        assert field.title, name
        assert field.description, name
        secret = any(word in name for word in ("password", "secret", "token", "key"))
        assert not secret or field.annotation in (SecretStr, SecretStr | None), f"{name} must be kept sealed"


@every_list
def test_a_round_is_read_page_by_page_and_then_what_changed(exchange: Exchange) -> None:
    source = recorded(exchange)
    with source.serving():
        first = pull(exchange, source)
        stands = standing(first)
        assert set(stands) == set(source.first)
        assert first[-1].checkpoint
        assert not any(page.checkpoint for page in first[:-1])  # only the whole of a round is safe
        source.round = 2
        second = pull(exchange, source, checkpoint=first[-1].checkpoint)
        assert set(standing(second, stands)) == set(source.second)


@every_list
def test_withdrawal_removes(exchange: Exchange) -> None:
    source = recorded(exchange)
    with source.serving():
        first = pull(exchange, source)
        assert source.withdrawn in standing(first)
        source.round = 2
        second = pull(exchange, source, checkpoint=first[-1].checkpoint)
        assert source.withdrawn not in standing(second, standing(first))


@every_list
def test_a_round_that_was_cut_off_goes_on_at_any_page(exchange: Exchange) -> None:
    source = recorded(exchange)
    with source.serving():
        whole = pull(exchange, source)
        asked = len(source.asked)
        assert asked
        for answers in range(asked):
            source.asked.clear()
            source.cut_after = answers
            config, got = exchange.Config(**source.config(source.url)), list[Page]()
            with client() as line, pytest.raises(SourceTrouble):  # noqa: PT012 - what came before the cut counts
                for page in exchange.pull(config, line, checkpoint="", resume=""):
                    got.append(page)
            source.cut_after = None
            assert not any(page.checkpoint for page in got)
            resume = got[-1].resume if got else ""
            rest = pull(exchange, source, resume=resume)
            kept = got if resume else []
            assert standing([*kept, *rest]) == standing(whole)
            assert rest[-1].checkpoint


@every_list
def test_reading_a_round_again_changes_nothing(exchange: Exchange) -> None:
    source = recorded(exchange)
    with source.serving():
        first, again = pull(exchange, source), pull(exchange, source)
        assert standing(again, standing(first)) == standing(first)


@every_list
def test_what_a_connector_gives_is_within_its_limits(exchange: Exchange) -> None:
    source = recorded(exchange)
    with source.serving():
        pages = pull(exchange, source)
    for page in pages:
        assert len(page.resume) <= 4000
        assert not page.resume or json.loads(page.resume) is not None
        for change in page.changes:
            assert isinstance(change, Entry | Gone | Refusal)
            if isinstance(change, Entry):
                assert 1 <= len(change.key) <= MAX_KEY
                assert change.signals
                assert change.basis in ("", *BASES)
                assert not change.at or change.at.tzinfo


@every_list
def test_a_source_that_does_not_admit_us_says_what_to_do(exchange: Exchange) -> None:
    source = recorded(exchange)
    source.answer = lambda asked: importlib.import_module("tests.sources").Answer(status=401)
    with source.serving(), pytest.raises(SourceTrouble) as caught:
        pull(exchange, source)
    assert caught.value.permanent
    assert caught.value.diagnostics().count("\n")


@every_list
@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_is_trouble_or_nothing_and_never_a_defect(exchange: Exchange, nonsense: bytes) -> None:
    source = recorded(exchange)
    source.answer = lambda asked: importlib.import_module("tests.sources").Answer(nonsense)
    with source.serving():
        try:
            pages = pull(exchange, source)
        except SourceTrouble:
            return
    assert not any(isinstance(change, Entry) for page in pages for change in page.changes)
    assert not any(page.complete for page in pages)  # nonsense never empties a list


@every_oracle
def test_a_source_that_is_asked_tells_what_it_knows_and_nothing_of_the_rest(exchange: Exchange) -> None:
    source = recorded(exchange)
    asked = [value for pair in zip(source.known, source.unknown, strict=True) for value in pair]
    with source.serving():
        found = looked_up(exchange, source, asked)
    assert [entry.signals for entry in found] == [((exchange.asks[0], value),) for value in source.known]
    for entry in found:
        assert 1 <= len(entry.key) <= MAX_KEY
        scheme = registry.schemes()[entry.scheme]
        assert scheme.get(entry.code)


@every_oracle
def test_many_values_are_asked_in_few_questions(exchange: Exchange) -> None:
    source = recorded(exchange)
    with source.serving():
        looked_up(exchange, source, [f"{n:064x}" for n in range(1000)])
    assert 1 < len(source.asked) <= 20


@every_oracle
def test_nothing_is_asked_where_there_are_no_values(exchange: Exchange) -> None:
    source = recorded(exchange)
    with source.serving():
        assert looked_up(exchange, source, []) == []
    assert not source.asked


@every_oracle
@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_a_nonsense_answer_is_never_taken_for_not_known(exchange: Exchange, nonsense: bytes) -> None:
    source = recorded(exchange)
    source.answer = lambda asked: importlib.import_module("tests.sources").Answer(nonsense)
    with source.serving(), pytest.raises(SourceTrouble):
        looked_up(exchange, source, source.known)


@pytest.mark.parametrize("exchange", [one for one in EXCHANGES if not one.pulls], ids=lambda one: one.name)
def test_a_source_without_a_list_says_so(exchange: Exchange) -> None:
    source = recorded(exchange)
    with source.serving(), pytest.raises(SourceTrouble) as caught:
        pull(exchange, source)
    assert caught.value.permanent
    assert not source.asked


@every_oracle
def test_a_source_that_does_not_answer_our_questions_says_what_to_do(exchange: Exchange) -> None:
    source = recorded(exchange)
    source.answer = lambda asked: importlib.import_module("tests.sources").Answer(status=401)
    with source.serving(), pytest.raises(SourceTrouble) as caught:
        looked_up(exchange, source, source.known)
    assert caught.value.permanent
    assert caught.value.diagnostics().count("\n")
