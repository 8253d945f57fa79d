"""The states of a case and the ways between them: declared here, checked when this module is imported."""

from __future__ import annotations

from himaya.core.errors import HimayaError
from himaya.core.states import Graph, Move
from himaya.core.words import N_


class WrongMove(HimayaError):
    """A case that is {state} cannot be {act}."""

    remedy = "Reload the page: somebody else may have been faster."
    status = 409


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
    wrong=WrongMove,
)
