"""A round on its way in, from a source that means no good: bounded on disk and in memory, or refused in words."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from himaya.core.exchange import MAX_SIGNALS, Entry, Exchange, Gone, Page, SourceTrouble, Vote
from himaya.core.outward import Client
from himaya.core.ports import Refusal
from himaya.core.statements import LONGEST
from himaya.core.words import unpacked
from himaya.lists import subscribing
from himaya.lists.models import HashList, Item, Subscription
from himaya.lists.subscribing import rounds, spool
from himaya.lists.subscribing.spool import Spool

VALUE = "ab" * 32


@pytest.fixture
def held() -> Iterator[Spool]:
    with Spool(987_654, "test") as made:
        made.clear()
        yield made
        made.remove()


def entry(key: str, **more: Any) -> Entry:
    return Entry(key, (("pdq", VALUE),), **more)


def kept(of: Spool) -> list[str]:
    return [key for batch in of.batches(100) for key in batch]


# --- what is malformed -----------------------------------------------------------------------------------------------


def test_an_entry_with_a_million_fingerprints_is_refused(held: Spool) -> None:
    many = Entry("k", (("pdq", VALUE),) * 1_000_000)
    tracemalloc.start()
    with pytest.raises(SourceTrouble, match=str(MAX_SIGNALS)):
        held.add(Page((many,)))
    assert tracemalloc.get_traced_memory()[1] < 1024**2
    tracemalloc.stop()
    assert len(held) == 0


@pytest.mark.parametrize("key", ["", "x" * 121, "a\0b", "half \ud800", "\udfff"])
@pytest.mark.parametrize("kind", ["entry", "gone"])
def test_a_key_that_is_none_is_refused_and_nothing_of_its_page_is_kept(held: Spool, key: str, kind: str) -> None:
    change = entry(key) if kind == "entry" else Gone(key)
    with pytest.raises(SourceTrouble, match="one of its keys") as caught:
        held.add(Page((entry("before"), change)))
    assert caught.value.permanent
    assert caught.value.facts["mend"]
    assert kept(held) == []


@pytest.mark.parametrize("text", ["a\0b", "half \ud83d", "\udc00 a"])
def test_an_entry_that_cannot_be_stored_is_refused_and_the_others_stay(held: Spool, text: str) -> None:
    bad = [
        entry("note", note=text),
        entry("member", organisation=text),
        entry("code", scheme="interpol", code=text),
        entry("vote", votes=(Vote("a.example", "confirm", text),)),
        Entry("value", (("pdq", text),)),
        Entry("kind", ((text, VALUE),)),
    ]
    held.add(Page((entry("first"), *bad, entry("last"), Refusal(3, text, text))))
    assert kept(held) == ["first", "last"]
    assert held.refused == len(bad) + 1
    assert {one["excerpt"] for one in held.refusals()} > {one.key for one in bad}
    assert all(str(unpacked(one["why"])).isprintable() for one in held.refusals())


@pytest.mark.parametrize(
    "page",
    [
        Page(resume="x" * 4001),
        Page(resume="x" * 1024**2),
        Page(resume="half \ud800"),
        Page(checkpoint="y" * 100 * 1024**2),
        Page(checkpoint="a\0b"),
    ],
    ids=["longer", "a megabyte", "half a pair", "a hundred megabytes", "NUL"],
)
def test_a_note_that_is_too_long_or_no_text_is_refused(held: Spool, page: Page) -> None:
    with pytest.raises(SourceTrouble, match="where it goes on"):
        held.add(page)
    assert (held.note("resume"), held.ended) == ("", False)


def test_the_longest_notes_there_may_be_are_kept(held: Spool) -> None:
    held.add(Page(resume="r" * 4000, checkpoint="c" * 1_000_000))
    assert (len(held.note("resume")), len(held.note("checkpoint"))) == (4000, 1_000_000)


def test_refusals_without_end_are_counted_and_a_thousand_are_kept(held: Spool) -> None:
    for _ in range(5):
        held.add(Page(tuple(Refusal(n, "why", "x") for n in range(1000))))
    assert held.refused == 5000
    assert held._db.execute("SELECT COUNT(*) FROM refused").fetchone() == (1000,)


# --- what has no end -------------------------------------------------------------------------------------------------


def pages(number: int, size: int = 1000) -> Iterator[Page]:
    for n in range(number):
        yield Page(tuple(entry(f"{n}-{m}") for m in range(size)), resume=str(n))


def test_more_entries_than_any_list_has_are_refused(held: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MOST", 5000)
    for page in pages(5):
        held.add(page)
    with pytest.raises(SourceTrouble, match="more than 5000 entries"):
        held.add(Page((entry("one more"),)))
    assert len(held) == 0  # begun anew, once the source is another
    held.add(Page((entry("k"),)))
    assert len(held) == 1


def test_memory_stays_where_it_is_whatever_comes(held: Spool) -> None:
    tracemalloc.start()
    for page in pages(60):
        held.add(page)
    small = tracemalloc.get_traced_memory()[1]
    for batch in held.batches(500):
        assert len(batch) == 500
    assert tracemalloc.get_traced_memory()[1] < small + 4 * 1024**2 < 16 * 1024**2
    tracemalloc.stop()
    assert len(held) == 60_000


def test_the_same_key_again_and_again_takes_no_room(held: Spool) -> None:
    for n in range(200):
        held.add(Page(tuple(entry("k", note=f"{n} {m}") for m in range(100))))
    assert len(held) == 1
    [batch] = held.batches(10)
    assert batch["k"] is not None
    assert batch["k"].note == "199 99"


def test_of_two_changes_of_a_key_the_later_one_counts_on_whichever_page(held: Spool) -> None:
    late, early = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    held.add(Page((entry("a", at=late, note="new"), Gone("b", at=late))))
    held.add(Page((entry("a", at=early, note="old"), entry("b", at=early))))
    [batch] = held.batches(10)
    assert batch["b"] == Gone("b", at=datetime(2026, 2, 1, tzinfo=UTC))
    assert batch["a"] is not None
    assert batch["a"].note == "new"


# --- a whole round ---------------------------------------------------------------------------------------------------


class NoOptions(BaseModel):
    """Nothing."""


class Drip(Exchange):
    """Answers with these pages, or without an end."""

    name: ClassVar[str] = "drip"
    label: ClassVar[str] = "Drip"
    Config: ClassVar[type[BaseModel]] = NoOptions
    terms: ClassVar[str] = "-"

    def __init__(self, told: Iterable[Page]) -> None:
        self.told = told

    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        yield from self.told


@pytest.fixture
def one(hotline: HashList) -> Subscription:
    options = {"directory": "/nowhere", "path": "x.csv"}
    made = subscribing.subscribe("drip", to=hotline, exchange="file", options=options, by="system", private=True)
    return subscribing.find(made.name)


def read(one: Subscription, told: Iterable[Page], tmp_path: Path) -> Spool:
    with Client(private=True, attempts=1, keep=tmp_path) as line:
        return rounds.read(one, Drip(told), NoOptions(), line, lambda *_: None)


def endless() -> Iterator[Page]:
    while True:
        yield Page((entry("k"),), resume="again")


@pytest.mark.django_db(transaction=True)
def test_a_round_that_never_ends_is_given_up_and_begun_anew(
    one: Subscription, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MOST_PAGES", 300)
    for _ in range(2):
        with pytest.raises(SourceTrouble, match="no end within 300 pages") as caught:
            read(one, endless(), tmp_path)
        assert caught.value.permanent
        assert spool.waiting(one.pk) == 0
    read(one, [Page((entry("k"),), checkpoint="1")], tmp_path).remove()


@pytest.mark.django_db(transaction=True)
def test_a_round_without_a_last_page_counts_for_nothing(one: Subscription, tmp_path: Path) -> None:
    with pytest.raises(SourceTrouble, match="no end"):
        read(one, [Page((entry("k"),), resume="1")], tmp_path)
    assert not Item.objects.exists()
    Spool(one.pk, "other").remove()


@pytest.mark.django_db(transaction=True)
def test_what_a_source_says_in_texts_that_no_database_takes_does_not_stop_the_round(
    one: Subscription, tmp_path: Path
) -> None:
    told = (
        entry("good"),
        entry("bad", note="a\0b\ud800"),
        Refusal(1, "no \0", "\ud800 x"),
        Entry("odd", (("pdq", "\0"),)),
    )
    held = read(one, [Page(told, checkpoint="1")], tmp_path)
    done = rounds.apply(one, held, lambda *_: None)
    held.remove()
    assert done is not None
    assert (done.added, done.refused) == (1, 3)
    assert subscribing.find("drip").told["refused"] == 3


def test_what_is_gone_is_kept_with_its_reason_and_time(held: Spool) -> None:
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    held.add(Page((Gone("a", "withdrawn there", at), Gone("b"), Gone("c", "half \ud800 \0"), Gone("d", "x" * 9999))))
    [batch] = held.batches(10)
    assert (batch["a"], batch["b"]) == (Gone("a", "withdrawn there", at), Gone("b"))
    assert batch["c"].reason.isprintable()  # type: ignore[union-attr]
    assert batch["d"] == Gone("d", "x" * LONGEST)
