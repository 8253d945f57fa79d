"""When two videos count as the same: vPDQ's shares, and the clip within a long upload; against a plain twin."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core import frames
from himaya.core.overlap import CLIP, VPDQ, WHOLE, Overlap, Side, Terms, may_overlap, overlap, shown_share, shown_time

Row = tuple[bytes, int, float]
RADIUS = 31


def scene(seed: int, number: int, *, begin: float = 0, quality: int = 100, noise: int = 0) -> list[Row]:
    """So many unlike frames, one a second; ``noise`` flips so many bits of each, others each time."""
    rng = np.random.default_rng(seed)
    values = [rng.bytes(32) for _ in range(number)]
    return [(flipped(value, noise, seed + n), quality, begin + n) for n, value in enumerate(values)]


def flipped(value: bytes, bits: int, seed: int = 0) -> bytes:
    chosen = np.random.default_rng(seed).permutation(256)[:bits]
    number = int.from_bytes(value, "big")
    for bit in chosen:
        number ^= 1 << int(bit)
    return number.to_bytes(32, "big")


def side(rows: list[Row]) -> Side:
    return Side(frames.of(rows))


def match(query: list[Row], listed: list[Row], radius: int = RADIUS, terms: Terms = VPDQ) -> Overlap | None:
    return overlap(side(query), side(listed), radius, terms)


def later(rows: list[Row], by: float) -> list[Row]:
    return [(value, quality, time + by) for value, quality, time in rows]


def test_the_same_video_matches_whole() -> None:
    assert match(scene(1, 10), scene(1, 10)) == Overlap(WHOLE, 100, 100, 0, 9, 0)


def test_a_video_that_was_encoded_anew_matches_with_the_mean_distance() -> None:
    assert match(scene(1, 10, noise=9), scene(1, 10)) == Overlap(WHOLE, 100, 100, 0, 9, 9)


def test_another_video_does_not_match() -> None:
    assert match(scene(1, 10), scene(2, 10)) is None


def test_an_excerpt_that_is_uploaded_alone_matches_by_the_share_of_the_upload() -> None:
    assert match(scene(1, 60)[20:30], scene(1, 60)) == Overlap(WHOLE, 100, 100 / 6, 20, 29, 0)


def test_a_known_clip_in_a_long_upload_is_found_where_it_lies() -> None:
    upload = scene(1, 1800) + later(scene(2, 18, noise=6), 1800) + later(scene(3, 1800), 1818)
    found = match(upload, scene(2, 18))
    assert found is not None
    assert (found.rule, found.listed, found.start, found.end, found.distance) == (CLIP, 100, 1800, 1817, 6)
    assert 0.4 < found.query < 0.6  # vPDQ's defaults ask for 80


def test_a_few_seconds_of_a_known_video_in_another_one_are_a_scene() -> None:
    upload = scene(1, 100) + later(scene(2, 600)[300:303], 100) + later(scene(3, 100), 103)
    found = match(upload, scene(2, 600))
    assert found is not None
    assert (found.rule, found.start, found.end) == (CLIP, 400, 402)
    assert match(scene(1, 100) + later(scene(2, 600)[300:302], 100), scene(2, 600)) is None


def test_frames_in_another_order_are_no_scene() -> None:
    back = [(value, quality, 100 + n) for n, (value, quality, _) in enumerate(reversed(scene(2, 600)[300:312:3]))]
    assert match(scene(1, 100) + back, scene(2, 600)) is None


def test_a_still_that_is_shared_is_no_scene_however_long_it_stands() -> None:
    still = scene(9, 1)[0][0]
    title = [(flipped(still, 4, n), 100, float(n)) for n in range(20)]
    upload = scene(1, 100) + later(title, 100)
    listed = [*title, *later(scene(2, 600), 20)]
    assert match(upload, listed) is None


def test_a_listed_still_matches_where_it_is_shown() -> None:
    still = scene(9, 1)
    found = match(scene(1, 100) + later(still, 100), still)
    assert found is not None
    assert (found.rule, found.listed, found.start, found.end) == (CLIP, 100, 100, 100)


def test_frames_of_low_quality_never_count() -> None:
    black = [(bytes(31) + b"\1", 49, float(n)) for n in range(30)]
    assert match(black, black) is None
    assert match([*scene(1, 4), *later(black, 4)], scene(1, 4)) == Overlap(WHOLE, 100, 100, 0, 3, 0)


def test_equal_frames_count_once_as_vpdq_has_it() -> None:
    one, *others = scene(1, 5)
    query = [one, *later([one] * 100, 0), *others, *later(scene(2, 1), 200)]
    found = match(query, scene(1, 5))
    assert found is not None
    assert found.query == 100 * 5 / 6


def test_the_operators_shares_are_kept() -> None:
    query = scene(1, 9) + later(scene(2, 1), 9)
    assert match(query, scene(1, 100), terms=Terms(91))
    found = match(query, scene(1, 100), terms=Terms(91))
    assert found is not None
    assert found.rule == CLIP  # nine frames in order are a scene, whatever their share
    assert match(query, scene(1, 10), terms=Terms(90, 90)) is not None
    shuffled = [(value, 100, float(n * 7 % 5 * 40)) for n, (value, _, _) in enumerate(scene(1, 2))]
    assert match(shuffled, scene(1, 10), terms=Terms(listed=21)) is None


def test_two_still_videos_of_hours_are_compared_in_bounded_time_and_memory() -> None:
    still = scene(9, 1)[0][0]
    rows = [(flipped(still, 6, n), 100, float(n)) for n in range(6000)]
    found = match(rows, later(rows, 0))
    assert found is not None
    assert found.rule == WHOLE


# --- a plain twin ----------------------------------------------------------------------------------------------------


def twin(query: list[Row], listed: list[Row], radius: int) -> tuple[str, float, float] | None:
    """The law as its words have it: every pair, every difference of time."""
    q = sorted((row for row in query if row[1] >= 50), key=lambda row: row[2])
    seen, listed_once = set(), []
    for row in sorted((row for row in listed if row[1] >= 50), key=lambda row: row[2]):
        if row[0] not in seen:
            listed_once.append(row)
            seen.add(row[0])
    if not q or not listed_once:
        return None

    def bits(a: bytes, b: bytes) -> int:
        return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()

    values = {row[0] for row in q}
    near_q = {v for v in values if any(bits(v, row[0]) <= radius for row in listed_once)}
    near_l = {row[0] for row in listed_once if any(bits(row[0], v) <= radius for v in values)}
    shares = 100 * len(near_q) / len(values), 100 * len(near_l) / len(listed_once)
    if near_q and shares[0] >= 80:
        return WHOLE, *shares
    best = 0
    pairs = [(a, b) for a, b in product(q, listed_once) if bits(a[0], b[0]) <= radius]
    for start in {int((a[2] - b[2]) // 1) for a, b in pairs}:
        within = [(a, b) for a, b in pairs if int((a[2] - b[2]) // 1) in (start, start + 1)]
        there = {b[0] for _, b in within}
        if 100 * len(there) >= 80 * len(listed_once) or unlike_scene(within, bits):
            best = max(best, len(there))
    return (CLIP, shares[0], 100 * best / len(listed_once)) if best else None


def unlike_scene(within: list[tuple[Row, Row]], bits: object) -> bool:
    """Three, unlike on either side, two seconds apart; found greedily from the first on, as the law is."""
    taken: list[tuple[Row, Row]] = []
    for a, b in sorted(within, key=lambda pair: pair[1][2]):
        if all(bits(a[0], c[0]) > 16 and bits(b[0], d[0]) > 16 for c, d in taken):  # type: ignore[operator]
            taken.append((a, b))
            if len(taken) >= 3 and taken[-1][1][2] - taken[0][1][2] >= 2:
                return True
    return False


ALPHABET = (
    [scene(5, 1)[0][0]]
    + [flipped(scene(5, 1)[0][0], n, 3) for n in (8, 16, 17, 31, 32, 60)]
    + [row[0] for row in scene(6, 5)]
)
letters = st.sampled_from(ALPHABET)
videos = st.lists(st.tuples(letters, st.sampled_from([49, 50, 100]), st.just(0.0)), min_size=1, max_size=12).map(
    lambda rows: [(value, quality, float(n)) for n, (value, quality, _) in enumerate(rows)]
)


@settings(max_examples=400)
@given(query=videos, listed=videos, radius=st.sampled_from([0, 16, 31, 64]))
def test_the_law_is_that_of_a_plain_twin(query: list[Row], listed: list[Row], radius: int) -> None:
    found, wanted = match(query, listed, radius), twin(query, listed, radius)
    assert (found and (found.rule, found.query, found.listed)) == wanted
    if found:  # what is known before they are compared does not rule it out
        one, other = side(query), side(listed)
        near = np.bitwise_count(one.hashes[:, None] ^ other.hashes[None]).sum(axis=2, dtype=int) <= radius
        assert may_overlap(one, other, int(near.any(axis=1).sum()), int(near.any(axis=0).sum()), VPDQ)


def test_shares_and_times_for_people() -> None:
    assert [shown_share(s) for s in (0, 0.02, 0.55, 1, 99.6, 100)] == ["0", "0.1", "0.6", "1", "100", "100"]
    assert [shown_time(s) for s in (0, 5.9, 65, 3725)] == ["0:00", "0:05", "1:05", "1:02:05"]
