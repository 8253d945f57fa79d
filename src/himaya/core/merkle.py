"""Merkle trees that only grow, and short proofs about them (RFC 9162 §2.1; the hashing of RFC 6962).

A leaf is SHA-256(0x00 ‖ data), a node SHA-256(0x01 ‖ left ‖ right); the domains differ, so that no node passes for a
leaf. Nothing here holds a tree: proofs are made from a function that gives the hash of a complete subtree, and read
O(log n) of them. ``(level, index)`` names the subtree over the leaves from ``index·2^level`` up to the next multiple.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from himaya.core.words import N_, Said

HashAt = Callable[[int, int], bytes]
"""``(level, index)`` → the hash of that complete subtree, 32 bytes."""
EMPTY = sha256(b"").digest()
"""The root of the tree without leaves."""
HASH = 32
"""Bytes of a hash."""
DEEPEST = 63
"""Hashes in any proof: trees have fewer than 2^63 leaves."""


class WrongProof(Exception):
    """A proof does not prove what it is said to; the text says in what way."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds ``data``."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree as its right edge: enough to add leaves and to know the root, in O(log n) memory.

    Args:
        size: leaves there are.
        edge: the hashes of the complete subtrees that they fall into, the largest first: one for each bit of ``size``.
    """

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        if size.bit_count() != len(edge):
            raise ValueError(f"a tree of {size} leaves has an edge of {size.bit_count()} hashes, not {len(edge)}")
        self.size, self._edge = size, list(edge)

    def add(self, leaf: bytes) -> None:
        """Add a leaf, given as its hash."""
        size = self.size
        while size & 1:
            leaf = sha256(b"\x01" + self._edge.pop() + leaf).digest()
            size >>= 1
        self._edge.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root hash."""
        return _folded(self._edge) if self._edge else EMPTY


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaves that are given as their hashes."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def root_at(size: int, hash_at: HashAt) -> bytes:
    """The root of the first ``size`` leaves."""
    return _over(0, size, hash_at) if size else EMPTY


def inclusion(index: int, size: int, hash_at: HashAt) -> list[bytes]:
    """The path that proves that the leaf ``index`` is in the tree of ``size`` leaves (§2.1.3.1).

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(Said("a tree of {size} leaves has no leaf {index}", size=size, index=index))
    path, low, high = list[bytes](), 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_over(middle, high, hash_at))
            high = middle
        else:
            path.append(_over(low, middle, hash_at))
            low = middle
    return path[::-1]


def consistency(old: int, new: int, hash_at: HashAt) -> list[bytes]:
    """The proof that the tree of ``new`` leaves begins with that of ``old`` leaves (§2.1.4.1); empty where trivial.

    Raises:
        ValueError: the old tree is larger.
    """
    if not 0 <= old <= new:
        raise ValueError(Said("a tree of {new} leaves does not begin with {old}", new=new, old=old))
    if old in (0, new):
        return []
    proof, low, high, whole = list[bytes](), 0, new, True
    while old < high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(_over(middle, high, hash_at))
            high = middle
        else:
            proof.append(_over(low, middle, hash_at))
            low, whole = middle, False
    if not whole:
        proof.append(_over(low, high, hash_at))
    return proof[::-1]


def verify_inclusion(*, leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with this hash is number ``index`` of the tree with this size and root (§2.1.3.2).

    Raises:
        WrongProof: it is not, or the path does not prove it.
    """
    if not 0 <= index < size:
        raise WrongProof(Said("a tree of {size} leaves has no leaf {index}", size=size, index=index))
    _check(path)
    at, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise WrongProof(N_("the path is too long"))
        if at & 1 or at == last:
            found = node_hash(step, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    if last:
        raise WrongProof(N_("the path is too short"))
    if found != root:
        raise WrongProof(N_("the path leads to another root"))


def verify_consistency(*, old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the new tree begins with the old one (§2.1.4.2).

    Raises:
        WrongProof: it does not, or the proof does not prove it.
    """
    if not 0 <= old <= new:
        raise WrongProof(Said("a tree of {new} leaves does not begin with {old}", new=new, old=old))
    _check(proof)
    if old in (0, new):
        _verify_trivial(old, new, old_root, new_root, proof)
        return
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not steps:
        raise WrongProof(N_("the proof is too short"))
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise WrongProof(N_("the proof is too long"))
        if at & 1 or at == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, step)
        at, last = at >> 1, last >> 1
    if last:
        raise WrongProof(N_("the proof is too short"))
    if first != old_root:
        raise WrongProof(N_("the proof leads to another root of the old tree"))
    if second != new_root:
        raise WrongProof(N_("the proof leads to another root of the new tree"))


def _verify_trivial(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise WrongProof(N_("the proof is too long"))
    if old == new and old_root != new_root:
        raise WrongProof(N_("two trees of one size have different roots"))
    if old == 0 and old_root != EMPTY:
        raise WrongProof(N_("the tree without leaves has another root"))


def _check(hashes: Sequence[bytes]) -> None:
    if len(hashes) > DEEPEST or any(len(one) != HASH for one in hashes):
        raise WrongProof(Said("a proof is at most {n} hashes of {m} bytes", n=DEEPEST, m=HASH))


def _split(width: int) -> int:
    """The largest power of two below ``width``, which is at least 2."""
    return 1 << ((width - 1).bit_length() - 1)


def _over(low: int, high: int, hash_at: HashAt) -> bytes:
    """The hash over the leaves from ``low`` (at a border of subtrees) up to ``high``."""
    found = []
    while low < high:
        level = (high - low).bit_length() - 1
        found.append(hash_at(level, low >> level))
        low += 1 << level
    return _folded(found)


def _folded(edge: Sequence[bytes]) -> bytes:
    """Complete subtrees of falling size under one root."""
    found = edge[-1]
    for left in reversed(edge[:-1]):
        found = node_hash(left, found)
    return found
