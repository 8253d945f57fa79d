"""What needs two people of this node: whatever changes a list marked *common*, which is several organisations'; and, on
a list that asks for several organisations, whatever brings another's word.

A program acts for whoever made its key. The command line is the machine's operator, who is nobody of the console.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from himaya.accounts.queries import owner
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


class NeedsSecondForOther(NeedsSecond):
    """The list {name} asks for several organisations: a second person has to approve of what speaks for another one."""


def is_seconded(*, by: str, second: str) -> bool:
    """Whether a second, different person approves, or nobody needs to: what this node does by itself follows what
    people decided.

    Args:
        by: who acts; a program does so for the person who made its key.
        second: the actor who approves; a program never does.
    """
    return by == SYSTEM or (second.startswith("person:") and second != owner(by))


def require_second(
    hash_list: HashList, *, by: str, second: str, act: str, arguments: Mapping[str, Any], other: bool = False
) -> None:
    """Let an act that changes a list pass, where it may.

    Args:
        hash_list: the list.
        by: who acts.
        second: the actor who approves; a program never does.
        act: one of ``lists.models.Proposal.ACTS``.
        arguments: of the act, for a proposal.
        other: whether it brings words in another organisation's name.

    Raises:
        NeedsSecond: the list is a common one, and no second, different person approves.
        NeedsSecondForOther: the same, where it brings another's words and one organisation's are not enough there.
    """
    if is_seconded(by=by, second=second):
        return
    if hash_list.common:
        raise NeedsSecond(name=hash_list.name, act=act, arguments=arguments)
    if other and not (hash_list.organisations <= 1 and hash_list.jurisdictions <= 1):
        raise NeedsSecondForOther(name=hash_list.name, act=act, arguments=arguments)
