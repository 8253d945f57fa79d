"""What has to be confirmed of a demand before anything is done by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.core.words import Said
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.lists import CHECKS
from himaya.evidence.demands.queries import missing

if TYPE_CHECKING:
    from himaya.evidence.demands.models import Demand


def require_checks(demand: Demand) -> None:
    """Everything that its kind requires is confirmed now.

    Raises:
        BadDemand: something is not, or was taken back; names the first.
    """
    if lacking := missing(demand):
        raise BadDemand(why=Said("nobody has confirmed this: {item}", item=CHECKS[lacking[0]]))
