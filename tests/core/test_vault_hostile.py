"""Files that somebody made up: whatever they hold, what reads them says that it is not good, and nothing else."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core.vault import custody, sealed, verifier
from himaya.core.vault.sealed import HEADER, LOG, MAGIC, PART, TAG, NotSealed, SealBroken
from himaya.core.vault.verifier import NotProved

EXHIBIT, KEY = UUID(int=3), bytes(range(32))
ANNA, BEN = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
KEYS = {verifier.key_name(raw): raw for raw in (key.public_key().public_bytes_raw() for key in (ANNA, BEN))}


# --- chains of custody -----------------------------------------------------------------------------------------------


def chain() -> list[bytes]:
    lines: list[bytes] = []
    for number, act in enumerate(("acquire", "transfer", "destroy")):
        at, before = datetime(2026, 11, 29, 3, number, tzinfo=UTC), lines[-1] if lines else b""
        facts: dict[str, custody.Fact] = {"sha256": "ab" * 32, "size": 7, "list": ["a", "b"]}
        facts |= dict(zip(("from", "to"), KEYS, strict=True))
        step = custody.step(EXHIBIT, number=number, act=act, at=at, by="person:1", facts=facts, before=before)
        lines.append(custody.line(step, [custody.sign(step, key) for key in (ANNA, BEN)]))
    return lines


LINES = chain()
ODD = st.sampled_from([
    None, True, False, -1, 10**60, 1.5, float("nan"), float("inf"), "", "\ud800", "٣" * 20, "9" * 5000,
    [], {}, [[]], [0] * 9,
])  # fmt: skip
PIECES = st.sampled_from(
    [b"", b"\xff", b'"', b"{", b"[" * 2000, b"NaN", b"1e999", b"-0", b"\\ud800", b"9" * 5000, b"\0"]
)
STEP = ["exhibit", "number", "act", "at", "by", "facts", "before"]


def written(thing: object) -> bytes:
    return json.dumps(thing, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


@st.composite
def meddled(draw: st.DrawFn) -> bytes:
    """A line with some of its parts exchanged for odd ones, sometimes signed anew by somebody who may sign."""
    whole: Any = json.loads(draw(st.sampled_from(LINES)))
    places = [(whole, name) for name in ("step", "signatures")] + [(whole["step"], name) for name in STEP]
    places += [(one, name) for one in whole["signatures"] for name in ("key", "signature")]
    within, name = draw(st.sampled_from(places))
    within[name] = draw(ODD)
    if draw(st.booleans()) and isinstance(whole.get("step"), dict):
        try:
            whole["signatures"] = [custody.sign(whole["step"], key) for key in (ANNA, BEN)]
            return verifier.canonical(whole)
        except UnicodeEncodeError:
            pass
    return written(whole)


@st.composite
def scratched(draw: st.DrawFn) -> bytes:
    """A line with bytes cut out and others put in."""
    line = draw(st.sampled_from(LINES))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(line)))
        line = line[:at] + draw(PIECES) + line[at + draw(st.integers(0, 4)) :]
    return line


@settings(max_examples=250, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=3), meddled() | scratched() | st.binary(max_size=60), st.booleans())
def test_a_chain_with_a_line_that_is_made_up_is_proved_or_refused_and_nothing_else(
    others: list[bytes], line: bytes, first: bool
) -> None:
    lines = [line, *others] if first else [*LINES[: len(others)], line]
    try:
        steps = verifier.check_chain(lines, KEYS)
    except NotProved:
        return
    for step, each in zip(steps, lines, strict=True):  # whoever may sign has signed just this
        assert verifier.canonical(step.fields) in each
        assert set(step.signers) <= set(KEYS)


def test_a_time_is_written_in_the_digits_of_everybody() -> None:
    step = {**json.loads(LINES[0])["step"], "at": "2026-11-29T03:00:٠٠Z"}
    line = verifier.canonical({"step": step, "signatures": [custody.sign(step, ANNA)]})
    with pytest.raises(NotProved, match="a time like"):
        verifier.check_chain([line], KEYS)


# --- sealed files ----------------------------------------------------------------------------------------------------


def sealed_file(content: bytes) -> bytes:
    to = io.BytesIO()
    sealed.seal(io.BytesIO(content), to, key=KEY, exhibit=EXHIBIT, digests=())
    return to.getvalue()


SMALL, LARGE = sealed_file(b"minutes"), sealed_file(bytes(PART) + b"minutes")
HEAD = HEADER.pack(MAGIC, EXHIBIT.bytes, bytes(7), LOG)


class Piped(io.RawIOBase):
    """What cannot be read in one go."""

    def __init__(self, content: bytes, step: int) -> None:
        self.content, self.step = io.BytesIO(content), step

    def read(self, size: int = -1) -> bytes:
        return self.content.read(min(size, self.step))


def parts(file: bytes, step: int = PART + TAG, **how: Any) -> Iterator[bytes]:
    return sealed.unseal(Piped(file, step), key=KEY, exhibit=EXHIBIT, **how)  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=200).map(HEAD.__add__), st.integers(1, 50))
def test_any_bytes_are_no_sealed_file_and_nothing_else_happens(file: bytes, step: int) -> None:
    with pytest.raises((NotSealed, SealBroken)):
        list(parts(file, step))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_of_a_file_that_was_meddled_with_nothing_comes_out_but_what_went_in(data: st.DataObject) -> None:
    file, content = data.draw(st.sampled_from([(SMALL, b"minutes"), (LARGE, bytes(PART) + b"minutes")]))
    at = data.draw(st.integers(0, min(len(file), 60)) | st.integers(max(0, len(file) - 60), len(file)))
    cut, put = data.draw(st.integers(0, 40)), data.draw(st.binary(max_size=40))
    changed = file[:at] + put + file[at + cut :]
    came = b""
    try:
        for part in parts(changed):
            came += part
    except (NotSealed, SealBroken):
        assert content.startswith(came)
        assert changed != file
    else:
        assert (changed, came) == (file, content)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**40), st.none() | st.integers(0, 2**40))
def test_a_range_behind_the_end_gives_nothing_or_is_refused(start: int, stop: int | None) -> None:
    try:
        found = b"".join(sealed.unseal(io.BytesIO(SMALL), key=KEY, exhibit=EXHIBIT, start=start, stop=stop))
    except SealBroken:
        assert start > len(b"minutes")
    else:
        assert found == b"minutes"[start:stop]
