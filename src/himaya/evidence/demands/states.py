"""The states of a demand and of a request, and the ways between them: checked when this module is imported."""

from __future__ import annotations

from himaya.core.errors import HimayaError
from himaya.core.states import Graph, Move
from himaya.core.words import N_


class WrongDemandMove(HimayaError):
    """A demand that is {state} cannot be {act}."""

    remedy = "Reload the page: somebody else may have been faster."
    status = 409


class WrongRequestMove(HimayaError):
    """A request that is {state} cannot be {act}."""

    remedy = "Reload the page: somebody else may have been faster."
    status = 409


RECEIVED, VERIFIED, ACCEPTED, PARTLY = "received", "verified", "accepted", "partly accepted"
REFUSED, CHALLENGED, ANSWERED, WITHDRAWN, CLOSED = "refused", "challenged", "answered", "withdrawn", "closed"
OPEN = (RECEIVED, VERIFIED, ACCEPTED, PARTLY, CHALLENGED)
"""Where something is still to be done before the authority has its answer."""
TAKEN = (ACCEPTED, PARTLY)

DEMAND = Graph(
    initial=RECEIVED,
    states=(RECEIVED, VERIFIED, ACCEPTED, PARTLY, REFUSED, CHALLENGED, ANSWERED, WITHDRAWN, CLOSED),
    moves=(
        Move("verified", frozenset({RECEIVED}), VERIFIED),
        Move("accepted", frozenset({VERIFIED}), ACCEPTED),
        Move("accepted in part", frozenset({VERIFIED}), PARTLY),
        Move("refused", frozenset({RECEIVED, VERIFIED, ACCEPTED, PARTLY}), REFUSED),
        Move("revoked", frozenset({ACCEPTED, PARTLY}), RECEIVED),
        Move("put right", frozenset({RECEIVED, VERIFIED}), RECEIVED),
        Move("challenged", frozenset({VERIFIED, ACCEPTED, PARTLY}), CHALLENGED),
        Move("decided anew", frozenset({CHALLENGED}), VERIFIED),
        Move("set aside", frozenset({CHALLENGED}), CLOSED),
        Move("answered", frozenset({ACCEPTED, PARTLY}), ANSWERED),
        Move("withdrawn", frozenset(OPEN), WITHDRAWN),
        Move("closed", frozenset({REFUSED, ANSWERED, WITHDRAWN}), CLOSED),
    ),
    wrong=WrongDemandMove,
)
ENDS = ("answered", "refused", "withdrawn", "set aside")
"""Acts by which the authority has its answer."""

DRAFT, SENT, ACKNOWLEDGED = "a draft", "sent", "acknowledged"
REQUEST = Graph(
    initial=DRAFT,
    states=(DRAFT, SENT, ACKNOWLEDGED, ANSWERED, REFUSED, WITHDRAWN, CLOSED),
    moves=(
        Move("sent", frozenset({DRAFT}), SENT),
        Move("acknowledged", frozenset({SENT}), ACKNOWLEDGED),
        Move("answered", frozenset({SENT, ACKNOWLEDGED}), ANSWERED),
        Move("refused", frozenset({SENT, ACKNOWLEDGED}), REFUSED),
        Move("withdrawn", frozenset({DRAFT, SENT, ACKNOWLEDGED}), WITHDRAWN),
        Move("closed", frozenset({ANSWERED, REFUSED, WITHDRAWN}), CLOSED),
    ),
    wrong=WrongRequestMove,
)
WORDS = (
    N_("received"), N_("verified"), N_("accepted"), N_("partly accepted"), N_("refused"), N_("challenged"),
    N_("answered"), N_("withdrawn"), N_("closed"), N_("accepted in part"), N_("decided anew"), N_("set aside"),
    N_("a draft"), N_("revoked"), N_("put right"), N_("sent"), N_("acknowledged"),
)  # fmt: skip
"""States and acts as an error says them, for the catalogue."""
