"""The states of a second look: declared here, checked when this module is imported."""

from __future__ import annotations

from himaya.core.errors import HimayaError
from himaya.core.states import Graph, Move
from himaya.core.words import N_


class WrongLook(HimayaError):
    """A second look that is {state} cannot be {act}."""

    remedy = "Reload the page: somebody else may have been faster."
    status = 409


OPEN, DIFFERS, AGREED, KEPT, CHANGED, DROPPED = "open", "differs", "agreed", "kept", "changed", "dropped"
UNSETTLED = (OPEN, DIFFERS)
"""While it is in one of these, the first verdict is kept from those who decide."""
WORDS = (N_("differs"), N_("agreed"), N_("kept"), N_("changed"), N_("dropped"))
"""As an error says them, for the catalogue; *open* is there."""

LOOK = Graph(
    initial=OPEN,
    states=(OPEN, DIFFERS, AGREED, KEPT, CHANGED, DROPPED),
    moves=(
        Move("agreed", frozenset({OPEN}), AGREED),
        Move("differs", frozenset({OPEN}), DIFFERS),
        Move("kept", frozenset({DIFFERS}), KEPT),
        Move("changed", frozenset({DIFFERS}), CHANGED),
        Move("dropped", frozenset({OPEN, DIFFERS}), DROPPED),
    ),
    wrong=WrongLook,
)


# --- appeals ---------------------------------------------------------------------------------------------------------


class WrongAppeal(HimayaError):
    """An appeal that is {state} cannot be {act}."""

    remedy = "Reload the page: somebody else may have been faster."
    status = 409


UPHELD, OVERTURNED, MOOT = "upheld", "overturned", "moot"
APPEAL_WORDS = (N_("upheld"), N_("overturned"), N_("moot"))

APPEAL = Graph(
    initial=OPEN,
    states=(OPEN, UPHELD, OVERTURNED, MOOT),
    moves=(
        Move("upheld", frozenset({OPEN}), UPHELD),
        Move("overturned", frozenset({OPEN}), OVERTURNED),
        Move("moot", frozenset({OPEN}), MOOT),
    ),
    wrong=WrongAppeal,
)
