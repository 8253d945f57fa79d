"""A list marked *common* is several organisations': what changes it needs two people of this node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from himaya.core.errors import HimayaError
from himaya.ledger.services import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.lists.models import HashList


class NeedsSecond(HimayaError):
    """The list {name} is a common one: a second person has to approve of what changes it."""

    remedy = "Propose it in the console or over the API; a lead approves it in the console, under Lists, Proposals."
    status = 409

    def __init__(self, *, name: str, act: str, arguments: Mapping[str, Any]) -> None:
        self.act, self.arguments = act, dict(arguments)
        """What was to be done, for a proposal; JSON types."""
        super().__init__(name=name)


def require_second(hash_list: HashList, *, by: str, second: str, act: str, arguments: Mapping[str, Any]) -> None:
    """Let an act that changes a list pass, where it may.

    What this node does by itself needs nobody: it follows what people decided, a subscription for example.

    Args:
        hash_list: the list.
        by: who acts.
        second: the actor who approves; a program never does.
        act: one of ``lists.models.Proposal.ACTS``.
        arguments: of the act, for a proposal.

    Raises:
        NeedsSecond: the list is a common one, and no second, different person approves.
    """
    approved = second.startswith("person:") and second != by
    if hash_list.common and by != SYSTEM and not approved:
        raise NeedsSecond(name=hash_list.name, act=act, arguments=arguments)
