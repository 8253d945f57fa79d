"""The lists in memory: current within a second in every process."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from tests.screening.on_lists import MD5, away, distances, film, known

from himaya.core import registry, search
from himaya.ledger.services import record
from himaya.lists.models import Item
from himaya.lists.services import change_list, mark_item
from himaya.screening import live, matching

pytestmark = pytest.mark.django_db


def changed_by_another_process(act: Callable[[], Any]) -> None:
    """Run ``act`` in a thread with a connection of its own, which commits."""

    def run() -> None:
        act()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)


def test_what_is_on_no_list_is_answered_without_the_database(django_assert_num_queries: Any) -> None:
    known(away(1))
    known(MD5, signal="md5")
    known(film(5), signal="vpdq")
    record("test.happened", by="system", about="test:1")
    live._live.catch_up(for_seconds=60)
    value, body = registry.signal("vpdq").read(film(99))
    far = [("pdq", away(99), ""), ("md5", "cd" * 16, ""), ("sha256", "cd" * 32, ""), ("vpdq", value, "")]
    with django_assert_num_queries(0):
        assert matching.find([far] * 5, limit=9, bodies={value: body}) == [([], [])] * 5


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
    changed_by_another_process(lambda: known(film(3), signal="vpdq"))
    assert wait_for([0, 1, 2, 3]) < 1
    changed_by_another_process(lambda: change_list("hotline", by="system", radius=1))
    assert wait_for([0, 1]) < 1
    changed_by_another_process(lambda: change_list("hotline", by="system", enabled=False))
    assert wait_for([]) < 1


def test_what_is_withdrawn_elsewhere_does_not_match_from_that_moment_on(following: None) -> None:
    known(film(2), signal="vpdq")
    wait_for([1, 2])
    for item in Item.objects.all():
        left = [hit for hit in distances() if hit != (1 if item.signal == "pdq" else 2)]
        changed_by_another_process(
            lambda pk=item.pk: mark_item(pk, state="withdrawn", by="system", reason="A mistake.")
        )
        assert distances() == left, "a hit is looked up once more"


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


def test_the_web_server_follows_from_the_first_question_on() -> None:
    from himaya.site import wsgi

    environ = RequestFactory().post("/api/v1/screen", "{}", content_type="application/json").environ
    assert live._follower is None
    wsgi.application({name: value for name, value in environ.items() if name != "HTTP_COOKIE"}, lambda *_: None)
    assert live._follower is not None


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


def test_changes_are_read_behind_the_view_that_was_but_not_for_ever() -> None:
    here = live.Live()
    before = here.view()
    known(away(1))
    here._reading_until = time.monotonic() + live.READING
    assert here.view() is before
    here._reading_until = time.monotonic()
    assert here.view().revision > before.revision
