"""Long answers: so many at once for each reader and for all, each place given back, and nobody reads for ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from himaya.accounts import streams
from himaya.accounts.streams import ReadTooSlowly, Streamed, TooManyStreams, paced, place

pytestmark = pytest.mark.django_db  # the end of an answer closes connections that earlier tests left


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "EACH", 2)
    monkeypatch.setattr(streams, "most_of_all", lambda: 3)
    monkeypatch.setattr(streams, "_TAKEN", streams.Counter())


def answer(reader: str) -> Streamed:
    with place(reader) as at:
        return Streamed([b"one", b"two"], at=at)


def test_a_reader_has_so_many_and_gets_another_once_one_is_closed() -> None:
    first, second = answer("partner:a"), answer("partner:a")
    with pytest.raises(TooManyStreams):
        answer("partner:a")
    first.close()
    first.close()  # a second time gives nothing back
    third = answer("partner:a")
    with pytest.raises(TooManyStreams):
        answer("partner:a")
    second.close()
    third.close()


def test_all_readers_together_have_so_many() -> None:
    held = [answer("partner:a"), answer("partner:a"), answer("person:1")]
    with pytest.raises(TooManyStreams):
        answer("partner:b")
    for one in held:
        one.close()
    assert b"".join(answer("partner:b")) == b"onetwo"


def test_a_place_that_came_to_nothing_is_given_back() -> None:
    for _ in range(5):
        with pytest.raises(ValueError, match="in the way"), place("partner:a"):
            raise ValueError("something in the way")


def test_whoever_reads_hardly_anything_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(streams.time, "monotonic", lambda: now[0])
    read = paced(bytes(1000) for _ in range(1000))
    for _ in range(80):  # 1,000 bytes a second after a minute: too few by 24
        next(read)
        now[0] += 0.97
    now[0] = 100.0
    with pytest.raises(ReadTooSlowly):
        next(read)


def test_what_the_server_needs_to_make_the_parts_is_not_the_time_of_who_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(streams.time, "monotonic", lambda: now[0])

    def made() -> Iterator[bytes]:
        for _ in range(5):
            now[0] += 100  # a report that is laid out, say
            yield b"a part"

    assert b"".join(paced(made())) == 5 * b"a part"
    slow = paced(made())
    next(slow)
    now[0] += 61  # now he is the one for whom everything waits
    with pytest.raises(ReadTooSlowly):
        next(slow)


def test_whoever_keeps_up_with_a_poor_line_reads_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(streams.time, "monotonic", lambda: now[0])
    size = 0
    for part in paced(bytes(8000) for _ in range(3600)):
        size += len(part)
        now[0] += 1
    assert size == 8000 * 3600
