"""The search index against a comparison written in plain Python, and its file."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core import faults, search
from himaya.core.errors import HimayaError
from himaya.core.search import BadIndexFile, Hit, numpy_index


@pytest.fixture(params=["the kernel", "its twin"], autouse=True, scope="module")
def which(request):
    """Everything here holds of both."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "its twin":
            patch.setattr(search, "_Index", numpy_index.NumpyIndex)
            patch.setattr(search, "_NATIVE", False)
        else:
            assert search._Index is not numpy_index.NumpyIndex, "the kernel has not been built"
        yield request.param


# Few byte values, so that near hashes and equal ones are common.
hash_values = st.lists(st.sampled_from([0x00, 0x01, 0x03, 0xFF]), min_size=32, max_size=32).map(bytes)
entries = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), hash_values), max_size=30)
radii = st.integers(0, 256)


def arrays(pairs):
    keys = np.array([key for key, _ in pairs], np.int64)
    return keys, np.frombuffer(b"".join(value for _, value in pairs), np.uint8).reshape(-1, 32)


def row(value):
    return np.frombuffer(value, np.uint8)


def plainly(pairs, value, radius):
    """What must be found."""
    wanted = int.from_bytes(value, "big")
    distances = {key: (int.from_bytes(stored, "big") ^ wanted).bit_count() for key, stored in dict(pairs).items()}
    return sorted((Hit(k, d) for k, d in distances.items() if d <= radius), key=lambda hit: (hit.distance, hit.key))


def random_hashes(count, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)


@given(pairs=entries, value=hash_values, radius=radii)
def test_it_finds_what_a_plain_comparison_finds(pairs, value, radius):
    assert search.build(*arrays(pairs)).query(row(value), radius) == plainly(pairs, value, radius)


@given(pairs=entries, values=st.lists(hash_values, max_size=6), radius=radii)
def test_many_queries_give_what_each_gives(pairs, values, radius):
    index = search.build(*arrays(pairs))
    _, rows = arrays([(0, value) for value in values])
    assert index.query_many(rows, radius) == [index.query(row(value), radius) for value in values]


@given(first=entries, then=entries, gone=entries, value=hash_values)
def test_adding_and_removing_is_building_anew(first, then, gone, value):
    index = search.build(*arrays(first))
    index.add(*arrays(then))
    left = dict(first) | dict(then)
    removed = index.remove(arrays(gone)[0])
    assert removed == len(left.keys() & dict(gone).keys())
    left = {key: stored for key, stored in left.items() if key not in dict(gone)}
    assert len(index) == len(left)
    assert index.query(row(value), 256) == plainly(left.items(), value, 256)


@pytest.mark.parametrize("distance", [0, 1, 31, 32, 64, 65, 128, 256])
def test_a_planted_hash_is_found_at_its_distance_and_not_below(distance):
    hashes = random_hashes(1000)
    rng = np.random.default_rng(distance)
    bits = np.unpackbits(hashes[500])
    bits[rng.permutation(256)[:distance]] ^= 1
    index = search.build(np.arange(1000), hashes)
    assert Hit(500, distance) in index.query(np.packbits(bits), distance)
    assert 500 not in [hit.key for hit in index.query(np.packbits(bits), distance - 1)]


def test_it_finds_across_blocks(monkeypatch):
    monkeypatch.setattr(numpy_index, "BLOCK", 7)
    hashes = random_hashes(100)
    index = search.build(np.arange(100), hashes)
    assert index.query_many(hashes, 0) == [[Hit(key, 0)] for key in range(100)]


def test_one_hash_under_several_keys_answers_with_all():
    hashes = random_hashes(1).repeat(3, axis=0)
    index = search.build(np.array([9, -4, 7]), hashes)
    assert index.query(hashes[0], 31) == [Hit(-4, 0), Hit(7, 0), Hit(9, 0)]


def test_a_key_that_is_added_twice_has_the_last_hash():
    one, other = random_hashes(2)
    index = search.build(np.array([5, 5]), np.stack((other, one)))
    assert len(index) == 1
    assert index.query(one, 0) == [Hit(5, 0)]
    index.add(np.array([5]), other[None])
    assert index.query(one, 0) == []
    assert index.query(other, 0) == [Hit(5, 0)]


def test_a_limit_keeps_the_nearest():
    hashes = random_hashes(50)
    index = search.build(np.arange(50), hashes)
    everything = index.query(hashes[3], 256)
    assert len(everything) == 50
    assert index.query(hashes[3], 256, limit=2) == everything[:2]
    assert everything[0] == Hit(3, 0)


def test_an_empty_index_finds_nothing_and_can_be_filled():
    index = search.empty()
    hashes = random_hashes(2)
    assert len(index) == 0
    assert index.query_many(hashes, 256) == [[], []]
    assert index.remove(np.array([1])) == 0
    index.add(np.array([1, 2]), hashes)
    assert index.query(hashes[1], 0) == [Hit(2, 0)]


def test_changing_the_arrays_afterwards_does_not_change_the_index():
    keys, hashes = np.array([1]), random_hashes(1)
    index = search.build(keys, hashes)
    before = hashes.copy()
    keys[0], hashes[:] = 2, 0
    assert index.query(before[0], 0) == [Hit(1, 0)]


@pytest.mark.parametrize(
    ("keys", "hashes"),
    [
        (np.arange(2), np.zeros((1, 32), np.uint8)),
        (np.arange(1), np.zeros((1, 31), np.uint8)),
        (np.arange(1), np.zeros(32, np.uint8)),
        (np.arange(1), np.zeros((1, 32), np.int64)),
        (np.arange(1.0), np.zeros((1, 32), np.uint8)),
    ],
)
def test_arrays_of_another_shape_are_a_programming_error(keys, hashes):
    with pytest.raises(ValueError, match=r"hashes|keys"):
        search.build(keys, hashes)


def test_hexadecimal_values_become_rows():
    rows = search.from_hex(["00" * 31 + "0f", "ff" * 32])
    assert rows.shape == (2, 32)
    assert search.build(np.arange(2), rows).query(rows[0], 4) == [Hit(0, 0)]
    assert rows[0, 31] == 0x0F
    assert search.from_hex([]).shape == (0, 32)


def test_queries_beside_changes_see_one_state():
    hashes = random_hashes(2000)
    index = search.build(np.arange(2000), hashes)
    wrong: list[object] = []
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            if index.query(hashes[0], 0) != [Hit(0, 0)]:
                wrong.append("lost")

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(100):
        index.remove(np.arange(1000, 2000))
        index.add(np.arange(1000 + turn, 2000), hashes[1000 + turn :])
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- the file --------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "pdq.index"
    search.build(np.arange(100) - 50, random_hashes(100)).save(path)
    return path


def refusal(path):
    with pytest.raises(BadIndexFile) as caught:
        search.open(path)
    assert isinstance(caught.value, HimayaError)
    assert str(path) in str(caught.value)
    return caught.value.facts["why"]


@given(pairs=entries, value=hash_values)
def test_what_was_saved_is_opened_to_the_same_answers(tmp_path_factory, pairs, value):
    path = tmp_path_factory.mktemp("index") / "x"
    index = search.build(*arrays(pairs))
    index.save(path)
    opened = search.open(path)
    assert len(opened) == len(index)
    assert opened.query(row(value), 256) == index.query(row(value), 256)


def test_an_opened_index_can_be_changed(saved):
    index = search.open(saved)
    assert index.remove(np.array([0])) == 1
    index.add(np.array([1000]), random_hashes(1, seed=9))
    assert len(index) == 100


@pytest.mark.parametrize("position", [60, 500, 1000, -1])
def test_a_flipped_bit_in_an_index_file_is_noticed_when_it_is_read_whole(saved, position):
    search.verify(saved)
    content = bytearray(saved.read_bytes())
    content[position] ^= 1
    saved.write_bytes(content)
    with pytest.raises(BadIndexFile, match=r"it is damaged: (the|a) checksum"):
        search.verify(saved)


def test_a_cut_index_file_is_noticed(saved, which):
    size = saved.stat().st_size
    saved.write_bytes(saved.read_bytes()[:-40])
    if which == "the kernel":
        assert str(refusal(saved)) == f"it is {size - 40} bytes long, {size} are needed"
    else:
        assert refusal(saved) == "it is 4160 bytes long, 4200 are needed"


@pytest.mark.parametrize("content", [b"", b"HIMAYAIX", b"something else that is long enough to hold a header....."])
def test_a_foreign_file_is_not_an_index(saved, content):
    saved.write_bytes(content)
    assert refusal(saved) == "it is not an index of Himaya"
    saved.write_bytes(content.ljust(10_000))
    assert refusal(saved) == "it is not an index of Himaya"


def test_an_index_of_another_version_is_refused(saved):
    content = bytearray(saved.read_bytes())
    content[8] = 2
    saved.write_bytes(content)
    assert str(refusal(saved)) == "its version is 2, this program reads 1"


def test_a_missing_index_is_said_in_words(tmp_path):
    assert refusal(tmp_path / "none") == "No such file or directory"


def test_a_crash_while_saving_leaves_the_old_index(saved):
    before = saved.read_bytes()
    faults.arm("files.replace:raise")
    try:
        with pytest.raises(faults.InjectedFault):
            search.empty().save(saved)
    finally:
        faults.arm("")
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_an_index_file_is_for_its_owner_only(saved):
    assert saved.stat().st_mode & 0o777 == 0o600


# --- groups, arrays, variants ----------------------------------------------------------------------------------------


grouped = st.lists(st.tuples(st.integers(-5, 40), hash_values, st.integers(0, 600)), max_size=30)


@given(
    stored=grouped,
    value=hash_values,
    radii=st.lists(st.sampled_from([0, 2, 31, 128, 254, 255]), max_size=4),
)
def test_each_item_matches_within_the_radius_of_its_group(stored, value, radii):
    stored = [(key, stored_value, group % 5) for key, stored_value, group in stored]
    keys, hashes = arrays([(k, v) for k, v, _ in stored])
    index = search.build(keys, hashes, np.array([g for *_, g in stored], np.uint16))
    of = {k: g for k, _, g in stored}
    expected = [
        hit
        for hit in plainly([(k, v) for k, v, _ in stored], value, 256)
        if of[hit.key] < len(radii) and radii[of[hit.key]] != 255 and hit.distance <= radii[of[hit.key]]
    ]
    assert index.query(row(value), np.array(radii, np.uint8)) == expected


@given(pairs=entries, values=st.lists(hash_values, max_size=6), radius=radii, limit=st.none() | st.integers(0, 5))
def test_arrays_and_lists_say_the_same(pairs, values, radius, limit):
    index = search.build(*arrays(pairs))
    _, rows = arrays([(0, value) for value in values])
    lists, near = index.query_many(rows, radius), index.near(rows, radius)
    flat = [(row, *hit) for row, hits in enumerate(lists) for hit in hits]
    assert list(zip(near.rows.tolist(), near.keys.tolist(), near.distances.tolist(), strict=True)) == flat
    few = [hits[:limit] for hits in lists]
    assert index.query_many(rows, radius, limit) == few
    nearest = index.near(rows, radius, limit)
    flat = [(row, *hit) for row, hits in enumerate(few) for hit in hits]
    assert list(zip(nearest.rows.tolist(), nearest.keys.tolist(), nearest.distances.tolist(), strict=True)) == flat


@given(
    pairs=entries,
    things=st.lists(st.lists(hash_values, max_size=6), max_size=4),
    radius=radii,
    limit=st.none() | st.integers(0, 5),
)
def test_of_variants_each_key_is_told_once_at_its_least_distance(pairs, things, radius, limit):
    index = search.build(*arrays(pairs))
    _, rows = arrays([(0, value) for values in things for value in values])
    expected = []
    for values in things:
        best = {}
        for variant, value in enumerate(values):
            for hit in plainly(pairs, value, radius):
                best[hit.key] = min(best.get(hit.key, (257, 0)), (hit.distance, variant))
        found = sorted((distance, key, variant) for key, (distance, variant) in best.items())
        expected.append([(key, distance, variant) for distance, key, variant in found[:limit]])
    assert index.query_variants(rows, np.cumsum([len(values) for values in things]), radius, limit) == expected


@pytest.mark.parametrize("ends", [[], [3], [5], [2, 1, 4], [-1, 4], [4, 0]])
@pytest.mark.parametrize("times", [1, 200])
def test_ends_of_things_that_do_not_fit_are_refused(ends, times):
    index = search.build(np.arange(9), np.zeros((9, 32), np.uint8))
    with pytest.raises(ValueError, match="end"):
        index.query_variants(np.zeros((4 * times, 32), np.uint8), np.array(ends, np.int64) * times, 31)


@given(pairs=entries, note=st.binary(max_size=50))
def test_the_note_and_the_groups_are_saved(tmp_path_factory, pairs, note):
    path = tmp_path_factory.mktemp("index") / "x"
    keys, hashes = arrays(pairs)
    search.build(keys, hashes, np.full(len(keys), 700, np.uint16)).save(path, note)
    opened = search.open(path)
    assert opened.note == note
    assert opened.holds(keys).all()
    only = np.full(701, 255, np.uint8)
    assert not pairs or opened.query(hashes[0], only) == []
    only[700] = 254
    assert not pairs or opened.query(hashes[0], only)
