"""Frames of videos: how they are packed, and how others write them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core import frames, registry
from himaya.core.errors import BadSignal

HASH = "5a" * 32
vpdq = registry.signal("vpdq")

rows = st.lists(
    st.tuples(st.binary(min_size=32, max_size=32), st.integers(50, 100), st.integers(0, 10**7)), min_size=1, max_size=12
)


def refusal(text: str) -> str:
    with pytest.raises(BadSignal) as caught:
        vpdq.parse(text)
    return str(caught.value.facts["why"])


@given(rows=rows)
def test_what_was_written_is_read_back_and_packed_to_the_same_bytes(rows: list[tuple[bytes, int, int]]) -> None:
    body = frames.of([(value, quality, ms / 1000) for value, quality, ms in rows]).pack()
    assert frames.unpack(body).pack() == body
    text = vpdq.write(frames.digest(body), body)
    assert vpdq.read(text) == (frames.digest(body), body)
    assert len(text) < 200 + 100 * len(rows)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([f"{HASH},100,0.0", f"{'a5' * 32},80,1.5"]),
        json.dumps([f"{HASH.upper()}, 100, 0", f"{'a5' * 32}, 80, 1.50"], indent=2),
        json.dumps([{"hash": HASH, "quality": 100, "timestamp": 0},
                    {"hash": "a5" * 32, "quality": 80, "timestamp": 1.5}]),
        json.dumps({"0": {"hash": HASH, "quality": 100, "timestamp": 0.0},
                    "9": {"hash": "a5" * 32, "quality": 80, "timestamp": 1.5}}),
        json.dumps([f"{'a5' * 32},80,1.5", f"{HASH},100,0.0"]),
    ],
)  # fmt: skip
def test_every_way_in_which_exchanges_write_frames_is_read(text: str) -> None:
    value, body = vpdq.read(text)
    assert json.loads(vpdq.write(value, body)) == [f"{HASH},100,0.000", f"{'a5' * 32},80,1.500"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it is no list of frames"),
        ("{}", "it is no list of frames"),
        ("[1]", "frame 0 is not a hash, a quality of 0 to 100 and a time in seconds"),
        (json.dumps([f"{HASH},100,0", f"{HASH},101,0"]), "frame 1 is not a hash"),
        (json.dumps([f"{HASH},100,NaN"]), "frame 0 is not a hash"),
        (json.dumps([f"{HASH},100,-1"]), "frame 0 is not a hash"),
        (json.dumps([f"{HASH[:-1]},100,1"]), "frame 0 is not a hash"),
        (json.dumps([f"{HASH},1{'0' * 5000},1"]), "frame 0 is not a hash"),
        (json.dumps([{"hash": HASH, "quality": None, "timestamp": 1}]), "frame 0 is not a hash"),
        (json.dumps([f"{HASH},49,0"]), "no frame has enough detail: quality 50 of 100 is needed"),
        (json.dumps([f"{HASH},9,0"] * 20_001), "it has 20001 frames, at most 20000 are taken"),
        ('["' + "5" * 3_000_000 + '"]', "it is longer than 2031616 characters"),
    ],
)
def test_what_is_wrong_with_frames_is_said(text: str, why: str) -> None:
    assert refusal(text).startswith(why)


@given(text=st.text(st.sampled_from('[]{},":0159aefnul hash'), max_size=60))
def test_any_text_is_frames_or_refused(text: str) -> None:
    try:
        vpdq.read("[" + text)
    except BadSignal:
        return


def test_times_that_were_written_with_three_digits_are_spread() -> None:
    """As threatexchange writes them: 1.23e+03 for each of ten seconds."""
    rows = [f"{n:064x},100,{1000.0 + n:.3}" for n in range(1, 31)]
    times = frames.from_json(json.dumps(rows)).ms.tolist()
    assert times == sorted(set(times))
    assert all(abs(ms - 1000 * (1000 + n)) <= 10_000 for n, ms in enumerate(times, 1))


@given(times=st.lists(st.integers(0, 40), min_size=1, max_size=12))
def test_spreading_twice_is_spreading_once(times: list[int]) -> None:
    once = frames.of([(bytes([n]) * 32, 100, t / 1000) for n, t in enumerate(times)])
    again = frames.from_json(frames.to_json(once))
    assert again.pack() == once.pack()


def test_a_digest_alone_is_a_value_without_frames() -> None:
    assert vpdq.read(HASH.upper()) == (HASH, b"")
    assert not vpdq.guessed(HASH)
    assert vpdq.guessed(json.dumps([f"{HASH},100,0"]))


def test_a_frame_has_a_key_of_its_own_that_names_its_video() -> None:
    known = np.array([1, 2, 70_000, 2**40])
    keys = [frames.keys(int(one), np.arange(frames.MOST)) for one in known]
    assert len(np.unique(np.concatenate(keys))) == len(known) * frames.MOST
    assert [set(frames.videos(of_one).tolist()) for of_one in keys] == [{one} for one in known]
    assert frames.keys(known, 0).tolist() == [of_one[0] for of_one in keys]
    assert frames.videos(frames.keys(known[::-1], 3)).tolist() == known[::-1].tolist()
