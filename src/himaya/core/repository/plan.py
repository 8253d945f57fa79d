"""What to fetch next: from the states that a follower has of a list to those that are served.

A repository that a node serves is of one list. What a hub passes on stands in it under the list's name at home.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from himaya.core.errors import HimayaError
from himaya.core.repository.chains import Holding
from himaya.core.repository.distrust import Frozen
from himaya.core.repository.following import Seen


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose part of which list to fetch (``Follower.fetch``), and from which state; None: from nothing."""

    list: str
    organisation: str
    have: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fetch next.

    Attributes:
        steps: what has news; all there is, where it is ``whole``. What goes back behind a state that we have is among
            them, too: to fetch it raises ``RolledBack``.
        whole: what is not told anew is gone.
        states: those that there are afterwards, by what a state is known from one round to the next.
        ended: organisation → why nothing of it is taken for now; what it said before stays in force.
    """

    steps: tuple[Wanted, ...]
    whole: bool
    states: Mapping[str, int]
    ended: Mapping[str, HimayaError]


def offered(seen: Seen, name: str) -> dict[tuple[str, str], Holding]:
    """List and organisation → what is served of the list ``name``: all, but where an organisation has several lists
    only that one.
    """
    lists = Counter(who for _, who in seen.offers)
    return {(of, who): held for (of, who), held in seen.offers.items() if of == name or lists[who] == 1}


def plan(seen: Seen, name: str, states: Mapping[str, int]) -> Plan:
    """What to fetch of the list ``name`` for whoever has ``states``, as an earlier plan gave them; empty: nothing.

    Raises:
        HimayaError: what somebody signs of whom something was taken before cannot be trusted: it is not gone, and what
            it said stays in force. A signature that has merely ended stops nobody else.
        BrokenChain: as its name says.
    """
    held = {_key(*one, name): (one, there) for one, there in offered(seen, name).items()}
    ended, kept = dict[str, HimayaError](), dict[str, int]()
    for who, error in seen.refused.items():
        known = {key: n for key, n in states.items() if key.rpartition("/")[2] == who}
        if not held or (known and not isinstance(error, Frozen)):
            raise error
        if known:
            ended[who] = error
            kept |= known
    if back := [(one, states[key]) for key, (one, there) in held.items() if there.sequence < states.get(key, 0)]:
        return Plan(tuple(Wanted(*one, have) for one, have in back), False, states, ended)
    changed = [key for key, (_, there) in held.items() if states.get(key) != there.sequence]
    whole = bool(set(states) - set(held) - set(kept)) or (
        bool(changed) and (not states or any(_begins(there, states.get(key)) for key, (_, there) in held.items()))
    )
    if whole and ended:  # it would be gone, as all that is not told anew
        raise next(iter(ended.values()))
    steps = tuple(
        Wanted(*one, None if whole else states.get(key)) for key, (one, _) in held.items() if whole or key in changed
    )
    return Plan(steps, whole, {**kept, **{key: there.sequence for key, (_, there) in held.items()}}, ended)


def _key(list_: str, organisation: str, name: str) -> str:
    return organisation if list_ == name else f"{list_}/{organisation}"


def _begins(there: Holding, have: int | None) -> bool:
    """Whether files lead to its state from nothing: what they do not name is gone then."""
    way = there.way(have)
    return bool(way) and way[0].piece.since is None
