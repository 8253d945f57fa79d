"""A publisher whose log lies: a subscription that has its key holds it to all that it signed before."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.federation.hostile import Liar, Line, digests, matching, refused, shown
from tests.repositories import Shelf, Stage

from himaya.core import merkle
from himaya.core.notes import NOTE, Checkpoint, Note, SigningKey
from himaya.lists import subscribing
from himaya.log.keys import keys
from himaya.log.queries import alarms
from himaya.log.services import add_watched

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_published")]


def test_a_proof_without_an_end_is_given_up(line: Line) -> None:
    liar = Liar("liar.example/log")
    line.publish(2)
    subscribing.change("theirs", by="system", options={"log": str(liar.key.verifier)})
    for path in line.stage.directory.rglob("*.gz"):
        line.shelf.endless.add(f"known/proof/{path.name[:64]}")
    refused(line, "larger than")


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
