"""What a subscription makes of a hostile publisher or a hostile line: the list stays, and a person reads what it was."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.federation import native
from tests.peer import answer, endlessly, peer
from tests.repositories import ORGANISATION, OTHER, Keys, Shelf, Stage, delta, full, said
from tuf.api.metadata import Metadata, Targets

from himaya.core import clock, merkle
from himaya.core.exchange import SourceTrouble
from himaya.core.notes import NOTE, AddCheckpoint, Checkpoint, Note, SigningKey
from himaya.core.proofs import Proof, commitment
from himaya.core.statements import Statement
from himaya.ledger.queries import entries
from himaya.lists import services, subscribing
from himaya.lists.admission import MATCHING
from himaya.lists.models import Item, Subscription
from himaya.log import witnessing
from himaya.log.keys import keys
from himaya.log.queries import alarms
from himaya.log.services import add_watched

pytestmark = pytest.mark.django_db(transaction=True)
LITTLE = 48 * 1024**2
"""Bytes that a round may take, whatever comes."""


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


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    native.clear()
    yield
    native.clear()


@pytest.fixture
def line(db: None, tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    with made.shelf.serving() as made.url:
        made.follow()
        made.run()
        assert len(matching()) == 50
        yield made


# --- what is old, held back, mixed -----------------------------------------------------------------------------------


def test_a_line_that_goes_back_to_an_earlier_state_is_found_out(line: Line) -> None:
    old = line.copy("old")
    [new] = line.publish(2)
    line.run()
    assert new.value in matching()
    line.shelf.directory = old
    refused(line, "[rollback]")
    line.shelf.directory = line.folder / "r"
    line.publish(3)
    line.run()  # and the true one goes on
    assert len(matching()) == 52
    assert subscribing.health(line.one).state == "fine"


def test_a_signatory_that_goes_back_to_an_earlier_state_is_found_out(line: Line) -> None:
    first = line.stage.made.store.role(ORGANISATION, line.stage.made.store.snapshot().signed)
    assert first is not None
    old = Metadata[Targets].from_bytes(first).signed.targets
    line.publish(2)
    line.run()
    line.stage.sign_role(lambda signed: signed.targets.clear() or signed.targets.update(old))
    refused(line, "[rollback]")


def test_a_line_that_holds_back_what_is_new_is_found_out_within_a_day(line: Line, time_machine: Any) -> None:
    line.shelf.directory = line.copy("old")
    time_machine.move_to(clock.now() + timedelta(hours=3))
    line.publish(2)
    refused(line, "it has said nothing since")
    time_machine.shift(timedelta(hours=22))
    refused(line, "[freeze]")


def test_metadata_that_was_signed_for_a_stick_does_not_hold_back_a_line(line: Line) -> None:
    stick, _ = line.stage.made.for_stick(timedelta(days=30))
    for name, content in stick.items():
        line.shelf.instead[f"known/metadata/{name}"] = content
    refused(line, "[freeze]")


def test_old_metadata_of_the_signatory_under_new_of_the_others_does_not_fit(line: Line) -> None:
    old = (line.stage.directory / f"metadata/1.{ORGANISATION}.json").read_bytes()
    line.publish(2)
    line.shelf.instead[f"known/metadata/2.{ORGANISATION}.json"] = old
    refused(line, "[mix-and-match]")


def test_what_one_signatory_says_is_not_gone_where_its_metadata_is_spoiled(line: Line) -> None:
    theirs = said(5, seed=7, organisation=OTHER)
    line.stage.made.publish(OTHER, full(line.folder / "w", 1, theirs, organisation=OTHER))
    line.run()
    assert len(matching()) == 55
    line.publish(2)
    for spoiled in (OTHER, ORGANISATION):
        name = max(line.stage.directory.glob(f"metadata/*.{spoiled}.json"), key=lambda path: path.name).name
        line.shelf.instead = {f"known/metadata/{name}": b"{}"}
        shutil.rmtree(subscribing.client(line.one).keep / "line")  # nor where nothing is remembered
        refused(line, "[")
    line.shelf.instead.clear()
    line.run()
    assert len(matching()) == 56


def test_a_file_that_is_missing_is_told(line: Line) -> None:
    line.publish(2)
    for path in line.stage.directory.rglob("*.delta-1-2.gz"):
        path.unlink()
    refused(line, "404")


def test_a_delta_that_was_there_before_under_a_new_name_is_refused(line: Line) -> None:
    line.publish(2)
    line.run()
    [old] = line.stage.directory.rglob("*.delta-1-2.gz")
    name = f"known/{ORGANISATION}/delta-2-3.gz"
    line.stage.put(f"targets/known/{ORGANISATION}/{old.name.replace('delta-1-2', 'delta-2-3')}", old.read_bytes())

    def replay(signed: Targets) -> None:
        like = signed.targets[f"known/{ORGANISATION}/delta-1-2.gz"]
        signed.targets[name] = type(like).from_dict(like.to_dict(), name)

    line.stage.sign_role(replay)
    assert "delta-1-2" in refused(line, "delta-2-3")


# --- what is not signed ----------------------------------------------------------------------------------------------


def test_a_root_that_too_few_signed_is_refused(line: Line) -> None:
    second = Metadata.from_bytes(line.stage.held.new_root(previous=line.stage.root))
    second.signatures.popitem()
    line.stage.put("metadata/2.root.json", second.to_bytes())
    refused(line, "[forged]")


def test_a_root_of_other_people_is_refused_though_all_of_them_signed(line: Line) -> None:
    other = Keys(online=line.stage.held.online)
    line.stage.put("metadata/2.root.json", other.new_root(previous=other.new_root(), by=(0, 1, 2)))
    refused(line, "[forged]")


def test_a_whole_repository_of_somebody_else_is_refused(line: Line, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    stranger = Stage(tmp_path / "else", at=tmp_path / "else" / "known")
    stranger.made.publish(ORGANISATION, delta(tmp_path / "else" / "w", 1, 2, said(3, seed=9)))
    line.shelf.directory = tmp_path / "else"
    refused(line, "[forged]")


def test_a_file_with_one_bit_changed_is_refused(line: Line) -> None:
    line.publish(2)
    [path] = line.stage.directory.rglob("*.delta-1-2.gz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(line, "[file-changed]")


def test_a_root_that_is_none_is_told_at_once(line: Line) -> None:
    line.follow("other")
    subscribing.change("other", by="system", options={"root": "{}"})
    with pytest.raises(SourceTrouble, match=r"root\.json") as caught:
        line.run()
    assert caught.value.facts["mend"]
    assert matching("other") == set()


# --- what has no end -------------------------------------------------------------------------------------------------


def little(line: Line, why: str) -> None:
    """As :func:`refused`, in little memory."""
    tracemalloc.start()
    try:
        refused(line, why)
        assert tracemalloc.get_traced_memory()[1] < LITTLE
    finally:
        tracemalloc.stop()


def test_metadata_without_an_end_is_given_up(line: Line) -> None:
    line.shelf.endless.add("known/metadata/timestamp.json")
    little(line, "[endless-data]")
    assert line.shelf.sent < 2 * LITTLE


def test_a_file_without_an_end_is_given_up(line: Line) -> None:
    line.publish(2)
    [path] = line.stage.directory.rglob("*.delta-1-2.gz")
    line.shelf.endless.add(str(path.relative_to(line.folder / "r")))
    little(line, "[endless-data]")


def test_an_answer_that_unpacks_without_end_is_given_up(line: Line) -> None:
    line.shelf.packed["known/metadata/timestamp.json"] = gzip.compress(bytes(200 * 1024**2))
    little(line, "[endless-data]")


def test_a_proof_without_an_end_is_given_up(line: Line) -> None:
    liar = Liar("liar.example/log")
    line.publish(2)
    subscribing.change("theirs", by="system", options={"log": str(liar.key.verifier)})
    for path in line.stage.directory.rglob("*.gz"):
        line.shelf.endless.add(f"known/proof/{path.name[:64]}")
    little(line, "larger than")


@pytest.mark.parametrize(
    "turn",
    [
        answer(status=302, Location="http://127.0.0.1:1/"),
        answer(b"x", Content_Length="100000000000"),
        answer(b"not packed", Content_Encoding="gzip"),
        answer(b"x", Content_Encoding="br"),
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: y\r\n" * 100_000 + b"\r\n",
        b"\0\1\2",
        answer(b"[" * 100_000),
        answer(b'{"signed": {"version": 1e999}}'),
        answer(status=500),
        endlessly(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536)),
    ],
    ids=["redirect", "announced", "unpackable", "brotli", "headers", "bytes", "deep", "infinite", "500", "endless"],
)
def test_a_peer_that_answers_nonsense_costs_little_and_changes_nothing(line: Line, turn: Any) -> None:
    with peer(turn) as hostile:
        subscribing.change("theirs", by="system", options={"address": f"{hostile.url}/known", "key": "k"})
        little(line, "")


def test_a_peer_that_hangs_up_changes_nothing(line: Line) -> None:
    def hang_up(to: socket.socket) -> None:
        to.shutdown(socket.SHUT_RDWR)

    with peer(hang_up) as hostile:
        subscribing.change("theirs", by="system", options={"address": f"{hostile.url}/known", "key": "k"})
        refused(line, "")


# --- the publisher's log ---------------------------------------------------------------------------------------------


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


@pytest.fixture
def logged(line: Line) -> Liar:
    """A log that the subscription ``logged`` has seen a checkpoint of."""
    log = Liar("liar.example/log", tuple(b"%d" % n for n in range(5)))
    shown(line, log)
    line.follow("logged", log=str(log.key.verifier))
    line.run()
    assert len(matching("logged")) == 50
    return log


def test_a_log_that_grows_is_followed(line: Line, logged: Liar) -> None:
    for state in (2, 3):
        old = len(logged.events)
        line.publish(state)
        shown(line, logged, old=old)
        line.run()
    assert len(matching("logged")) == 52


def test_a_file_that_is_not_in_the_log_is_not_taken(line: Line, logged: Liar) -> None:
    line.publish(2)
    refused(line, "404")


def test_a_proof_of_another_file_proves_nothing(line: Line, logged: Liar) -> None:
    before = digests(line)
    line.publish(2)
    [new] = set(digests(line)) - set(before)
    line.shelf.instead[f"known/proof/{new}"] = logged.proof(5)
    refused(line, "another file")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"[" * 50_000, b'{"format": "himaya-log-proof/1"}'])
def test_what_is_no_proof_proves_nothing(line: Line, logged: Liar, content: bytes) -> None:
    before = digests(line)
    line.publish(2)
    [new] = set(digests(line)) - set(before)
    line.shelf.instead[f"known/proof/{new}"] = content
    refused(line, "a file is not in its log")


def test_a_log_that_somebody_else_signed_proves_nothing(line: Line, logged: Liar) -> None:
    line.publish(2)
    stranger = Liar("liar.example/log", tuple(logged.events))
    stranger.key = SigningKey("liar.example/log", NOTE, bytes([8]) * 32)
    shown(line, stranger, old=len(logged.events))
    refused(line, "a file is not in its log")


def test_a_log_that_was_rewritten_is_found_out_and_both_checkpoints_are_kept(line: Line, logged: Liar) -> None:
    old = len(logged.events)
    line.publish(2)
    other = Liar(logged.key.name, (b"another", *logged.events[1:]))
    shown(line, other, old=old)
    refused(line, "does not go on from what it signed before")
    kept = (subscribing.client(line.one).keep / "checkpoint-contradicted").read_text()
    for history in (logged, other):
        assert history.checkpoint.text in kept
    assert "does not go on" in refused(line, "")  # again and again
    shown(line, logged, old=old)
    line.run()  # the history that goes on is taken
    assert len(matching("logged")) == 51


def test_a_log_that_was_set_back_is_found_out(line: Line, logged: Liar) -> None:
    line.publish(2)
    old = len(logged.events)
    shown(line, logged, old=old)
    line.run()
    line.publish(3)
    shorter = Liar(logged.key.name, tuple(logged.events[:3]))
    shown(line, shorter)
    refused(line, "does not go on from what it signed before")


def test_a_log_that_does_not_prove_that_it_goes_on_is_not_believed(line: Line, logged: Liar) -> None:
    line.publish(2)
    old = len(logged.events)
    shown(line, logged, old=old)
    for content in (b"{}", b"[]", b'{"proof": ["AAAA"]}', b'{"proof": 5}', b'{"proof": []}'):
        line.shelf.instead[f"known/consistency/{old}-{len(logged.events)}"] = content
        refused(line, "does not go on from what it signed before")


def test_two_subscribers_who_are_shown_different_lists_find_it_out(line: Line, logged: Liar, tmp_path: Path) -> None:
    """Both lists are signed with the true keys, and each stands in a log that is signed with the true key."""
    base = len(logged.events)
    mine = subscribing.client(line.one).keep / "checkpoint"
    ours = line.copy("theirs-b")  # the publisher forks here
    fork = Shelf(ours)
    fork.instead = dict(line.shelf.instead)
    with fork.serving() as url:
        line.follow("second", url=url, log=str(logged.key.verifier))
        line.run()
        second = subscribing.client(line.one).keep / "checkpoint"
        assert mine.read_text() == second.read_text()
        other = Liar(logged.key.name, tuple(logged.events))
        line.name = "logged"
        [in_a] = line.publish(2, seed=21)
        shown(line, logged, old=base)
        line.run()
        split = Line.__new__(Line)
        split.__dict__.update(line.__dict__)
        split.stage = _again(line, ours / "known")
        split.shelf, split.name = fork, "second"
        [in_b] = split.publish(2, seed=22)
        shown(split, other, old=base)
        split.run()
        assert in_a.value in matching("logged") - matching("second")
        assert in_b.value in matching("second") - matching("logged")
        # Neither could see it alone. Together they hold two checkpoints of one size that one key has signed.
        a, b = (Checkpoint.read(Note.read(path.read_text()).text) for path in (mine, second))
        assert (a.origin, a.size) == (b.origin, b.size)
        with pytest.raises(merkle.WrongProof):
            merkle.verify_consistency(old=a.size, new=b.size, old_root=a.root, new_root=b.root, proof=())
        # Nor can the file of one ever be proved in a log that goes on from what the other has seen.
        size = b.size
        logged.add(next(iter(set(digests(split)) - set(digests(line)))))
        assert logged.checkpoint.size > size
        shown(split, logged, old=size)
        split.publish(3, seed=23)
        shown(split, logged, old=size)
        refused(split, "does not go on from what it signed before")


def _again(line: Line, at: Path) -> Stage:
    """The stage of a publisher whose repository is this copy."""
    made = Stage.__new__(Stage)
    made.__dict__.update(line.stage.__dict__)
    made.directory = at
    made.made = type(line.stage.made)(at, line.stage.held.ring)
    return made


def test_who_names_a_witness_is_shown_no_other_history_than_the_witness(line: Line, logged: Liar) -> None:
    add_watched(str(logged.key.verifier), by="system")
    mine = keys().witness.verifier
    cosigned = logged.witnessed(0)
    assert cosigned.status == 200
    shown(line, logged, cosigned=cosigned.text)
    line.follow("careful", log=str(logged.key.verifier), witnesses=str(mine))
    line.run()
    assert len(matching("careful")) == 50
    base = len(logged.events)
    line.publish(2)
    other = Liar(logged.key.name, tuple(logged.events))
    other.add("0" * 64)
    shown(line, other, old=base)
    refused(line, "none of the witnesses")  # signed, and it goes on; but nobody else has seen it
    logged.add("1" * 64)
    shown(line, logged, old=base)
    good = logged.witnessed(base)
    assert good.status == 200
    assert other.witnessed(base).status in (409, 422)
    assert alarms().exists()  # the witness has both, signed
    shown(line, other, old=base, cosigned=good.text)  # a cosignature of the other history does not hold here
    refused(line, "a file is not in its log")
    shown(line, logged, old=base, cosigned=good.text)
    line.run()
    assert len(matching("careful")) == 51
