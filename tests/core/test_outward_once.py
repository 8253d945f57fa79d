"""Something is said once: whether it can have arrived is told, and what comes back has an end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.sources import Answer, Asked, Source

from himaya.core.outward.guard import BrokenOff, NotReached
from himaya.core.outward.once import MOST, say

AUTH = ("user", "password")


class Told(Source):
    """Answers as it is told to."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.told = answer

    def answer(self, asked: Asked) -> Answer:
        return self.told


def test_a_body_in_pieces_arrives_whole_with_its_length() -> None:
    source = Told(Answer("taken", 418))
    with source.serving() as url:
        came = say("POST", url, headers={"X-A": "b"}, auth=AUTH, content=iter([b"one", b"two"]), size=6, private=True)
    (asked,) = source.asked
    assert (came.status, came.content) == (418, b"taken")
    assert (asked.body, asked.headers["content-length"], asked.headers["x-a"]) == (b"onetwo", "6", "b")
    assert "transfer-encoding" not in asked.headers
    assert asked.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "answer",
    [Answer(b"x" * (MOST + 1)), Answer(b"x", headers={"Content-Encoding": "gzip"}),
     Answer(b"x", headers={"Content-Length": "7"})],
    ids=["too large", "packed", "cut off"],
)  # fmt: skip
def test_an_answer_that_is_not_whole_may_have_been_one(answer: Answer) -> None:
    source = Told(answer)
    if answer.headers.get("Content-Length"):
        source.cut_after = 0
    with source.serving() as url, pytest.raises(BrokenOff):
        say("POST", url, headers={}, auth=AUTH, content=b"x", private=True)
    assert len(source.asked) == 1  # and it was not said again


def test_redirects_are_answers_and_nobody_follows_them() -> None:
    source = Told(Answer(status=307, headers={"Location": "https://elsewhere.example/"}))
    with source.serving() as url:
        assert say("POST", url, headers={}, auth=AUTH, content=b"x", private=True).status == 307
    assert len(source.asked) == 1


def test_a_private_network_has_to_be_allowed() -> None:
    source = Told(Answer())
    with source.serving() as url:
        with pytest.raises(ValueError, match="not encrypted"):
            say("POST", url, headers={}, auth=AUTH)
        with pytest.raises(NotReached) as caught:
            say("POST", url.replace("http:", "https:"), headers={}, auth=AUTH)
    assert caught.value.permanent
    assert not source.asked


def test_a_body_that_fails_in_the_middle_fails_as_it_did() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise OSError("it does not open")

    with Told(Answer()).serving() as url, pytest.raises(OSError, match="does not open"):
        say("POST", url, headers={}, auth=AUTH, content=pieces(), size=6, private=True)
