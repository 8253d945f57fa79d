"""A publisher with keys of its own and a line to it, both of which a test makes hostile; and a log that lies."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from tests.repositories import ORGANISATION, Shelf, Stage, delta, said

from himaya.core import merkle
from himaya.core.exchange import SourceTrouble
from himaya.core.notes import NOTE, AddCheckpoint, Checkpoint, Note, SigningKey
from himaya.core.proofs import Proof, commitment
from himaya.core.statements import Statement
from himaya.ledger.queries import entries
from himaya.lists import services, subscribing
from himaya.lists.admission import MATCHING
from himaya.lists.models import Item, Subscription
from himaya.log import witnessing


class Line:
    """A publisher with keys of its own, what lies between, and a subscription that has read its first state."""

    def __init__(self, folder: Path, **options: str) -> None:
        (folder / "r").mkdir()
        self.stage = Stage(folder, at=folder / "r" / "known")
        self.shelf = Shelf(folder / "r")
        self.folder, self.options = folder, options
        self.name = "theirs"
        self.url = ""

    @property
    def one(self) -> Subscription:
        return subscribing.find(self.name)

    def follow(self, name: str = "theirs", url: str = "", **options: str) -> None:
        to = services.create_list(f"from-{name}", by="system", radius=24)
        told = {"address": f"{url or self.url}/known", "key": "k", "root": self.stage.root.decode(), **options}
        subscribing.subscribe(name, to=to, exchange="himaya", options=told, by="system", private=True)
        self.name = name

    def run(self) -> Any:
        return subscribing.run(self.one, wait=lambda _: None)

    def publish(self, state: int, *, seed: int | None = None) -> list[Statement]:
        """A delta from the state before."""
        new = said(1, seed=seed or state)
        self.stage.made.publish(ORGANISATION, delta(self.folder / f"w{seed}", state - 1, state, new))
        return new

    def copy(self, name: str) -> Path:
        """The repository as it is now, for a line that replays it."""
        shutil.copytree(self.folder / "r", self.folder / name)
        return self.folder / name


def matching(name: str = "theirs") -> set[str]:
    return set(Item.objects.filter(list__name=f"from-{name}", state__in=MATCHING).values_list("value", flat=True))


def refused(line: Line, why: str) -> str:
    """A round that has to fail: nothing of the list changes, the subscription tells, it is on record once. The text."""
    before, checkpoint = matching(line.name), line.one.checkpoint
    with pytest.raises(SourceTrouble):
        line.run()
    one = line.one
    assert (matching(line.name), one.checkpoint) == (before, checkpoint)
    assert why in one.trouble["what"]
    assert one.trouble["remedy"]
    assert subscribing.health(one).state == "failing"
    record = entries(act="subscription.failed", about=f"subscription:{line.name}")
    assert record.first() is not None
    failures = record.count()
    with pytest.raises(SourceTrouble):
        line.run()
    assert record.count() == failures  # the first in a row is on record, the others are counted
    assert matching(line.name) == before
    return str(one.trouble["what"])


class Liar:
    """A log whose keeper signs whatever he likes, under one key; a second one of the same name is another history."""

    def __init__(self, name: str, leaves: tuple[bytes, ...] = ()) -> None:
        self.key = SigningKey(name, NOTE, bytes([7]) * 32)
        self.events = list(leaves)

    def hash_at(self, level: int, index: int) -> bytes:
        hashes = [merkle.leaf_hash(commitment(bytes(32), event)) for event in self.events]
        return merkle.root_of(hashes[index << level : (index + 1) << level])

    def add(self, digest: str) -> int:
        told = {"kind": "publication", "list": "known", "sha256": digest}
        self.events.append(json.dumps(told).encode())
        return len(self.events) - 1

    @property
    def checkpoint(self) -> Checkpoint:
        size = len(self.events)
        return Checkpoint(self.key.name, size, merkle.root_at(size, self.hash_at))

    def proof(self, index: int, cosigned: str = "") -> bytes:
        path = tuple(merkle.inclusion(index, len(self.events), self.hash_at))
        note = self.checkpoint.signed(self.key) + cosigned
        return str(Proof(index, bytes(32), self.events[index], path, note, ())).encode()

    def consistency(self, old: int) -> bytes:
        found = merkle.consistency(old, len(self.events), self.hash_at)
        return json.dumps({"proof": [b64encode(one).decode() for one in found]}).encode()

    def witnessed(self, old: int) -> witnessing.Answer:
        """Ask this node, which witnesses the log, to cosign the newest checkpoint."""
        proof = tuple(merkle.consistency(old, len(self.events), self.hash_at))
        asked = AddCheckpoint(old, proof, Note.read(self.checkpoint.signed(self.key)))
        return witnessing.add_checkpoint(str(asked).encode())


def digests(line: Line) -> list[str]:
    return sorted(path.name[:64] for path in line.stage.directory.rglob("*.gz"))


def shown(line: Line, log: Liar, *, old: int = 0, cosigned: str = "") -> None:
    """The line shows this history: a proof for each file, and that the log goes on from ``old``."""
    for digest in digests(line):
        index = next((n for n, event in enumerate(log.events) if digest.encode() in event), None)
        if index is None:
            index = log.add(digest)
    for digest in digests(line):
        index = next(n for n, event in enumerate(log.events) if digest.encode() in event)
        line.shelf.instead[f"known/proof/{digest}"] = log.proof(index, cosigned)
    if old:
        line.shelf.instead[f"known/consistency/{old}-{len(log.events)}"] = log.consistency(old)
