"""Writing to the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from himaya.core import clock
from himaya.ledger.chain import GENESIS, canonical
from himaya.ledger.models import Cursor, Entry, Head

SYSTEM = "system"
"""The actor of what the node does by itself, following a rule that a person wrote."""


def record(act: str, *, by: str, about: str, **data: Any) -> Entry:
    """Append one entry. Commits or vanishes with the transaction of the act that it records.

    Args:
        act: what happened, ``room.verb-in-the-past``: ``case.opened``.
        by: who: ``person:7``, ``key:ab12cd34``, ``system``.
        about: what: ``case:12``.
        data: further facts, JSON types; no content, no free text about a person.

    Raises:
        RuntimeError: called outside a transaction; the entry could outlive or miss its act.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"ledger.record({act!r}) outside a transaction")
    head = lock_head()
    entry = Entry(
        seq=head.seq + 1,
        at=clock.now(),
        actor=by,
        act=act,
        about=about,
        content=canonical(data),
        previous=head.digest,
    )
    entry.digest = entry.link().expected_digest()
    entry.save(force_insert=True)
    head.seq, head.digest = entry.seq, entry.digest
    head.save()
    return entry


def record_each(act: str, *, by: str, told: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Append an entry for each of many things that the same act was done to, as :func:`record` does for one.

    Args:
        act: as of :func:`record`.
        by: as of :func:`record`.
        told: of each thing what it is, as ``about``, and its facts.

    Raises:
        RuntimeError: called outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"ledger.record_each({act!r}) outside a transaction")
    head, now, made = lock_head(), clock.now(), []
    for about, data in told:
        entry = Entry(
            seq=head.seq + 1, at=now, actor=by, act=act, about=about, content=canonical(dict(data)),
            previous=head.digest,
        )  # fmt: skip
        entry.digest = entry.link().expected_digest()
        head.seq, head.digest = entry.seq, entry.digest
        made.append(entry)
    Entry.objects.bulk_create(made)
    head.save()


def lock_head() -> Head:
    """The end of the chain, locked until the transaction ends.

    A transaction that changes jobs and writes an entry calls this before it touches a job: where one takes the head
    first and another the job, PostgreSQL ends one of the two, and it may be the one that has just sent something.
    """
    return Head.objects.select_for_update().get_or_create(pk=1, defaults={"digest": GENESIS})[0]


def lock_cursor(name: str) -> Cursor:
    """The place where the reader ``name`` stopped, locked until the transaction ends."""
    Cursor.objects.get_or_create(name=name)
    return Cursor.objects.select_for_update().get(name=name)


def move_cursor(cursor: Cursor, *, to: int) -> None:
    """Note that everything up to ``to`` has been read."""
    cursor.seq = to
    cursor.save(update_fields=["seq"])
