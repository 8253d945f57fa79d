"""States and the ways between them, declared where they are used and checked when that is imported. Free of Django."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from himaya.core.words import Said

if TYPE_CHECKING:
    from himaya.core.errors import HimayaError


@dataclass(frozen=True, slots=True)
class Move:
    """One way from some states to another, and the act that goes it."""

    act: str
    sources: frozenset[str]
    target: str


class Graph:
    """States and moves. Refuses to exist where a state cannot be reached or an act is ambiguous.

    Args:
        initial: the state in which a thing begins.
        states: all of them.
        moves: all ways.
        wrong: raised where there is no way; it tells ``state`` and ``act``, which are words for the catalogue.
    """

    def __init__(
        self, *, initial: str, states: tuple[str, ...], moves: tuple[Move, ...], wrong: type[HimayaError]
    ) -> None:
        self.initial, self.states, self.moves, self.wrong = initial, states, moves, wrong
        named = {initial} | {m.target for m in moves} | {s for m in moves for s in m.sources}
        if unknown := named - set(states):
            raise ValueError(f"moves name unknown states: {sorted(unknown)}")
        if len({m.act for m in moves}) != len(moves):
            raise ValueError("two moves have one name")
        if lost := set(states) - self._reachable():
            raise ValueError(f"states that cannot be reached: {sorted(lost)}")

    def _reachable(self) -> set[str]:
        seen: set[str] = set()
        ahead = {self.initial}
        while ahead:
            seen |= ahead
            ahead = {m.target for m in self.moves if m.sources & seen} - seen
        return seen

    def after(self, act: str, state: str) -> str:
        """The state that ``act`` leads to from ``state``.

        Raises:
            HimayaError: of the kind ``wrong``: there is no such way.
        """
        move = next(m for m in self.moves if m.act == act)
        if state not in move.sources:
            raise self.wrong(state=Said(state), act=Said(act))
        return move.target

    def acts(self, state: str) -> tuple[str, ...]:
        """What can be done in a state."""
        return tuple(move.act for move in self.moves if state in move.sources)
