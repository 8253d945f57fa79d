"""The states of a case and the ways between them: declared here, checked when this module is imported."""

from __future__ import annotations

from dataclasses import dataclass

from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said


class WrongMove(HimayaError):
    """A case that is {state} cannot be {act}."""

    remedy = "Reload the page: somebody else may have been faster."
    status = 409


@dataclass(frozen=True, slots=True)
class Move:
    """One way from some states to another, and the act that goes it."""

    act: str
    sources: frozenset[str]
    target: str


class Graph:
    """States and moves. Refuses to exist where a state cannot be reached or an act is ambiguous."""

    def __init__(self, *, initial: str, states: tuple[str, ...], moves: tuple[Move, ...]) -> None:
        self.initial, self.states, self.moves = initial, states, moves
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
            WrongMove: there is no such way.
        """
        move = next(m for m in self.moves if m.act == act)
        if state not in move.sources:
            raise WrongMove(state=Said(state), act=Said(act))
        return move.target


OPEN, DECIDED = "open", "decided"
WORDS = (N_("open"), N_("decided"), N_("reopened"))
"""States and acts as an error says them, for the catalogue."""

CASE = Graph(
    initial=OPEN,
    states=(OPEN, DECIDED),
    moves=(
        Move("decided", frozenset({OPEN}), DECIDED),
        Move("reopened", frozenset({DECIDED}), OPEN),
    ),
)
