"""The states of a filing and the ways between them: declared here, checked when this module is imported."""

from __future__ import annotations

from himaya.core.errors import HimayaError
from himaya.core.states import Graph, Move
from himaya.core.words import N_


class WrongFilingMove(HimayaError):
    """A report that is {state} cannot be {act}."""

    remedy = "Reload the page: somebody else, or the worker, may have been faster."
    status = 409


DRAFT, QUEUED, FILING, FILED = "draft", "queued", "filing", "filed"
UNKNOWN, REFUSED = "unknown", "refused"
RETRACTING, RETRACTED, GIVEN_UP = "retracting", "retracted", "given up"
WORDS = (
    N_("draft"), N_("queued"), N_("filing"), N_("filed"), N_("unknown"), N_("refused"), N_("retracting"),
    N_("retracted"), N_("given up"), N_("begun"), N_("doubted"), N_("settled"), N_("begun again"), N_("taken back"),
    N_("changed"),
)  # fmt: skip
"""States and acts as an error says them, for the catalogue."""
OPEN = (DRAFT, QUEUED, FILING, UNKNOWN, REFUSED, RETRACTING)
"""Where something is still to be done."""
NEED_A_PERSON = (UNKNOWN, REFUSED, DRAFT)
"""States that do not end by themselves, what matters most first."""

FILING_GRAPH = Graph(
    initial=DRAFT,
    states=(DRAFT, QUEUED, FILING, FILED, UNKNOWN, REFUSED, RETRACTING, RETRACTED, GIVEN_UP),
    moves=(
        Move("queued", frozenset({DRAFT, REFUSED}), QUEUED),
        Move("begun", frozenset({QUEUED}), FILING),
        Move("filed", frozenset({FILING, RETRACTING}), FILED),
        Move("doubted", frozenset({QUEUED, FILING, RETRACTING, REFUSED}), UNKNOWN),
        Move("refused", frozenset({QUEUED, FILING}), REFUSED),
        Move("settled", frozenset({UNKNOWN}), FILED),
        Move("begun again", frozenset({UNKNOWN}), QUEUED),
        Move("taken back", frozenset({QUEUED, FILING, REFUSED}), RETRACTING),
        Move("retracted", frozenset({RETRACTING}), RETRACTED),
        Move("given up", frozenset({DRAFT, REFUSED, UNKNOWN, QUEUED, RETRACTING, RETRACTED}), GIVEN_UP),
    ),
    wrong=WrongFilingMove,
)
