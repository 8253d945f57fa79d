"""What the processes of a crash test do with the log: see :mod:`tests.crash.worker`."""

from __future__ import annotations

from typing import Any


def log_events(*, count: int, batch: int) -> None:
    """Log events up to ``count``, a batch in a transaction; what is there already is passed over."""
    from django.db import transaction

    from himaya.log.events import Event
    from himaya.log.queries import size
    from himaya.log.services import append

    while (first := size()) < count:
        upto = min(count, first + batch)
        with transaction.atomic():
            append(Event("test", f"item:{n}", n, b'{"number":%d}' % n) for n in range(first, upto))


def log_beside(*, first: int, count: int, batch: int) -> None:
    """Log so many events from a number on, whoever else logs meanwhile."""
    from django.db import transaction

    from himaya.log.events import Event
    from himaya.log.services import append

    for start in range(first, first + count, batch):
        with transaction.atomic():
            append(Event("test", f"item:{n}", n, b'{"number":%d}' % n) for n in range(start, start + batch))


def log_secrets() -> None:
    """Make the keys of the log, so that a copy of the node has the same."""
    from himaya.log.keys import keys

    keys()


def log_standing() -> list[Any]:
    """Leaves, the root over them as a replay gives it, whether every tile and checkpoint follows from them."""
    from himaya.core.merkle import root_of
    from himaya.log import checking
    from himaya.log.models import Leaf
    from himaya.log.queries import size

    rows = Leaf.objects.order_by("index")
    root = root_of(bytes(one) for one in rows.values_list("hash", flat=True))
    found = checking.check()
    assert found.root == root
    return [size(), root.hex(), found.why]
