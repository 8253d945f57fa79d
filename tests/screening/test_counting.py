"""The day's counts: a miss writes nothing of its own, and still every number is there when somebody reads."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from tests.program import Program, sha256

from himaya.core import clock
from himaya.core.ports import ItemRow
from himaya.lists.services import add_items, create_list
from himaya.screening import counting, queries
from himaya.screening.models import DayCount

pytestmark = pytest.mark.django_db(transaction=True)


def written() -> dict[str, int]:
    return dict(DayCount.objects.values_list("outcome", "number"))


def ask(program: Program, *contents: str, **more: str) -> None:
    items = [{"signal": "sha256", "value": sha256(content)} for content in contents]
    assert program.post("/screen", {"items": items}, **more).status_code == 200


def test_a_miss_begins_no_transaction_and_is_read_at_once() -> None:
    program = Program("screen")
    ask(program, "what warms up")
    with CaptureQueriesContext(connection) as asked:
        ask(program, "never seen", "nor this")
    told = [query["sql"].split()[0] for query in asked]
    assert set(told) == {"SELECT"}, told
    assert written() == {}
    assert queries.today() == Counter(miss=3)
    assert queries.per_day(days=2)[-1][1:] == (3, 0)
    assert queries.tally()["screened.misses"] == 3


def test_a_hit_is_counted_in_the_transaction_of_its_case() -> None:
    program = Program("screen")
    add_items(create_list("l", by="system"), rows=[ItemRow(0, "sha256", sha256("tea"))], by="system")
    ask(program, "tea", "never seen")
    assert written() == {"hit": 1, "miss": 1}


def test_a_count_within_a_transaction_goes_with_it() -> None:
    with transaction.atomic():
        counting.count({"hit": 1}, origin="scan")
        transaction.set_rollback(True)
    assert queries.today() == Counter()


def test_what_waits_is_written_once_and_added_to_what_is_there() -> None:
    for _ in range(3):
        counting.count({"miss": 2, "skipped": 1}, origin="api")
        counting.flush()
        counting.flush()
    assert written() == {"miss": 6, "skipped": 3}
    assert queries.today() == Counter(miss=6, skipped=3)


def test_what_waits_is_written_after_a_moment_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "AFTER", 0.1)
    counting.count({"miss": 1}, origin="api")
    counting.count({"miss": 1}, origin="api")
    end = time.monotonic() + 20
    while not written():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert written() == {"miss": 2}
    for one in threading.enumerate():
        if isinstance(one, threading.Timer):
            one.join(20)  # it closes its connection


def test_many_threads_that_count_and_write_at_once_lose_nothing() -> None:
    def work() -> None:
        for _ in range(20):
            counting.count({"miss": 1}, origin="api")
            counting.flush()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counting.flush()
    assert written() == {"miss": 80}


def test_what_the_database_refuses_waits_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("disk is full")

    counting.count({"miss": 1}, origin="api")
    with monkeypatch.context() as patch:
        patch.setattr(counting, "_write", refuse)
        counting.flush()
    assert (written(), queries.today()) == ({}, Counter(miss=1))
    counting.flush()
    assert written() == {"miss": 1}


def test_a_forked_process_does_not_count_what_its_parent_will() -> None:
    counting.count({"miss": 1}, origin="api")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # no database here: its connection is the parent's
        os.write(writing, b"nothing" if not counting.waiting() else b"something")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 20) == b"nothing"
    os.close(reading)
    os.close(writing)
    assert counting.waiting() == {(clock.now().date(), "api", "miss"): 1}
