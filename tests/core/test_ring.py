"""The kernel's index against its twin in NumPy: every radius, instruction set, kind of data and change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core import kernel
from himaya.core.search import BadIndexFile, Hit, ring_file, ring_index, segment
from himaya.core.search.numpy_index import NumpyIndex
from himaya.core.search.ring_index import RingIndex

N = 9000
"""Beyond what is kept as a plain table."""
SETS = kernel.instruction_sets()


def flipped(hashes, most, rng):
    """Each hash with up to ``most`` bits changed."""
    bits = np.unpackbits(hashes, axis=1)
    for line in bits:
        line[rng.permutation(256)[: rng.integers(0, most + 1)]] ^= 1
    return np.packbits(bits, axis=1)


def data(kind, n=N, seed=3):
    """Hashes of a kind, and values to ask for: stored ones, their neighbours, strangers."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (n, 32), np.uint8)
    if kind == "clustered":
        hashes[: n // 3] = flipped(np.repeat(hashes[:4], n // 12, axis=0), 70, rng)
    elif kind == "of many copies":
        hashes[: n // 2] = hashes[rng.integers(n - 5, n, n // 2)]
    elif kind == "of one copy":
        hashes[:] = hashes[0]
    elif kind == "of zeros and ones":
        hashes[: n // 2], hashes[n // 2 :] = 0, 255
    elif kind == "with one chunk that is equal":
        hashes[:, 10:12] = 7
    elif kind == "sparse":
        hashes &= rng.integers(0, 256, (n, 32), np.uint8) & rng.integers(0, 256, (n, 32), np.uint8)
        hashes &= rng.integers(0, 256, (n, 32), np.uint8)
    near = flipped(hashes[rng.integers(0, n, 5)], 66, rng)
    values = np.concatenate(
        [hashes[:1], hashes[-2:], near, rng.integers(0, 256, (1, 32), np.uint8), np.zeros((1, 32), np.uint8)]
    )
    return rng.permutation(n).astype(np.int64) * 5 - 1000, hashes, rng.integers(0, 3, n).astype(np.uint16), values


KINDS = [
    "random",
    "clustered",
    "of many copies",
    "of one copy",
    "of zeros and ones",
    "with one chunk that is equal",
    "sparse",
]


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    yield
    kernel.use(SETS[-1])
    kernel.native.search_by("")


def up_to(near, radius):
    """What of an answer lies within a smaller radius, as lists."""
    stay = near.distances <= radius
    return [array[stay].tolist() for array in near]


@pytest.mark.parametrize("kind", KINDS)
def test_every_radius_and_every_instruction_set_finds_what_the_twin_finds(kind):
    keys, hashes, groups, values = data(kind)
    index, everything = RingIndex.build(keys, hashes, groups), NumpyIndex.build(keys, hashes, groups).near(values, 64)
    for name in SETS:
        kernel.use(name)
        for radius in range(65):
            for way in ("ring", "scan") if radius % 8 == 0 else ("ring",):
                kernel.native.search_by(way)
                found = index.near(values, radius)
                assert [array.tolist() for array in found] == up_to(everything, radius), (name, radius, way)


@pytest.mark.parametrize("radius", [65, 79, 80, 100, 256])
def test_radii_beyond_the_usual_are_exact_too(radius):
    keys, hashes, groups, values = data("sparse", 9000)
    index, twin = RingIndex.build(keys, hashes, groups), NumpyIndex.build(keys, hashes, groups)
    for name in SETS:
        kernel.use(name)
        assert index.query_many(values[:4], radius) == twin.query_many(values[:4], radius)


@pytest.mark.parametrize("kind", KINDS)
def test_limits_groups_and_variants_are_those_of_the_twin(kind):
    keys, hashes, groups, values = data(kind)
    index, twin = RingIndex.build(keys, hashes, groups), NumpyIndex.build(keys, hashes, groups)
    radii = np.array([20, 255, 45], np.uint8)
    for name in SETS:
        kernel.use(name)
        kernel.native.search_by("ring")
        assert index.query_many(values, radii, 5) == twin.query_many(values, radii, 5)
        for ends in (np.array([len(values)]), np.array([0, 1, 1, 4, len(values)]), np.arange(len(values)) + 1):
            assert index.query_variants(values, ends, radii) == twin.query_variants(values, ends, radii)
            assert index.query_variants(values, ends, radii, 3) == twin.query_variants(values, ends, radii, 3)
        assert index.query(values[0], radii) == twin.query(values[0], radii)
    assert index.query_many(values, np.array([255], np.uint8)) == [[]] * len(values)


def test_a_large_batch_is_cut_for_threads_and_put_together_in_order():
    keys, hashes, groups, _ = data("clustered")
    index = RingIndex.build(keys, hashes, groups)
    one, four = index.near(hashes[:1000], 31, threads=1), index.near(hashes[:1000], 31, threads=4)
    assert [a.tolist() for a in one] == [a.tolist() for a in four]
    assert len(one.rows) >= 1000


@pytest.mark.parametrize("kind", ["of one copy", "of zeros and ones"])
def test_with_a_limit_a_million_equal_answers_take_no_memory(kind):
    """64 queries with 30,000 hits each are 30 MB; what is kept between is bounded by the limit, and exact."""
    keys, hashes, groups, values = data(kind, 30_000)
    index, twin = RingIndex.build(keys, hashes, groups), NumpyIndex.build(keys, hashes, groups)
    many = np.repeat(values[:1], 64, axis=0)
    (expected,) = twin.query_many(values[:1], 31, 7)
    assert index.query_many(many, 31, 7) == [expected] * 64
    once = [(*hit, 0) for hit in expected]
    assert index.query_variants(many, np.array([64]), 31, 7) == [once]
    assert index.query_variants(many, np.array([30, 30, 64]), 31, 7) == [once, [], once]


# --- changes ---------------------------------------------------------------------------------------------------------

few_hashes = st.lists(st.sampled_from([0x00, 0x01, 0xFF]), min_size=32, max_size=32).map(bytes)
some_rows = st.lists(st.tuples(st.integers(0, 60), few_hashes, st.integers(0, 2)), max_size=25)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("add"), some_rows),
        st.tuples(st.just("remove"), st.lists(st.integers(0, 60), max_size=25)),
        st.tuples(st.just("reopen"), st.none()),
    ),
    max_size=12,
)


def as_arrays(rows):
    hashes = np.frombuffer(b"".join(value for _, value, _ in rows), np.uint8).reshape(-1, 32)
    return np.array([k for k, *_ in rows], np.int64), hashes, np.array([g for *_, g in rows], np.uint16)


@pytest.fixture(scope="module")
def few() -> Iterator[None]:
    """Tables are full at ten rows, so that there are many segments, and rings of few rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "FLAT", 10)
        patch.setattr(ring_index, "FLAT", 10)
        patch.setattr(ring_index, "_FIRST_ROOM", 2)
        yield


@settings(max_examples=40, deadline=None)
@given(first=some_rows, then=changes, value=few_hashes)
def test_whatever_is_added_removed_and_saved_it_stays_its_twin(few, tmp_path_factory, first, then, value):
    index, twin = RingIndex.build(*as_arrays(first)), NumpyIndex.build(*as_arrays(first))
    path = tmp_path_factory.mktemp("ring") / "x"
    kernel.native.search_by("ring")
    asked, radii = np.frombuffer(value, np.uint8), np.array([12, 255, 70], np.uint8)
    for act, rows in then:
        if act == "add":
            index.add(*as_arrays(rows))
            twin.add(*as_arrays(rows))
        elif act == "remove":
            assert index.remove(np.array(rows, np.int64)) == twin.remove(np.array(rows, np.int64))
        else:
            index.save(path)
            ring_file.verify(path)
            index = RingIndex.open(path)
        assert len(index) == len(twin)
        assert index.query(asked, 64) == twin.query(asked, 64)
        assert index.query(asked, radii) == twin.query(asked, radii)
        assert index.holds(np.arange(61)).tolist() == twin.holds(np.arange(61)).tolist()


def test_a_change_beside_a_large_segment_copies_nothing_and_merging_keeps_all():
    keys, hashes, groups, _ = data("random", 40_000)
    index, twin = RingIndex.build(keys, hashes, groups), NumpyIndex.build(keys, hashes, groups)
    before = index._state.levels[0].segment
    rng = np.random.default_rng(8)
    for turn in range(12):
        new = rng.integers(0, 256, (900, 32), np.uint8)
        fresh = np.arange(900) + 1_000_000 + turn * 700  # some of the turn before, too
        for one in (index, twin):
            one.add(fresh, new, np.full(900, 1, np.uint16))
            one.remove(keys[turn * 50 : turn * 50 + 60])
    assert index._state.levels[0].segment is before
    assert len(index._state.levels) == 2, "a full table has become a segment"
    assert len(index) == len(twin)
    asked = np.concatenate([hashes[:700:7], new[:50]])
    assert index.query_many(asked, 80) == twin.query_many(asked, 80)
    index.remove(keys[:30_000])
    twin.remove(keys[:30_000])
    assert index._state.levels[0].segment.count < 40_000, "what is mostly gone is built anew"
    assert index.query_many(asked, 31) == twin.query_many(asked, 31)


def test_a_query_that_began_before_a_change_sees_what_was_before():
    keys, hashes, groups, _ = data("random")
    index = RingIndex.build(keys, hashes, groups)
    index.add(np.array([9_999_999]), hashes[:1])
    then = index._state
    index.remove(np.array([keys[0], 9_999_999]))
    index.add(np.array([9_999_998]), hashes[:1])
    seen = index._one(then.view, then.now, then.visible, hashes[0], 0, None)
    assert sorted(key for key, _ in seen) == sorted([int(keys[0]), 9_999_999])
    assert index.query(hashes[0], 0) == [Hit(9_999_998, 0)]


@pytest.mark.parametrize("keys", [[-(2**63), 2**63 - 1], [2**40, 2**40 + 2**32 - 1], [2**40, 2**40 + 2**32], [-5, -4]])
def test_keys_of_every_size_are_kept(keys, tmp_path):
    _, hashes, _, _ = data("random", 2)
    RingIndex.build(np.array(keys), hashes).save(tmp_path / "x")
    index = RingIndex.open(tmp_path / "x")
    assert [index.query(one, 0)[0].key for one in hashes] == keys
    assert index.holds(np.array([*keys, 17])).tolist() == [True, True, False]


def test_ten_million_would_take_115_bytes_a_hash():
    index = RingIndex.build(np.arange(50_000) + 2**40, data("random", 50_000)[1])
    fixed = 16 * 65_537 * 4  # the offsets: half a byte a hash at ten million
    assert (index.size() - fixed) / 50_000 < 113.5


# --- the file --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "pdq.index"
    keys, hashes, groups, _ = data("clustered", 9000)
    RingIndex.build(keys, hashes, groups).save(path, b"revision 7")
    return path


def test_a_damaged_file_is_refused_or_answers_and_is_always_found_out(saved, tmp_path):
    """Whatever byte is wrong, nothing is read that is not in the file: a crash would end this run."""
    content = bytearray(saved.read_bytes())
    rng = np.random.default_rng(1)
    *_, values = data("clustered", 9000)
    places = [*range(0, 400, 3), 4064, 4095, *rng.integers(4096, len(content), 120).tolist()]
    path, refused = tmp_path / "damaged", 0
    kernel.native.search_by("ring")
    for place in places:
        content[place] ^= (mask := int(rng.integers(1, 256)))
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        with pytest.raises(BadIndexFile):
            ring_file.verify(path)
        try:
            index = RingIndex.open(path)
            index.near(values, 40)
            index.query_variants(values, np.array([3, len(values)]), 31, 3)
        except BadIndexFile:
            refused += 1
        content[place] ^= mask
    assert refused >= 130


def test_wild_numbers_under_right_checksums_do_not_make_it_read_elsewhere(saved, tmp_path):
    """As a file that somebody made on purpose: rows beyond the end, and buckets that are not in order."""
    whole, note = ring_file.open_segment(saved)
    wild = [None if a is None else a.copy() for a in whole.arrays]
    wild[5][:] = 255
    sizes = whole.key_bytes, whole.id_bytes, whole.group_bytes
    made = segment.Segment.of(whole.count, (whole.key_base, whole.key_last), sizes, tuple(wild))
    ring_file.save_segment(tmp_path / "x", made, note)
    kernel.native.search_by("ring")
    *_, values = data("clustered", 9000)
    assert len(RingIndex.open(tmp_path / "x").near(values, 64).rows) < 9000 * len(values)
    wild[3].view(np.uint32)[5] = 1 << 31
    with pytest.raises(ValueError, match="do not fit"):
        segment.Segment.of(whole.count, (whole.key_base, whole.key_last), sizes, tuple(wild))


def test_a_file_is_replaced_under_its_readers(saved, tmp_path):
    path = tmp_path / "x"
    keys, hashes, groups, values = data("clustered", 9000)
    RingIndex.build(keys, hashes, groups).save(path)
    reader = RingIndex.open(path)
    before = reader.query_many(values, 31)
    RingIndex.build(keys[:1], hashes[:1]).save(path)
    assert len(RingIndex.open(path)) == 1
    assert reader.query_many(values, 31) == before


def test_rows_whose_numbers_take_four_bytes_and_groups_that_take_two(tmp_path, monkeypatch):
    """As from 16.8 million items and 256 lists on."""
    monkeypatch.setattr(segment, "NARROW_ROWS", 0)
    keys, hashes, groups, values = data("clustered")
    groups = (groups * 300).astype(np.uint16)
    built, twin = RingIndex.build(keys, hashes, groups), NumpyIndex.build(keys, hashes, groups)
    built.save(tmp_path / "x")
    radii = np.full(601, 255, np.uint8)
    radii[[0, 300, 600]] = 31, 64, 3
    for index in (built, RingIndex.open(tmp_path / "x")):
        assert index._state.levels[0].segment.id_bytes == 4
        assert index._state.levels[0].segment.group_bytes == 2
        for name in SETS:
            kernel.use(name)
            for way in ("ring", "scan"):
                kernel.native.search_by(way)
                for radius in (0, 31, 64, radii):
                    assert index.query_many(values, radius) == twin.query_many(values, radius)
