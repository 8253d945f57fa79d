"""Proofs over trees: the known vectors, every small size, random batches, and what must be refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core import merkle, tiles
from himaya.core.merkle import HashAt, WrongProof, leaf_hash, node_hash

VECTORS = json.loads((Path(__file__).parent / "vectors" / "merkle.json").read_text())
LEAVES = [leaf_hash(bytes.fromhex(text)) for text in VECTORS["leaves_hex"]]
MANY = [leaf_hash(str(n).encode()) for n in range(700)]


def over(leaves: Sequence[bytes]) -> bytes:
    """The definition of RFC 9162 §2.1.1, word for word."""
    if not leaves:
        return merkle.EMPTY
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(over(leaves[:middle]), over(leaves[middle:]))


def of(leaves: Sequence[bytes]) -> HashAt:
    return lambda level, index: over(leaves[index << level : (index + 1) << level])


def in_tiles(leaves: Sequence[bytes]) -> HashAt:
    """The same out of tiles that hold what a tile holds."""

    def tile_at(level: int, number: int) -> bytes:
        width = tiles.width_of(level, number, size=len(leaves))
        first = number * tiles.WIDTH
        return b"".join(of(leaves)(level * tiles.HEIGHT, first + n) for n in range(width))

    return tiles.from_tiles(tile_at)


def test_roots_and_proofs_are_those_of_the_vectors() -> None:
    for size, root in VECTORS["roots"].items():
        assert merkle.root_of(LEAVES[: int(size)]).hex() == root
        assert merkle.root_at(int(size), of(LEAVES)).hex() == root
    for one in VECTORS["inclusion"]:
        found = merkle.inclusion(one["leaf_index"], one["tree_size"], of(LEAVES))
        assert [step.hex() for step in found] == one["path"]
    for one in VECTORS["consistency"]:
        found = merkle.consistency(one["first"], one["second"], of(LEAVES))
        assert [step.hex() for step in found] == one["proof"]


@pytest.mark.parametrize("size", range(1, 65))
def test_every_proof_of_a_small_tree_holds_and_holds_for_nothing_else(size: int) -> None:
    leaves = MANY[:size]
    root, hash_at = over(leaves), of(leaves)
    for index in range(size):
        path = merkle.inclusion(index, size, hash_at)
        merkle.verify_inclusion(leaf=leaves[index], index=index, size=size, path=path, root=root)
        wrong = [
            {"leaf": MANY[699]}, {"root": MANY[699]}, {"index": index + 1}, {"path": [*path, MANY[0]]},
            *([{"path": path[1:]}] if path else []),
        ]  # fmt: skip
        for change in wrong:
            asked = {"leaf": leaves[index], "index": index, "size": size, "path": path, "root": root, **change}
            with pytest.raises(WrongProof):
                merkle.verify_inclusion(**asked)
    for old in range(size + 1):
        proof, old_root = merkle.consistency(old, size, hash_at), over(leaves[:old])
        merkle.verify_consistency(old=old, new=size, old_root=old_root, new_root=root, proof=proof)
        changes = [{"old_root": MANY[699]}, {"proof": [*proof, MANY[0]]}, {"proof": proof[1:]}, {"new_root": MANY[699]}]
        for change in changes if old else changes[:2]:
            if change.get("proof") == proof:
                continue
            asked = {"old": old, "new": size, "old_root": old_root, "new_root": root, "proof": proof, **change}
            with pytest.raises(WrongProof):
                merkle.verify_consistency(**asked)


def test_proofs_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="no leaf 3"):
        merkle.inclusion(3, 3, of(MANY))
    with pytest.raises(ValueError, match="does not begin"):
        merkle.consistency(4, 3, of(MANY))
    with pytest.raises(ValueError, match="an edge of 2"):
        merkle.Tree(3, [MANY[0]])
    with pytest.raises(WrongProof, match="32 bytes"):
        merkle.verify_inclusion(leaf=MANY[0], index=0, size=2, path=[b"short"], root=MANY[0])
    with pytest.raises(WrongProof, match="at most 63"):
        merkle.verify_consistency(old=1, new=2, old_root=MANY[0], new_root=MANY[0], proof=MANY[:64])


@given(st.lists(st.integers(0, 90), max_size=6), st.data())
def test_a_tree_that_grew_in_batches_is_the_tree_and_its_tiles_prove_it(
    batches: list[int], data: st.DataObject
) -> None:
    tree, size = merkle.Tree(), 0
    for batch in batches:
        for leaf in MANY[size : size + batch]:
            tree.add(leaf)
        size += batch
    assert (tree.size, tree.root()) == (size, over(MANY[:size]))
    if not size:
        return
    hash_at = in_tiles(MANY[:size])
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert merkle.root_at(size, hash_at) == tree.root()
    path = merkle.inclusion(index, size, hash_at)
    merkle.verify_inclusion(leaf=MANY[index], index=index, size=size, path=path, root=tree.root())
    proof = merkle.consistency(old, size, hash_at)
    merkle.verify_consistency(old=old, new=size, old_root=over(MANY[:old]), new_root=tree.root(), proof=proof)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        ((0, 0, 256), "0/000"),
        ((0, 5, 7), "0/005.p/7"),
        ((3, 1234067, 256), "3/x001/x234/067"),
        ((1, 1000, 255), "1/x001/000.p/255"),
        ((0, 999, 256), "0/999"),
    ],
)
def test_the_path_of_a_tile_is_the_one_of_the_specification(tile: tuple[int, int, int], path: str) -> None:
    assert tiles.tile_path(*tile) == path
    assert tiles.read_path(path) == tile


@pytest.mark.parametrize(
    "path", ["", "0/0", "0/x000/001", "8/000", "00/000", "0/000.p/256", "0/000.p/0", "0/000/", "a"]
)
def test_a_path_that_no_tile_has_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        tiles.read_path(path)


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_what_a_log_gained_is_the_tiles_that_were_not_there(one: int, other: int) -> None:
    before, after = sorted((one, other))
    had = set(tiles.tiles_of(before))
    assert set(tiles.tiles_of(after, since=before)) == set(tiles.tiles_of(after)) - had
    assert sum(width for level, _, width in tiles.tiles_of(after) if level == 0) == after
