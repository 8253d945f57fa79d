"""The chain: every entry follows from the one before, the database refuses changes, and what was changed is named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import assume, given
from hypothesis import strategies as st

from himaya.ledger import append_only, queries
from himaya.ledger.chain import GENESIS, Link, canonical, walk
from himaya.ledger.models import Entry, Head
from himaya.ledger.services import record

TEXTS = st.text(max_size=20)
FACTS = st.dictionaries(
    TEXTS, st.none() | st.booleans() | st.integers() | TEXTS | st.lists(TEXTS, max_size=3), max_size=4
)
ACTS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS, FACTS, st.integers(0, 10**9)), min_size=1, max_size=12)
START = datetime(2026, 1, 1, tzinfo=UTC)


def chained(acts: list[tuple[str, str, str, dict[str, object], int]]) -> list[Link]:
    """A chain of these acts."""
    links: list[Link] = []
    previous = GENESIS
    for seq, (actor, act, about, data, later) in enumerate(acts, start=1):
        link = Link(seq, START + timedelta(microseconds=later), actor, act, about, canonical(data), previous)
        previous = link.expected_digest()
        links.append(replace(link, digest=previous))
    return links


# --- the law ---------------------------------------------------------------------------------------------------------


@given(ACTS)
def test_a_chain_is_whole_and_so_is_every_beginning_of_it(acts: list) -> None:  # type: ignore[type-arg]
    links = chained(acts)
    for end in range(len(links) + 1):
        found = walk(links[:end])
        assert (found.whole, found.entries) == (True, end)
        assert found.head == (links[end - 1].digest if end else GENESIS)


@given(ACTS, st.data())
def test_whatever_is_changed_breaks_the_chain_at_that_entry(acts: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    links = chained(acts)
    place = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(st.sampled_from(["actor", "act", "about", "data", "at", "previous", "digest"]))
    new = data.draw(TEXTS) if field != "at" else links[place].at + timedelta(microseconds=1)
    assume(new != getattr(links[place], field))
    links[place] = replace(links[place], **{field: new})
    assert walk(links).broken_at == place + 1


@given(ACTS, st.data())
def test_an_entry_rewritten_with_a_fitting_digest_breaks_the_next_one(acts: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    links = chained([*acts, ("a", "b", "c", {}, 0)])
    place = data.draw(st.integers(0, len(links) - 2))
    forged = replace(links[place], actor=links[place].actor + "x")
    links[place] = replace(forged, digest=forged.expected_digest())
    found = walk(links)
    assert (found.broken_at, found.entries) == (place + 2, place + 1)


@given(ACTS, st.data())
def test_a_missing_entry_and_two_that_changed_places_are_found(acts: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    links = chained([*acts, ("a", "b", "c", {}, 0)])
    place = data.draw(st.integers(0, len(links) - 2))
    assert walk(links[:place] + links[place + 1 :]).broken_at == place + 1
    links[place], links[place + 1] = links[place + 1], links[place]
    assert walk(links).broken_at == place + 1


@given(FACTS)
def test_facts_are_written_alike_whatever_their_order(facts: dict[str, object]) -> None:
    assert canonical(facts) == canonical(dict(reversed(facts.items())))


@pytest.mark.parametrize("facts", [{"n": float("nan")}, {"content": b"bytes"}, {"at": START}])
def test_what_is_not_json_is_refused(facts: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        canonical(facts)


def test_the_same_moment_in_another_zone_has_the_same_digest() -> None:
    from zoneinfo import ZoneInfo

    link = chained([("a", "b", "c", {}, 0)])[0]
    assert replace(link, at=link.at.astimezone(ZoneInfo("Asia/Amman"))).expected_digest() == link.digest


# --- the database ----------------------------------------------------------------------------------------------------


def write(number: int = 3) -> None:
    """So many entries."""
    with transaction.atomic():
        for n in range(number):
            record("test.done", by="system", about=f"case:{n}", note=f"صورة {n}")


@pytest.mark.django_db(transaction=True)
def test_an_act_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="outside a transaction"):
        record("test.done", by="system", about="case:1")
    assert not Entry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_entry_vanishes_with_its_act() -> None:
    write(2)
    with transaction.atomic():
        record("test.done", by="system", about="case:9")
        transaction.set_rollback(True)
    write(1)
    assert queries.head()[0] == queries.proof().entries == 3


@pytest.mark.django_db
def test_what_was_written_is_read_back_and_whole() -> None:
    write(5)
    found = queries.proof()
    assert (found.whole, found.entries, found.head) == (True, 5, queries.head()[1])
    assert [row.data["note"] for row in queries.entries()][::-1] == [f"صورة {n}" for n in range(5)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_entry SET actor = 'somebody' WHERE seq = 2",
        "UPDATE ledger_entry SET seq = 20 WHERE seq = 2",
        "DELETE FROM ledger_entry WHERE seq = 3",
        "DELETE FROM ledger_entry",
    ],
)
def test_the_database_refuses_to_change_or_delete_an_entry(change: str) -> None:
    write()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Entry.objects.filter(seq=2).update(actor="somebody")
    assert (queries.proof().whole, Entry.objects.count()) == (True, 3)


@pytest.mark.django_db
def test_the_database_refuses_to_empty_the_table_at_once() -> None:
    write()
    emptied = "TRUNCATE ledger_entry" if connection.vendor == "postgresql" else "DELETE FROM ledger_entry"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(emptied)
    assert Entry.objects.count() == 3


@pytest.fixture
def unguarded(db: None) -> Iterator[None]:
    """Five entries, and the triggers taken away, as somebody could who owns the database."""
    write(5)
    append_only.unsafe_remove(connection)
    assert not append_only.is_installed(connection)
    yield
    append_only.install(connection)


@pytest.mark.parametrize(
    ("change", "entry", "why"),
    [
        ("UPDATE ledger_entry SET actor = 'somebody' WHERE seq = 2", 2, "its content was changed"),
        ("UPDATE ledger_entry SET content = '{}' WHERE seq IN (4, 3)", 3, "its content was changed"),
        ("UPDATE ledger_entry SET previous = digest WHERE seq = 4", 4, "does not follow from the entry before"),
        ("DELETE FROM ledger_entry WHERE seq = 3", 3, "entry 3 is missing; the next one found is 4"),
        ("DELETE FROM ledger_entry WHERE seq = 5", 5, "the head says 5 entries; 4 are there"),
        ("DELETE FROM ledger_entry", 1, "the head says 5 entries; 0 are there"),
        (f"UPDATE ledger_head SET digest = '{'0' * 64}'", 5, "the head names another digest"),
        ("UPDATE ledger_head SET seq = 4", 4, "the head names another digest"),
    ],
)
def test_what_was_changed_behind_our_back_is_named(unguarded: None, change: str, entry: int, why: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(change)
    found = queries.proof()
    assert not found.whole
    assert found.broken_at == entry
    assert why in found.why


def test_an_entry_slipped_in_at_the_end_is_found(unguarded: None) -> None:
    last = Entry.objects.get(seq=5)
    slipped = replace(last.link(), seq=6, previous=last.digest)
    Entry.objects.create(
        seq=6, at=slipped.at, actor=slipped.actor, act=slipped.act, about=slipped.about, content=slipped.data,
        previous=slipped.previous, digest=slipped.expected_digest(),
    )  # fmt: skip
    assert (queries.proof().broken_at, queries.proof().why) == (6, "it stands after the end that the head names")


@pytest.mark.django_db(transaction=True)
def test_two_writers_at_once_keep_the_chain_whole_and_the_proof_goes_on_beside_them() -> None:
    write(1)
    failures: list[Exception] = []
    proofs: list[bool] = []
    together = threading.Barrier(3)

    def work(act: str) -> None:
        try:
            together.wait()
            for n in range(40):
                if act == "proof":
                    proofs.append(queries.proof().whole)
                    continue
                with transaction.atomic():
                    record(act, by="system", about=f"case:{n}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shall show it
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(act,)) for act in ("test.one", "test.two", "proof")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(proofs)
    assert len(proofs) == 40
    found = queries.proof()
    assert (found.whole, found.entries) == (True, 81)
    assert Head.objects.count() == 1


@pytest.mark.django_db
def test_acts_are_listed_once_each() -> None:
    with transaction.atomic():
        for act in ("b.two", "a.one", "b.two", "b.one"):
            record(act, by="system", about="case:1")
    assert queries.acts() == ["a.one", "b.one", "b.two"]


@pytest.mark.django_db
def test_the_database_refuses_to_put_another_entry_in_the_place_of_one() -> None:
    write()
    columns = "seq, at, actor, act, about, content, previous, digest"
    replaced = columns.replace("actor", "'somebody'", 1)
    insert = "INSERT OR REPLACE" if connection.vendor == "sqlite" else "INSERT"
    statement = f"{insert} INTO ledger_entry ({columns}) SELECT {replaced} FROM ledger_entry WHERE seq = 2"
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert queries.proof().whole
    assert Entry.objects.get(seq=2).actor != "somebody"
