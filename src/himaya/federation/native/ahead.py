"""After a backup was put back: what is served goes on ahead of all that followers can have seen.

What was published after the backup was made is known to followers, and to nobody here. They refuse what has a lower
version than they have seen, and would wait for months until this node has counted so far again. So every role is signed
anew with a version that is far ahead, and each list is published in full under a state that nobody can have had: what
followers took meanwhile, and what is not told anew, is gone then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.repository.states import signed_at
from himaya.federation.native.keys import alone, root_path
from himaya.ledger.queries import entries
from himaya.log.restored import ACT

if TYPE_CHECKING:
    from himaya.core.repository.chains import Holding
    from himaya.core.repository.publishing import Repository

MARGIN = 1000


class PutBack(NamedTuple):
    """When a backup was put back last, and the number of a change of lists that only came with it."""

    at: datetime
    made_at: datetime
    revision: int


def put_back() -> PutBack | None:
    """The last time that one was; None: never."""
    last = entries(act=ACT).first()
    if last is None:
        return None
    return PutBack(last.at, datetime.fromisoformat(last.data["made_at"]), int(last.data.get("revision", 0)))


def distance(since: datetime) -> int:
    """How far ahead: more than a version a second was never signed."""
    return MARGIN + max(int((clock.now() - since) / timedelta(seconds=1)), 0)


def bring(known: Repository, *, fresh: bool = False) -> bool:
    """Have a repository go on ahead where nothing of it was signed since; whether it did. Within ``keys.alone()``.

    Args:
        known: it; it exists.
        fresh: it was begun just now: its list may have been published before, and be in no backup.

    Raises:
        KeyNotHere: a key is missing.
    """
    last = put_back()
    if last is None:
        return False
    stamp = known.store.timestamp().signed
    signed = signed_at(stamp) or stamp.expires
    if not fresh and signed > last.at:
        return False
    known.go_ahead(distance(last.made_at))
    return True


def bring_all() -> tuple[int, list[str]]:
    """Do so with all that is published; how many there were, and why others were not. The worker does what is left."""
    from himaya.federation.native import publishing

    done, failed = 0, []
    if not root_path(1).exists():
        return 0, []
    with alone():
        for one in publishing.repositories():
            try:
                done += bring(one)
            except (HimayaError, OSError, ValueError) as error:
                failed.append(f"{one.store.directory.name}: {error}")
    return done, failed


def is_behind(held: Holding | None) -> bool:
    """Whether what is served of a list is of before: then it is published in full."""
    last = put_back()
    return held is not None and last is not None and held.sequence < last.revision
