"""An organisation acts under another law than was known: the lists on which it speaks are judged anew, by a worker."""

from __future__ import annotations

import logging

from django.db import transaction

from himaya.core.errors import HimayaError
from himaya.ledger import turns
from himaya.ledger.services import SYSTEM, record
from himaya.lists.arrivals import Judging
from himaya.lists.arrivals.words import rule
from himaya.lists.models import HashList, Organisation, Statement

log = logging.getLogger("himaya.lists")
TURN, EVERY = "lists.weighed", 30.0
"""Name of the turn, and seconds between two looks."""


def weigh_placed() -> bool:
    """Judge the lists on which one organisation speaks that was placed; True where there may be more.

    Where an import is under way, or anything else is in the way, it is tried again at the next turn.
    """
    if not turns.is_due(TURN, every=EVERY):
        return False
    one = Organisation.objects.exclude(placed=0).order_by("placed").first()
    if one is None:
        turns.note(TURN)
        return False
    try:
        for hash_list in HashList.objects.filter(jurisdictions__gt=1).order_by("pk"):
            if Statement.objects.filter(organisation=one, item__list=hash_list).exists():
                _weigh(hash_list, one)
    except HimayaError as error:
        log.warning("organisation %s: %s", one.name, error)
        turns.note(TURN)
        return False
    Organisation.objects.filter(pk=one.pk, placed=one.placed).update(placed=0)
    return True


def _weigh(hash_list: HashList, one: Organisation) -> None:
    with Judging(hash_list, by=SYSTEM, rule=rule(hash_list)) as judging:
        judging.judge()
        judging.weigh()
        if not judging.moved:
            return
        with transaction.atomic():
            HashList.objects.select_for_update(no_key=True).get(pk=hash_list.pk)
            judging.publish()
            record("list.judged", by=SYSTEM, about=f"list:{hash_list.name}", organisation=one.name, items=judging.moved)
