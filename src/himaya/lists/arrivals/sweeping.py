"""What a killed import left behind."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connection, transaction

from himaya.ledger.outbox import Now
from himaya.lists.models import Revision

if TYPE_CHECKING:
    from django.db.models import QuerySet

SWEPT = 2000
"""Rows that a sweep removes in a transaction."""
TABLES = ("lists_amendment", "lists_body", "lists_mark", "lists_statement", "lists_item")
"""Where an import writes, those first that lean on others."""


def _host() -> str:
    """This machine, or this container: where a process number means one process."""
    inside = ""
    with suppress(OSError):
        inside = Path("/proc/self/ns/pid").readlink().name
    return f"{socket.gethostname()[:60]}/{inside}"


HOST = _host()
"""What holders of imports on this machine begin with."""


def sweep() -> bool:
    """Remove some of what a killed import left; True where there may be more."""
    for revision in Revision.objects.filter(number=None):
        if left(revision):
            sweep_some(revision.pk)
            return True
    return False


def alive(revision: int) -> QuerySet[Revision]:
    """An import that nobody has given up."""
    return Revision.objects.filter(pk=revision, number=None, alive_until__gt=0)


def left(revision: Revision) -> bool:
    """Whether nobody goes on with this import; then it is barred from going on. Whoever holds its row is at it now.

    Workers ask in every round: an import that lives costs them no transaction.
    """
    mine = Revision.objects.filter(pk=revision.pk, number=None)
    over = mine if killed(revision.holder) else mine.filter(alive_until__lt=Now())
    if not over.exists():
        return False
    with transaction.atomic():
        return over.select_for_update(skip_locked=True, no_key=True).exists() and give_up(over)


def give_up(revisions: QuerySet[Revision]) -> bool:
    """Bar imports from going on; whether there were any."""
    return bool(revisions.filter(number=None).update(alive_until=-1))


def killed(holder: str) -> bool:
    """Whether a process of this machine is gone; of other machines, only time tells."""
    host, _, pid = holder.rpartition(":")
    if host != HOST:
        return False
    try:
        with suppress(PermissionError):  # somebody else's, but there
            os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    return False


@transaction.atomic
def sweep_some(revision: int) -> bool:
    """Remove rows of an import that was given up, in the end itself; False once it is gone.

    Its row is locked first. Two who sweep at once would choose the same rows: the second would wait, remove none, and
    take the import for gone while rows of it are left; without their revision these would count.
    """
    mine = Revision.objects.filter(pk=revision, number=None)
    if not mine.select_for_update(no_key=True).exists():
        return False
    gone = 0
    with connection.cursor() as cursor:
        for table in TABLES:
            chosen = f"SELECT id FROM {table} WHERE revision = %s LIMIT {SWEPT}"  # noqa: S608 - constants
            cursor.execute(f"DELETE FROM {table} WHERE id IN ({chosen})", [revision])  # noqa: S608
            gone += cursor.rowcount
    if not gone:
        mine.delete()
    return gone > 0
