"""This node as a witness: what it answers to the checkpoints of another log (C2SP tlog-witness)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from himaya.core import merkle
from himaya.core.notes import (
    COSIGNATURE,
    NOTE,
    AddCheckpoint,
    Checkpoint,
    Note,
    SigningKey,
    VerifierKey,
    signature_line,
)
from himaya.ledger.queries import entries
from himaya.log import keys, queries
from himaya.log.models import Alarm, Seen
from himaya.log.services import AlreadyWitnessed, BadVerifierKey, add_watched
from himaya.site.health import log_health

pytestmark = pytest.mark.django_db
KEY = SigningKey("other.example/log", NOTE, bytes([5]) * 32)
STRANGER = SigningKey("other.example/log", NOTE, bytes([6]) * 32)
LEAVES = [merkle.leaf_hash(str(n).encode()) for n in range(64)]
FORKED = [*LEAVES[:5], merkle.leaf_hash(b"for somebody else"), *LEAVES[6:]]


def over(leaves: list[bytes]) -> merkle.HashAt:
    return lambda level, index: merkle.root_of(leaves[index << level : (index + 1) << level])


def asked(old: int, size: int, *, leaves: list[bytes] = LEAVES, key: SigningKey = KEY, **changed: Any) -> str:
    checkpoint = Checkpoint(key.name, size, merkle.root_of(leaves[:size]))
    proof = tuple(merkle.consistency(old, size, over(leaves))) if old <= size else ()
    return str(AddCheckpoint(**{"old": old, "proof": proof, "note": Note.read(checkpoint.signed(key)), **changed}))


def send(body: str | bytes, client: Client | None = None) -> Any:
    return (client or Client()).post("/log/v1/add-checkpoint", body, content_type="text/plain; charset=utf-8")


@pytest.fixture
def watched() -> Seen:
    return add_watched(str(KEY.verifier), by="system")


def test_a_log_that_only_grows_is_cosigned(watched: Seen, clock: Any) -> None:
    mine = keys.keys().witness.verifier
    assert mine.algorithm == COSIGNATURE
    for old, size in ((0, 3), (3, 8), (8, 8), (8, 64)):
        body = asked(old, size)
        told = send(body)
        assert told.status_code == 200
        line = signature_line(told.content.decode().removesuffix("\n"))
        text = AddCheckpoint.read(body).note.text
        assert mine.check(line.signature, text) == int(clock.now().timestamp())
    watched.refresh_from_db()
    assert (watched.size, bytes(watched.root)) == (64, merkle.root_of(LEAVES))
    assert not Alarm.objects.exists()


def test_whoever_starts_from_another_size_is_told_the_one_that_was_seen(watched: Seen) -> None:
    send(asked(0, 8))
    for old, size in ((0, 8), (3, 12), (9, 12), (0, 3)):
        told = send(asked(old, size))
        assert (told.status_code, told.content, told["Content-Type"]) == (409, b"8\n", "text/x.tlog.size")
    assert not Alarm.objects.exists(), "to be behind is no fork"


@pytest.mark.parametrize("old", [8, 0])
def test_another_tree_of_the_same_size_is_refused_and_raises_an_alarm(watched: Seen, old: int) -> None:
    send(asked(0, 8))
    told = send(asked(8, 8, leaves=FORKED) if old else asked(0, 8, leaves=FORKED))
    assert (told.status_code, told.content) == (409, b"8\n")
    alarm = Alarm.objects.get()
    assert alarm.kind == queries.STRANGER_FORKED
    for root in (LEAVES, FORKED):
        assert Checkpoint(KEY.name, 8, merkle.root_of(root[:8])).signed(KEY) in alarm.evidence, (
            "both, as they were signed"
        )
    assert entries(act="log.forked").count() == 1
    found = log_health()
    assert (found.state, "two different histories" in found.said) == ("danger", True)
    watched.refresh_from_db()
    assert bytes(watched.root) == merkle.root_of(LEAVES[:8])


def test_a_log_that_cannot_prove_that_it_goes_on_is_refused_and_raises_one_alarm(watched: Seen) -> None:
    send(asked(0, 8))
    for _ in range(3):
        told = send(asked(8, 12, leaves=FORKED))
        assert told.status_code == 422
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.size) == (queries.INCONSISTENT, 8)
    assert send(asked(8, 12)).status_code == 200, "who can prove it goes on"
    alarm.refresh_from_db()
    assert alarm.settled_at is None, "the other history was signed all the same"


def test_a_stranger_who_sends_a_public_checkpoint_with_a_false_proof_gives_no_lasting_alarm(watched: Seen) -> None:
    send(asked(0, 8))
    assert send(asked(8, 8, proof=(bytes(32),))).status_code == 422
    assert not Alarm.objects.exists()
    assert send(asked(8, 12, proof=(bytes(32),) * 3)).status_code == 422
    assert log_health().state == "danger"
    assert send(asked(8, 12)).status_code == 200
    assert "proved afterwards" in Alarm.objects.get().reason
    assert log_health().state == "ok"


def test_a_stranger_s_signatures_do_not_make_an_old_alarm_new(watched: Seen) -> None:
    send(asked(0, 8))
    for n in range(3):
        note = AddCheckpoint.read(asked(8, 12, leaves=FORKED))
        noise = SigningKey(f"noise-{n}", NOTE, bytes([n]) * 32).sign(note.note.text)
        body = str(AddCheckpoint(note.old, note.proof, Note.read(str(note.note) + noise)))
        assert send(body).status_code == 422
    assert Alarm.objects.count() == 1


def test_who_is_not_known_is_not_cosigned(watched: Seen) -> None:
    told = send(asked(0, 8, key=SigningKey("unknown.example/log", NOTE, bytes(32))))
    assert told.status_code == 404
    assert send(asked(0, 8, key=STRANGER)).status_code == 403
    note = Note.read(Checkpoint(KEY.name, 8, bytes(32)).signed(KEY))
    forged = Note(note.text.replace("8", "9"), note.signatures)
    assert send(asked(0, 9, note=forged)).status_code == 403
    watched.refresh_from_db()
    assert watched.size == 0
    assert not Alarm.objects.exists()


@pytest.mark.parametrize("body", ["", "old 1", "old 9\n\nother.example/log\n", b"\xff\xfe", "a" * 70_000])
def test_what_is_no_request_is_refused(watched: Seen, body: str | bytes) -> None:
    assert send(body).status_code in (400, 413)
    assert send(asked(9, 8)).status_code == 400


def test_a_body_without_an_announced_end_is_not_read(watched: Seen) -> None:
    assert Client().generic("POST", "/log/v1/add-checkpoint", "", CONTENT_LENGTH="999999999").status_code == 413


def test_a_log_keeps_its_key(watched: Seen) -> None:
    assert add_watched(str(KEY.verifier), by="system").pk == watched.pk
    with pytest.raises(AlreadyWitnessed):
        add_watched(str(STRANGER.verifier), by="system")
    for wrong in ("", "a+b+c", str(VerifierKey(KEY.name, COSIGNATURE, KEY.verifier.public))):
        with pytest.raises(BadVerifierKey):
            add_watched(wrong, by="system")


def test_a_witness_without_its_secrets_notes_nothing_as_seen(watched: Seen, settings: Any) -> None:
    keys.keys()
    settings.SECRET_KEY = "another secrets file, as on another machine"
    keys._opened.cache_clear()
    assert send(asked(0, 8)).status_code == 503
    watched.refresh_from_db()
    assert watched.size == 0
    keys._opened.cache_clear()
