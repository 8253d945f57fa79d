"""From nothing, or from a state that somebody has, to the newest one: by the full file, by deltas, or by both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tuf.api.metadata import TargetFile, Targets

from himaya.core.errors import HimayaError
from himaya.core.repository.pieces import Piece, Terms
from himaya.core.words import N_, Said

MAX_DELTAS = 100
MAX_PARTS = 1000
"""Files of one list and organisation that are looked at; we serve 101 at most."""
MAX_BYTES = 8 * 1024**3 - 1
"""Of one file: room for some 190 million pictures, and what a bundle can hold."""


class BrokenChain(HimayaError):
    """The file {path} does not follow on what is served: {why}."""

    remedy = "Write a delta from the newest state, or a full file."
    status = 409


@dataclass(frozen=True, slots=True)
class Part:
    """A file that is served: what it is, its bytes and lines, the list's terms, and what was signed for it."""

    piece: Piece
    length: int
    lines: int
    terms: Terms
    target: TargetFile


@dataclass(frozen=True, slots=True)
class Holding:
    """What is served of one list by one organisation, all its files, in the order of where they lead."""

    parts: tuple[Part, ...]

    @property
    def sequence(self) -> int:
        """The newest state."""
        return self.parts[-1].piece.sequence

    @property
    def terms(self) -> Terms:
        """The list's terms, as the newest file has them."""
        return self.parts[-1].terms

    @property
    def is_long(self) -> bool:
        """Whether the deltas behind the full file are as many as may be, or cost more than another full file."""
        full = [part for part in self.parts if part.piece.since is None][-1:]
        behind = self.parts[self.parts.index(full[0]) + 1 :] if full else self.parts
        return not full or len(behind) >= MAX_DELTAS or sum(part.length for part in behind) >= full[0].length

    def has(self, state: int) -> bool:
        """Whether files lead to a state, or on from it."""
        return any(state in (part.piece.since, part.piece.sequence) for part in self.parts)

    def way(self, have: int | None = None) -> tuple[Part, ...]:
        """The files of the fewest bytes that lead from the state ``have`` (None: from nothing) to the newest one.

        Empty where ``have`` is the newest one.

        Raises:
            BrokenChain: none lead there.
        """
        best: dict[int, tuple[int, Part | None]] = {} if have is None else {have: (0, None)}
        for part in self.parts:
            before = (0, None) if part.piece.since is None else best.get(part.piece.since)
            here = best.get(part.piece.sequence)
            if before and (here is None or before[0] + part.length < here[0]):
                best[part.piece.sequence] = (before[0] + part.length, part)
        if self.sequence not in best:
            raise BrokenChain(path=self.parts[-1].piece.path, why=N_("no files lead there"))
        found: list[Part] = []
        at: int | None = self.sequence
        while at is not None and (step := best[at][1]):
            found.append(step)
            at = step.piece.since
        return tuple(reversed(found))


def holdings(signed: Targets) -> dict[tuple[str, str], Holding]:
    """List and organisation → what is served. Files that are no pieces of a list are passed over.

    Raises:
        ValueError: what is signed for a file is not what it should be; says which.
    """
    found: dict[tuple[str, str], list[Part]] = {}
    for path, target in signed.targets.items():
        try:
            piece = Piece.from_path(path)
        except ValueError:
            continue
        parts = found.setdefault((piece.list, piece.organisation), [])
        parts.append(_part(piece, target))
        if len(parts) > MAX_PARTS:
            raise ValueError(Said("there are more than {n} files of the list {name}", n=MAX_PARTS, name=piece.list))
    return {key: Holding(tuple(sorted(parts, key=_order))) for key, parts in found.items()}


def merged(old: Mapping[str, TargetFile], new: Iterable[TargetFile]) -> dict[str, TargetFile]:
    """What is served once ``new`` files have come: of each list one full file, and the deltas that lead to the newest
    state from wherever a follower may still be, at most :data:`MAX_DELTAS`.

    Raises:
        BrokenChain: a file leads back, or from a state that nobody has, or too many deltas lie behind the full one.
    """
    found = dict(old)
    for target in sorted(new, key=lambda one: _order(_part(Piece.from_path(one.path), one))):
        if target.path in old and old[target.path].hashes == target.hashes:
            continue  # it was published before
        piece = Piece.from_path(target.path)
        own = {path: one for path, one in found.items() if path.split("/")[:2] == target.path.split("/")[:2]}
        _check_step(piece, own)
        for path in own:
            del found[path]
        found.update(_kept({**own, target.path: target}))
    for key, held in holdings(Targets(targets=found)).items():
        try:
            held.way()
        except BrokenChain:
            why = Said("more than {n} deltas would lie behind the full file of {list}", n=MAX_DELTAS, list=key[0])
            raise BrokenChain(path=held.parts[-1].piece.path, why=why) from None
    return found


def _check_step(piece: Piece, own: Mapping[str, TargetFile]) -> None:
    newest = max((Piece.from_path(path).sequence for path in own), default=0)
    if piece.path in own:
        raise BrokenChain(path=piece.path, why=N_("another one was published under this name"))
    if piece.since is not None and piece.since != newest:
        raise BrokenChain(path=piece.path, why=Said("the newest state is {n}", n=newest))
    if piece.since is None and piece.sequence < newest:
        raise BrokenChain(path=piece.path, why=Said("the newest state is {n} already", n=newest))


def _kept(own: Mapping[str, TargetFile]) -> dict[str, TargetFile]:
    pieces = [Piece.from_path(path) for path in own]
    full = max((one for one in pieces if one.since is None), key=lambda one: one.sequence, default=None)
    by_end = {one.sequence: one for one in pieces if one.since is not None}
    kept, at = [full] if full else [], max(one.sequence for one in pieces)
    for _ in range(MAX_DELTAS):
        if at not in by_end:
            break
        kept.append(by_end[at])
        at = by_end[at].since or 0
    return {one.path: own[one.path] for one in kept}


def _part(piece: Piece, target: TargetFile) -> Part:
    digest = target.hashes.get("sha256", "")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise ValueError(Said("{path} is signed without a SHA-256", path=piece.path))
    if target.length > MAX_BYTES:
        raise ValueError(Said("{path} has {n} bytes; {m} are taken", path=piece.path, n=target.length, m=MAX_BYTES))
    custom: Any = target.custom
    if not isinstance(custom, dict) or type(custom.get("lines")) is not int:
        raise ValueError(Said("{path} is signed without its number of lines", path=piece.path))
    terms = Terms.from_plain(custom.get("terms"))
    if terms.name != piece.list:
        raise ValueError(Said("{path} is signed with the terms of the list {name}", path=piece.path, name=terms.name))
    return Part(piece, target.length, custom["lines"], terms, target)


def _order(part: Part) -> tuple[int, int]:
    """Where it leads; a delta before the full file of the same state, so that both can be published together."""
    return part.piece.sequence, -1 if part.piece.since is not None else 0
