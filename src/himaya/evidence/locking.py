"""Locks in a bucket that can lock: nobody deletes a sealed file before the law lets it go, whoever may write there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from himaya.core.errors import HimayaError
from himaya.core.vault.stores.port import NoLocks, StillLocked
from himaya.evidence.keys import store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from himaya.evidence.models import Binding

log = logging.getLogger("himaya.evidence")


def least(bindings: Iterable[Binding]) -> datetime | None:
    """Until when the law wants something kept at the least; None: it does not say. Never longer: a lock stays."""
    return max((one.at_least for one in bindings if one.at_least), default=None)


def lock_file(number: UUID, *, until: datetime) -> None:
    """Lock a sealed file whose exhibit stands, where the store can. What fails is logged: it is kept all the same.

    Called when the exhibit is committed: what is dropped must not be locked.
    """
    try:
        store().retain(number, until)
    except NoLocks:
        return
    except StillLocked:  # for longer, for another exhibit of the same content
        return
    except HimayaError as error:
        log.warning("the sealed file %s is kept, and could not be locked: %s", number, error)
