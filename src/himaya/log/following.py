"""What the log takes from the ledger: where its chain ends, and the acts that change whom one can trust, what a list
asks for, and who reads it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.ledger import queries as ledger
from himaya.ledger.services import lock_cursor, move_cursor
from himaya.log.events import Event, provides
from himaya.log.growing import grow
from himaya.log.keys import lock_growth
from himaya.log.models import Leaf

if TYPE_CHECKING:
    from collections.abc import Collection

    from himaya.ledger.models import Entry

READER = "log"
STEP = 500
HEAD, ACT = "ledger", "act"
"""Kinds of leaves: where the ledger's chain ended, by the number of its last entry; an act, by that of its entry."""
FOLLOWED = (
    "key.added",
    "key.revoked",
    "list.changed",
    "list.created",
    "list.narrowed",
    "list.shared",
    "list.unshared",
    "log.audit-announced",
    "log.audit-revealed",
    "log.audited",
    "log.begun-again",
    "log.forked",
    "log.key-made",
    "log.witness-added",
    "log.witness-removed",
    "node.key-made",
    "node.key-retired",
    "node.root",
    "organisation.named",
    "organisation.own",
    "organisation.placed",
    "organisation.renamed",
    "partner.admitted",
    "partner.ended",
    "person.added",
    "person.changed",
    "person.factor-reset",
    "signatory.admitted",
    "signatory.dismissed",
    "signatory.rekeyed",
    "signatory.resumed",
    "signatory.withheld",
)
"""Acts that become leaves, each on its own."""


def follow_ledger() -> int:
    """Log the acts that came since the last time; how many there were. Leaves and cursor commit together."""
    logged = 0
    while True:
        with transaction.atomic():
            lock_growth()
            cursor = lock_cursor(READER)
            last = ledger.head()[0]
            found = list(
                ledger.entries().filter(act__in=FOLLOWED, seq__gt=cursor.seq, seq__lte=last).order_by("seq")[:STEP]
            )
            grow(Event(ACT, entry.about[:100], entry.seq, _act(entry)) for entry in found)
            if cursor.seq != last:
                move_cursor(cursor, to=found[-1].seq if len(found) == STEP else last)
        logged += len(found)
        if len(found) < STEP:
            return logged


@transaction.atomic
def anchor_ledger() -> bool:
    """Log where the ledger's chain ends, unless that is the last that was logged of it; True where it was done.

    Whoever changes the ledger afterwards, every digest to its end, still contradicts what witnesses have signed.
    """
    lock_growth()
    seq, digest = ledger.head()
    if not seq or Leaf.objects.filter(kind=HEAD, unique=seq).exists():
        return False
    grow([Event(HEAD, "ledger", seq, _head(seq, digest))])
    return True


def _head(seq: int, digest: str) -> bytes:
    return _canonical({"digest": digest, "kind": HEAD, "seq": seq})


def _act(entry: Entry) -> bytes:
    """Which entry it is, and by its digest all that stands in it."""
    return _canonical({"about": entry.about, "act": entry.act, "digest": entry.digest, "kind": ACT, "seq": entry.seq})


def _canonical(data: dict[str, object]) -> bytes:
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _entries(numbers: Collection[int]) -> list[Entry]:
    return list(ledger.entries().filter(seq__in=list(numbers)))


provides(HEAD, lambda numbers: {entry.seq: _head(entry.seq, entry.digest) for entry in _entries(numbers)})
provides(ACT, lambda numbers: {entry.seq: _act(entry) for entry in _entries(numbers)})
