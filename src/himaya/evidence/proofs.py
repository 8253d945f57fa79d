"""Proofs that somebody has just shown a security key: how old one may be, and that each lets one thing be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.ledger.queries import entries

if TYPE_CHECKING:
    from himaya.accounts.models import Person

FRESH = timedelta(minutes=5)
"""How old a proof may be."""
WEBAUTHN = "webauthn"
LETS_READ = ("evidence.access-granted", "evidence.access-taken", "demand.answer-approved")
"""Acts of which each takes a proof of its own."""


class NoFreshProof(HimayaError):
    """Confirm with your security key who you are, then grant it within five minutes."""

    status = 403


class ProofSpent(NoFreshProof):
    """You have let something be read with this proof already: confirm once more with your security key."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How and when somebody last proved who they are: ``webauthn``, ``totp``, ``password``."""

    method: str
    at: datetime


def check_proof(proof: Proof | None) -> None:
    """Whoever lets something be read or leave has just confirmed who they are.

    Raises:
        NoFreshProof: not with a security key, or not within the last five minutes.
    """
    if proof is None or proof.method != WEBAUTHN or not timedelta(0) <= clock.now() - proof.at <= FRESH:
        raise NoFreshProof


def spend_proof(proof: Proof | None, *, by: Person) -> None:
    """Each proof lets one thing be read: whoever takes over a session grants no other with it.

    Raises:
        NoFreshProof, ProofSpent: as their names say.
    """
    check_proof(proof)
    get_user_model()._default_manager.select_for_update(no_key=True).get(pk=by.pk)  # of two at once one waits
    if proof and is_spent(proof, by=by):
        raise ProofSpent


def is_spent(proof: Proof, *, by: Person) -> bool:
    """Whether somebody has let something be read with a proof already."""
    last = (entries(act=act).filter(actor=by.actor).order_by("-seq").first() for act in LETS_READ)
    return any(one is not None and one.at > proof.at for one in last)
