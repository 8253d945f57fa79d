"""A log with events of a kind that only tests log, and a witness of our own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping

import pytest
from django.db import transaction
from tests.sources import Answer, Asked, Source

from himaya.core import merkle
from himaya.core.notes import COSIGNATURE, AddCheckpoint, Checkpoint, SigningKey, VerifierKey
from himaya.log import events
from himaya.log.events import Event
from himaya.log.services import append

KIND = "test"


def canonical(number: int) -> bytes:
    """A neutral event."""
    return json.dumps({"kind": KIND, "number": number, "said": "as listed"}).encode()


def event(number: int) -> Event:
    return Event(KIND, f"item:{number}", number, canonical(number))


class Kept(dict[int, bytes]):
    """The events as their keeper has them; a test takes one away, or changes it."""

    def shows(self, numbers: Collection[int]) -> Mapping[int, bytes]:
        return {number: self[number] for number in numbers if number in self}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    found = Kept()
    monkeypatch.setitem(events._shown, KIND, found.shows)
    return found


@pytest.fixture
def add(kept: Kept, db: None) -> Callable[[int], range]:
    """Log so many more events, in a transaction of their own."""

    def more(number: int) -> range:
        first = len(kept)
        kept.update({n: canonical(n) for n in range(first, first + number)})
        with transaction.atomic():
            return append(event(n) for n in range(first, first + number))

    return more


class OtherNode(Source):
    """A witness as another program would be: it keeps the last checkpoint of one log. ``down``: it answers 503.

    ``shows``: it tells the note that it has seen last, as a Himaya does.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        seed = hashlib.sha256(name.encode()).digest()
        self.key = SigningKey(f"{name}.example/witness", COSIGNATURE, seed)
        self.log: VerifierKey | None = None
        self.size, self.root, self.at, self.down = 0, merkle.EMPTY, 1_700_000_000, False
        self.says: Answer | None = None
        self.shows, self.note = False, ""

    def answer(self, asked: Asked) -> Answer:
        if self.down:
            return Answer("away\n", 503)
        if asked.method == "GET" and asked.path.startswith("/seen/"):
            return Answer(self.note) if self.shows else Answer("no such address\n", 404)
        if self.says is not None:
            return self.says
        assert (asked.method, asked.path) == ("POST", "/add-checkpoint")
        request = AddCheckpoint.read(asked.body)
        checkpoint = Checkpoint.read(request.note.text)
        if self.log is not None and self.log not in request.note.checked([self.log]):
            return Answer("another key\n", 403)
        if request.old != self.size or (checkpoint.size == self.size and checkpoint.root != self.root):
            return Answer(f"{self.size}\n", 409)
        try:
            merkle.verify_consistency(
                old=self.size, new=checkpoint.size, old_root=self.root, new_root=checkpoint.root, proof=request.proof
            )
        except merkle.WrongProof as error:
            return Answer(f"{error}\n", 422)
        self.size, self.root, self.note = checkpoint.size, checkpoint.root, str(request.note)
        self.at += 1
        return Answer(self.key.sign(request.note.text, at=self.at))


@pytest.fixture
def other_node() -> Iterator[Callable[..., OtherNode]]:
    """``other_node("a")``: a witness on this machine that this node asks from now on."""
    from himaya.log.services import add_witness

    served = []

    def make(name: str) -> OtherNode:
        node = OtherNode(name)
        serving = node.serving()
        address = serving.__enter__()
        served.append(serving)
        add_witness(name, key=str(node.key.verifier), address=address, private=True, by="system")
        return node

    yield make
    for serving in served:
        serving.__exit__(None, None, None)
