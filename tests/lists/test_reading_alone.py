"""A round over a slow line is one round: whoever reads it shows that, and nobody else begins it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import connection

from himaya.lists import subscribing
from himaya.lists.models import HashList, Item, Subscription

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = [f"{n:032x}\n".encode() for n in range(12)]


class Slow:
    """A server of one file that gives a row each time it is told to."""

    def __init__(self) -> None:
        self.told = threading.Semaphore(0)
        self.downloads = 0

    @contextmanager
    def serving(self) -> Iterator[str]:
        slow = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(sum(map(len, ROWS))))
                self.end_headers()

            def do_GET(self) -> None:
                slow.downloads += 1
                self.do_HEAD()
                for row in ROWS:
                    slow.told.acquire()
                    self.wfile.write(row)
                    self.wfile.flush()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/list.txt"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@pytest.fixture
def slow(clock: Any) -> Iterator[tuple[Slow, Subscription]]:
    made = Slow()
    hotline = make()
    with made.serving() as url:
        options = {"address": url, "signal": "md5"}
        subscribing.subscribe("slow", to=hotline, exchange="file", options=options, by="person:1", private=True)
        yield made, subscribing.find("slow")


def make() -> HashList:
    from himaya.lists import services

    return services.create_list("hotline", by="system")


@contextmanager
def running(one: Subscription) -> Iterator[threading.Thread]:
    def run() -> None:
        try:
            subscribing.run(one)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join(60)


def until(there: Callable[[], bool]) -> None:
    """Wait for what the other thread does; give up after a while, and let the test say what is wrong."""
    end = time.monotonic() + 10
    while not there() and time.monotonic() < end:
        time.sleep(0.02)


def due(one: Subscription) -> Any:
    return Subscription.objects.get(pk=one.pk).due_at


def test_a_round_that_comes_in_slowly_is_not_begun_again(slow: tuple[Slow, Subscription], clock: Any) -> None:
    server, one = slow
    taken = subscribing.claim()
    assert taken == one
    with running(one):
        until(lambda: server.downloads > 0)
        for _ in ROWS:
            clock.advance(timedelta(seconds=100))
            before = due(one)
            server.told.release()
            until(lambda before=before: due(one) != before)  # type: ignore[misc]
            assert subscribing.claim() is None
    assert (server.downloads, Item.objects.count()) == (1, len(ROWS))


def test_two_never_read_into_the_same_files(slow: tuple[Slow, Subscription], clock: Any) -> None:
    server, one = slow
    with running(one):
        until(lambda: server.downloads > 0)
        clock.advance(timedelta(days=1))  # it stands still for so long that it counts as dead
        with pytest.raises(subscribing.BeingRead):
            subscribing.run(one)
        assert Subscription.objects.get(pk=one.pk).trouble == {}
        for _ in ROWS:
            server.told.release()
    assert (server.downloads, Item.objects.count()) == (1, len(ROWS))
