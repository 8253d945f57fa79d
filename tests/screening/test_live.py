"""The lists in memory: opened from a shared file, current within a second, and never wrong because of a file."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from himaya.core import faults, search
from himaya.core.ports import ItemRow
from himaya.ledger.services import record
from himaya.lists.models import HashList, Item
from himaya.lists.services import add_items, change_list, create_list, mark_item
from himaya.screening import keeping, live, matching, snapshots

pytestmark = pytest.mark.django_db
PDQ, MD5 = "5a" * 32, "ab" * 16
SIGNALS = ["md5", "pdq"]


def away(bits: int) -> str:
    """A value that differs from :data:`PDQ` in so many bits."""
    return f"{int(PDQ, 16) ^ ((1 << bits) - 1):064x}"


def known(*values: str, signal: str = "pdq", to: str = "hotline") -> list[Item]:
    """Items on a list, which is made where it is missing."""
    listed = HashList.objects.filter(name=to).first() or create_list(to, by="system")
    add_items(listed, rows=[ItemRow(0, signal, value) for value in values], by="system")
    return list(Item.objects.filter(list=listed, signal=signal, value__in=values).order_by("pk"))


def distances() -> list[int]:
    """How far from PDQ the matches are, and 0 for MD5."""
    return [hit.distance for hit in matching.find([[("pdq", PDQ, ""), ("md5", MD5, "")]], limit=99)[0].matches]


def changed_by_another_process(act: Callable[[], Any]) -> None:
    """Run ``act`` in a thread with a connection of its own, which commits."""

    def run() -> None:
        act()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)


@pytest.fixture
def written() -> None:
    """Files of both kinds, and two items that came after them."""
    known(away(1), away(2))
    known(MD5, signal="md5")
    for signal in SIGNALS:
        live.merge(signal)
    known(away(3))
    live.forget()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """From which revision on each signal was read from the database."""
    seen: list[tuple[str, int]] = []
    real = live.lists.matching_since

    def matching_since(number: int, *, signal: str) -> Iterator[Any]:
        seen.append((signal, number))
        return real(number, signal=signal)

    monkeypatch.setattr(live.lists, "matching_since", matching_since)
    return seen


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_file_gives_the_state_that_it_was_written_at_and_the_database_the_rest(
    written: None, reads: list[tuple[str, int]]
) -> None:
    assert distances() == [0, 1, 2, 3]
    assert {signal for signal, number in reads if number} == {"md5", "pdq"}
    view = live.view()
    assert (view.beside["pdq"], len(view.near["pdq"])) == (1, 3)


def test_writing_a_file_takes_in_what_lay_beside_it(written: None) -> None:
    live.merge("pdq")
    assert live.view().beside["pdq"] == 0
    assert distances() == [0, 1, 2, 3]
    live.forget()
    assert live.view().beside["pdq"] == 0


def test_what_was_withdrawn_after_a_file_was_written_does_not_match(written: None) -> None:
    mark_item(Item.objects.get(value=away(1)).pk, state="withdrawn", by="system", reason="Not what it seemed.")
    mark_item(Item.objects.get(value=MD5).pk, state="withdrawn", by="system", reason="Not what it seemed.")
    assert distances() == [2, 3]


@pytest.mark.parametrize("damage", ["flipped header", "cut", "foreign", "empty", "of another signal"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_a_damaged_or_foreign_file_is_passed_over_and_written_anew(
    written: None, signal: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = snapshots.path(signal)
    content = bytearray(file.read_bytes())
    if damage == "flipped header":
        content[9] ^= 1
    elif damage == "cut":
        del content[-1:]
    elif damage == "foreign":
        content = bytearray(b"something else altogether" * 500)
    elif damage == "empty":
        content = bytearray()
    else:
        content = bytearray(snapshots.path(next(s for s in SIGNALS if s != signal)).read_bytes())
    file.unlink()
    file.write_bytes(content)
    assert distances() == [0, 1, 2, 3]
    assert "read from the database instead" in caplog.text
    live.merge(signal)
    live.forget()
    caplog.clear()
    assert distances() == [0, 1, 2, 3]
    assert caplog.text == ""


def test_damage_inside_of_a_file_is_found_by_reading_it_whole_and_the_file_put_away(written: None) -> None:
    file = snapshots.path("md5")
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    assert [error.facts["path"] for error in keeping.check()] == [file]
    assert not file.exists()
    assert keeping.check() == []
    assert distances() == [0, 1, 2, 3]


def test_a_file_of_a_database_whose_past_is_another_one_is_passed_over(
    written: None, reads: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = snapshots.path("pdq")
    opened = search.open(file)
    note = json.loads(opened.note)
    note["entry"][1] = "0" * 64
    opened.save(file, json.dumps(note).encode())
    assert distances() == [0, 1, 2, 3]
    assert ("pdq", 0) in reads
    assert "another database" in caplog.text


def test_a_file_that_is_ahead_of_a_restored_database_is_passed_over(written: None) -> None:
    known(away(4))
    live.merge("pdq")
    live.forget()
    from himaya.lists.models import Revision

    last = Item.objects.get(value=away(4))
    revision = last.revision
    Item.objects.filter(pk=last.pk).delete()
    Revision.objects.filter(pk=revision).delete()
    assert distances() == [0, 1, 2, 3]


def test_a_new_file_of_another_process_is_opened(written: None) -> None:
    here, there = live.Live(), live.Live()
    assert here.view().beside["pdq"] == 1
    there.merge("pdq")
    view = here.view()
    assert (view.beside["pdq"], len(view.near["pdq"])) == (0, 3)


def test_a_merge_that_ends_before_its_time_leaves_the_file_that_was_there(written: None) -> None:
    before = snapshots.path("pdq").read_bytes()
    faults.arm("files.replace:raise")
    with pytest.raises(faults.InjectedFault):
        live.merge("pdq")
    faults.arm("")
    assert snapshots.path("pdq").read_bytes() == before
    assert sorted(path.name for path in snapshots.directory().iterdir()) == ["md5.index", "pdq.index"]
    assert distances() == [0, 1, 2, 3]


def test_files_are_written_once_enough_has_changed(written: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keeping.due(live.view()) == []
    monkeypatch.setattr(keeping, "SMALL", 0)
    assert keeping.due(live.view()) == ["pdq"]
    assert keeping.keep()
    assert live.view().beside == {**live.view().beside, "pdq": 0}


def test_one_process_of_a_machine_writes(written: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "SMALL", 0)
    with keeping.locked() as ours:
        assert ours
        assert not keeping.keep()
    assert keeping.keep()


# --- following -------------------------------------------------------------------------------------------------------


def test_what_is_on_no_list_is_answered_without_the_database(django_assert_num_queries: Any) -> None:
    known(away(1))
    known(MD5, signal="md5")
    record("test.happened", by="system", about="test:1")
    live._live.catch_up(for_seconds=60)
    far = [("pdq", away(99), ""), ("md5", "cd" * 16, ""), ("sha256", "cd" * 32, "")]
    with django_assert_num_queries(0):
        assert matching.find([far] * 5, limit=9) == [([], [])] * 5


def test_only_what_may_be_known_is_looked_up(django_assert_num_queries: Any) -> None:
    known(MD5, signal="md5")
    live._live.catch_up(for_seconds=60)
    with django_assert_num_queries(1):
        [(hits, _)] = matching.find([[("md5", MD5, ""), ("sha256", "cd" * 32, "")]], limit=9)
    assert [hit.item.value for hit in hits] == [MD5]


@pytest.fixture
def following(transactional_db: None) -> Iterator[None]:
    """A thread of this process follows the lists."""
    known(away(1))
    live.follow()
    wait_for([1])
    yield
    live.forget()


def wait_for(expected: list[int]) -> float:
    """Seconds until the matches are these."""
    begun = time.monotonic()
    while distances() != expected:
        assert time.monotonic() < begun + 5, distances()
        time.sleep(0.01)
    return time.monotonic() - begun


def test_a_change_elsewhere_holds_within_a_second(following: None) -> None:
    changed_by_another_process(lambda: known(away(2)))
    assert wait_for([1, 2]) < 1
    changed_by_another_process(lambda: known(MD5, signal="md5"))
    assert wait_for([0, 1, 2]) < 1
    changed_by_another_process(lambda: change_list("hotline", by="system", radius=1))
    assert wait_for([0, 1]) < 1
    changed_by_another_process(lambda: change_list("hotline", by="system", enabled=False))
    assert wait_for([]) < 1


def test_what_is_withdrawn_elsewhere_does_not_match_from_that_moment_on(following: None) -> None:
    [item] = Item.objects.all()
    changed_by_another_process(lambda: mark_item(item.pk, state="withdrawn", by="system", reason="A mistake."))
    assert distances() == [], "a hit is looked up once more"


def test_where_the_thread_cannot_follow_questions_ask_the_database_themselves(
    following: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    live._follower.end()  # type: ignore[union-attr]
    changed_by_another_process(lambda: known(away(2)))
    assert wait_for([1, 2]) < 1.5


def test_a_follower_outlives_a_database_that_does_not_answer(
    following: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from django.db import OperationalError

    failed = threading.Event()
    real = live.lists.revision

    def revision() -> int:
        if threading.current_thread().name == "lists" and not failed.is_set():
            failed.set()
            raise OperationalError("the server closed the connection")
        return real()

    monkeypatch.setattr(live.lists, "revision", revision)
    assert failed.wait(5)
    changed_by_another_process(lambda: known(away(2)))
    wait_for([1, 2])
    assert "cannot be followed: the server closed the connection" in caplog.text


def test_nobody_waits_while_a_large_change_is_read(following: None, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, done = threading.Event(), threading.Event()
    real = live.lists.matching_since

    def slowly(number: int, *, signal: str) -> Iterator[Any]:
        reading.set()
        assert done.wait(10)
        return real(number, signal=signal)

    monkeypatch.setattr(live.lists, "matching_since", slowly)
    changed_by_another_process(lambda: known(away(2)))
    assert reading.wait(5)
    time.sleep(live.FRESH)
    begun = time.monotonic()
    assert distances() == [1], "the lists as they were before"
    assert time.monotonic() - begun < 1
    done.set()
    wait_for([1, 2])


def test_an_import_is_seen_whole_or_not_at_all(following: None) -> None:
    values = [away(n) for n in range(2, 30)]
    seen: set[int] = set()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            seen.add(len(distances()))
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    changed_by_another_process(lambda: known(*values))
    wait_for(list(range(1, 30)))
    done.set()
    thread.join(30)
    assert seen <= {1, 29}


def test_the_web_server_follows(client: Client) -> None:
    import importlib

    from himaya.site import wsgi

    importlib.reload(wsgi)
    assert live._follower is not None


# --- memory ----------------------------------------------------------------------------------------------------------


def test_firsts_say_perhaps_of_what_was_added_and_no_of_the_rest(tmp_path: Path) -> None:
    values = [hashlib.md5(bytes([n % 256, n // 256])).hexdigest() for n in range(600)]
    index = search.Prefixes.build(search.of_hex(values[:300]))
    index.add(search.of_hex(values[300:500]))
    index.save(tmp_path / "x", b"a note")
    opened = search.Prefixes.open(tmp_path / "x")
    assert (opened.note, len(opened)) == (b"a note", 500)
    for one in (index, opened):
        assert one.perhaps(search.of_hex(values[:500])).all()
        assert not one.perhaps(search.of_hex(values[500:])).any()
