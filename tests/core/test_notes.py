"""Signed notes, checkpoints, cosignatures: a known key, whole rounds, and whatever strangers send."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core.notes import (
    COSIGNATURE,
    NOTE,
    AddCheckpoint,
    BadNote,
    Checkpoint,
    Note,
    SigningKey,
    VerifierKey,
    cosigners,
)

SUM = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
LOG = SigningKey("node.example/log", NOTE, bytes(32))
WITNESS = SigningKey("other.example/witness", COSIGNATURE, bytes([1]) * 32)
CHECKPOINT = Checkpoint("node.example/log", 12, bytes(range(32)))


def test_a_key_that_everybody_knows_is_read_and_has_its_id() -> None:
    key = VerifierKey.read(SUM)
    assert (key.name, key.algorithm, key.id.hex()) == ("sum.golang.org", NOTE, "033de0ae")
    assert str(key) == SUM


@pytest.mark.parametrize(
    "text",
    ["", "a+b+c", SUM.replace("033d", "033e"), SUM.replace("sum.", "s m."), SUM[:-4], f"{SUM}AAAA",
     SUM.replace("+Ac", "+Bc")],
)  # fmt: skip
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        VerifierKey.read(text)


def test_a_checkpoint_is_signed_cosigned_and_read_again() -> None:
    note = Note.read(CHECKPOINT.signed(LOG) + WITNESS.sign(CHECKPOINT.text, at=1_700_000_000))
    assert note.text == "node.example/log\n12\n" + b64encode(bytes(range(32))).decode() + "\n"
    assert Checkpoint.read(note.text) == CHECKPOINT
    assert note.checked([LOG.verifier, WITNESS.verifier]) == {LOG.verifier: 0, WITNESS.verifier: 1_700_000_000}
    assert cosigners(note, [WITNESS.verifier]) == {"other.example/witness": 1_700_000_000}
    assert Note.read(str(note)) == note


def test_a_cosignature_is_over_its_time_and_the_checkpoint() -> None:
    """The bytes that tlog-cosignature says are signed."""
    line = Note.read(CHECKPOINT.signed(LOG) + WITNESS.sign(CHECKPOINT.text, at=7)).signatures[1]
    assert line.signature[:8] == (7).to_bytes(8, "big")
    plain = VerifierKey(WITNESS.name, NOTE, WITNESS.verifier.public)
    plain.check(line.signature[8:], f"cosignature/v1\ntime 7\n{CHECKPOINT.text}")


def test_a_signature_of_a_stranger_is_passed_over() -> None:
    note = Note.read(CHECKPOINT.signed(LOG) + SigningKey("x", NOTE, bytes([9]) * 32).sign("another text"))
    assert note.checked([LOG.verifier]) == {LOG.verifier: 0}
    assert note.checked([]) == {}


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_changed_byte_is_never_taken_for_the_signed_checkpoint(place: int, change: int) -> None:
    whole = CHECKPOINT.signed(LOG).encode()
    at = place % len(whole)
    changed = whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :]
    try:
        note = Note.read(changed)
        signed = note.checked([LOG.verifier])
    except BadNote:
        return
    assert signed == {}


@pytest.mark.parametrize(
    "text",
    ["", "a\n", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\n" + b64encode(bytes(32)).decode() + "\n", "a\n1\nAAAA\n",
     "a\n9999999999999999999\n" + b64encode(bytes(32)).decode() + "\n", "a\n1\n" + b64encode(bytes(32)).decode(),
     "a\n1\n" + b64encode(bytes(32)).decode() + "\n\n", "\n1\n" + b64encode(bytes(32)).decode() + "\n"],
)  # fmt: skip
def test_a_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        Checkpoint.read(text)


@given(st.text(max_size=300) | st.binary(max_size=300) | st.text("—a b1+/=\n", max_size=80))
def test_whatever_is_sent_is_read_or_refused_in_words(sent: str | bytes) -> None:
    for read in (Note.read, AddCheckpoint.read):
        with suppress(BadNote):
            assert str(read(sent)).encode() == (sent if isinstance(sent, bytes) else sent.encode())
    if isinstance(sent, str):
        for of_text in (Checkpoint.read, VerifierKey.read):
            with suppress(BadNote):
                of_text(sent)


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_what_is_sent_to_a_witness_is_read_as_it_was_meant(old: int, proof: list[bytes]) -> None:
    asked = AddCheckpoint(old, tuple(proof), Note.read(CHECKPOINT.signed(LOG)))
    assert AddCheckpoint.read(str(asked)) == asked


@pytest.mark.parametrize("body", ["", "old 1\n", "old -1\n\n", "old 01\n\n", "new 1\n\n", "old 1\nAAAA\n\n"])
def test_a_request_that_is_none_is_refused(body: str) -> None:
    with pytest.raises(BadNote):
        AddCheckpoint.read(body + CHECKPOINT.signed(LOG))


def test_what_has_no_end_is_not_read() -> None:
    with pytest.raises(BadNote, match="longer than"):
        Note.read("a" * 70_000)
    lines = LOG.sign(CHECKPOINT.text) * 101
    with pytest.raises(BadNote, match="at most 100"):
        Note.read(f"{CHECKPOINT.text}\n{lines}")


def test_a_secret_is_not_shown() -> None:
    assert bytes([1]).hex() * 32 not in repr(WITNESS)
    assert "seed" not in repr(WITNESS)
