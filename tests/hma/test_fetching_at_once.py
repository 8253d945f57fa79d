"""Several fetches at a time: who waits for slow hosts, and who does not."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import RequestFactory
from tests.drawn import picture
from tests.hma import serving
from tests.hma.conftest import Hma, refused
from tests.hma.serving import Served, at, content, status

from himaya.core.config import WEB_THREADS
from himaya.core.errors import HimayaError
from himaya.hma import fetching
from himaya.hma.api.hashing import hash_url
from himaya.hma.door import refusal


def hashed_at_once(path: str, server: Served, number: int) -> list[Any]:
    """The answers to as many questions at a time, each from a thread of its own; the database is asked of none."""
    request = RequestFactory().get("/hma/h/hash", {"url": at(server, path), "types": "sha256"})
    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(lambda _: answer_of(request), range(number)))


def answer_of(request: Any) -> Any:
    try:
        return hash_url(request)
    except HimayaError as error:
        return refusal(error)


def test_hosts_that_are_slow_take_half_of_the_threads_and_who_comes_then_is_sent_away_at_once(
    hma: Hma, server: Served, pages: dict[str, serving.Serve], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "QUICK", 0.2)
    let_go = threading.Event()

    def hold(handler: Any) -> None:
        let_go.wait(30)
        content(picture(1))(handler)

    pages["/slow"] = hold
    held: list[Any] = []
    slow = threading.Thread(target=lambda: held.extend(hashed_at_once("/slow", server, fetching.AT_ONCE)))
    slow.start()
    while len(server.asked) < fetching.AT_ONCE:
        assert slow.is_alive()
        time.sleep(0.01)
    for path in ("/slow", "/a.jpg"):
        begun = time.monotonic()
        refused_now = hma.get("/h/hash", url=at(server, path))
        assert time.monotonic() - begun < 5, "it does not wait for those that are slow"
        refused(refused_now, 503, "slow", "POST")
        assert refused_now["Retry-After"]
    assert server.asked == ["/slow"] * fetching.AT_ONCE, "nobody else is fetched from"
    assert hma.upload("/h/hash?types=sha256", picture(1)).status_code == 200
    let_go.set()
    slow.join()
    assert [answer.status_code for answer in held] == [200] * fetching.AT_ONCE
    assert hma.get("/h/hash", url=at(server)).status_code == 200


def test_hosts_that_are_quick_serve_more_at_a_time_than_are_fetched(
    hma: Hma, server: Served, pages: dict[str, serving.Serve]
) -> None:
    """A client that asks for many at once gets them all, and there are never more under way than is said."""
    under_way, most, lock = 0, 0, threading.Lock()

    def brief(handler: Any) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with lock:
            under_way -= 1
        content(picture(1))(handler)

    pages["/brief"] = brief
    answers = hashed_at_once("/brief", server, WEB_THREADS)
    assert [answer.status_code for answer in answers] == [200] * WEB_THREADS
    assert len(server.asked) == WEB_THREADS
    assert most <= fetching.AT_ONCE


def test_room_is_given_back_whatever_comes_of_a_fetch(
    hma: Hma, server: Served, pages: dict[str, serving.Serve]
) -> None:
    pages["/gone"] = status(404)
    pages["/away"] = status(302, Location="http://169.254.169.254/latest")
    for path, expected in (("/gone", 502), ("/away", 403)):
        for _ in range(fetching.AT_ONCE + 1):
            refused(hma.get("/h/hash", url=at(server, path)), expected)
    assert hma.get("/h/hash", url=at(server)).status_code == 200
