"""Adding leaves: the rows that say what they are about, and their hashes in the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

from himaya.core import clock, faults
from himaya.ledger.storing import insert
from himaya.log import events, tree
from himaya.log.keys import keys, lock_growth
from himaya.log.models import Leaf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from himaya.log.events import Event

_COLUMNS = ("index", "kind", "unique", "about", "at", "hash")


def grow(added: Iterable[Event]) -> range:
    """Add events to the log, in the caller's transaction; their indexes.

    Raises:
        RuntimeError: called outside a transaction.
        django.db.IntegrityError: one of them is in the log already.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("the log grows outside a transaction")
    secret = keys().salt
    growth = lock_growth()
    first, at = growth.size, Leaf._meta.get_field("at").get_db_prep_save(clock.now(), connection)
    rows, hashes = list[tuple[Any, ...]](), list[bytes]()
    for index, event in enumerate(added, start=first):
        leaf = events.leaf_of(secret, event.kind, event.canonical)
        hashes.append(leaf)
        rows.append((index, event.kind, event.unique, event.about, at, leaf))
    if rows:
        insert(Leaf, _COLUMNS, rows)
        tree.extend(first, hashes)
        growth.size += len(rows)
        growth.save(update_fields=["size"])
        faults.point("log.grown")
    return range(first, first + len(rows))
