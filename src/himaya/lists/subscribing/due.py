"""Runs the subscriptions that are due, each in a thread of its own: a slow source holds up nobody else."""

from __future__ import annotations

import logging
import threading

from django.db import connection

from himaya.core.errors import HimayaError
from himaya.lists import subscribing
from himaya.lists.models import Subscription

log = logging.getLogger("himaya.subscribing")
AT_ONCE = 16
"""Sources that one worker reads side by side."""
_room = threading.BoundedSemaphore(AT_ONCE)


def run_due() -> bool:
    """Begin the round of one that is due; False where none is, or as many as are allowed are under way."""
    if not _room.acquire(blocking=False):
        return False
    one = None
    try:
        one = subscribing.claim()
    finally:
        if one is None:  # none is due, or the database does not answer
            _room.release()
    if one is None:
        return False
    threading.Thread(target=_run, args=(one,), name=f"subscription-{one.name}", daemon=True).start()
    return True


def _run(one: Subscription) -> None:
    try:
        subscribing.run(one)
    except HimayaError as error:  # noted with the subscription
        log.warning("subscription %s: %s", one.name, error)
    except Exception:
        log.exception("subscription %s: unexpected; it is tried again", one.name)
    finally:
        connection.close()
        _room.release()
