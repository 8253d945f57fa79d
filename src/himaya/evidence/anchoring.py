"""Custody in the log: each step becomes a leaf with the next checkpoint, so that nobody can add one afterwards.

The log is public, and shows nothing of it: a leaf is a salted commitment, and what it commits to is the digest of a
line of custody, never that of an exhibit. A step names the digest of the one before it, so whoever proves the last one
has proved all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core.vault.verifier import canonical
from himaya.evidence.batches import batches
from himaya.evidence.models import Step, Unlogged
from himaya.log import queries
from himaya.log.events import Event
from himaya.log.services import append

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.evidence.models import Exhibit
    from himaya.log.models import Leaf

CUSTODY = "custody"
"""The kind of its leaves, by the numbers of steps."""
AT_ONCE = 500


def note_unlogged(steps: Sequence[Step]) -> None:
    """Remember, in the caller's transaction, steps that were just written."""
    Unlogged.objects.bulk_create(Unlogged(step=one) for one in steps)


def anchor_steps() -> int:
    """Log the steps that came since the last time; how many there were. Leaves and notes commit together."""
    logged = 0
    while True:
        with transaction.atomic():
            waiting = Unlogged.objects.select_for_update().order_by("pk")[:AT_ONCE]
            found = list(waiting.values_list("pk", flat=True))
            steps = Step.objects.filter(pk__in=found).select_related("exhibit").order_by("pk")
            append(Event(CUSTODY, one.exhibit.about, one.pk, _event(one)) for one in steps)
            Unlogged.objects.filter(pk__in=found).delete()
        logged += len(found)
        if len(found) < AT_ONCE:
            return logged


def shown(numbers: Collection[int]) -> Mapping[int, bytes]:
    """What the log commits to, by the numbers of steps."""
    return {one.pk: _event(one) for one in Step.objects.filter(pk__in=numbers).select_related("exhibit")}


def proofs_of(exhibits: Sequence[Exhibit]) -> dict[int, tuple[bytes, ...]]:
    """What proves the chains of exhibits to strangers, by their numbers: of its first step, and of its last in the log.

    Each ends in the first checkpoint that holds it and that witnesses have cosigned, for that says how early it stood.
    Empty: no checkpoint holds anything of it yet.
    """
    found: dict[int, tuple[bytes, ...]] = {one.pk: () for one in exhibits}
    for some in batches(exhibits):
        numbers = {one.about: one.pk for one in some}
        ends: dict[str, dict[int, Leaf]] = {}
        for leaf in _published(*numbers).order_by("unique"):
            mine = ends.setdefault(leaf.about, {})
            mine[min(len(mine), 1)] = leaf
        leaves = [leaf for mine in ends.values() for leaf in mine.values()]
        for leaf, proof in zip(leaves, queries.prove_early(leaves), strict=True):
            found[numbers[leaf.about]] += (str(proof).encode(),)
    return found


def logged(exhibit: Exhibit) -> int:
    """How many steps of its chain a checkpoint holds."""
    return _published(exhibit.about).count()


def _published(*about: str) -> QuerySet[Leaf]:
    size = queries.checkpoints().values_list("size", flat=True).first() or 0
    return queries.leaves_about(*about).filter(kind=CUSTODY, index__lt=size)


def _event(step: Step) -> bytes:
    digest = hashlib.sha256(bytes(step.line)).hexdigest()
    return canonical({"digest": digest, "exhibit": str(step.exhibit.uuid), "kind": CUSTODY, "step": step.number})
