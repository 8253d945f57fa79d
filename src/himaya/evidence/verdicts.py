"""What a verdict means for what is kept of its case.

A confirmed one is an occasion of its own, by which rules keep. One that says that it is no such material takes away
the ground of what binds only because something *matched* or was *confirmed*: a rule that says how long it is kept at
the most binds no more, and what nothing else binds ends now, or waits for a person where its rule says so. A rule that
says how long a match is kept *at the least* is a duty, and stands; so does what binds for a report, a demand, or
because somebody brought it; and a hold outranks it all.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from himaya.evidence import rules
from himaya.evidence.models import Binding, Exhibit
from himaya.evidence.retention import bindings_of, follow, note_occasion, standing
from himaya.ledger.services import record

VERDICT: Final = "verdict"
TAKEN_AWAY: Final = frozenset({"match", VERDICT})
"""Grounds that fall with the verdict that it is no such material."""


def note_verdict(case: str, *, at: datetime, by: str) -> int:
    """A person confirmed what a case has: rules with the occasion ``verdict`` bind it from then on.

    Told twice it changes nothing the second time. How many exhibits are kept for another time than before.
    """
    return note_occasion(case, occasion=VERDICT, at=at, by=by)


@transaction.atomic
def note_dismissal(case: str, *, at: datetime, by: str) -> int:
    """A person says that a case's content is no such material; how many exhibits end at another time by that.

    Told twice it changes nothing the second time.
    """
    changed = 0
    for exhibit in standing(Exhibit.objects.filter(case=case)):
        bindings = bindings_of(exhibit)
        for one in bindings:
            if one.released_at is None and _falls(one):
                one.released_at = at
                one.save(update_fields=["released_at"])
        changed += follow(exhibit, bindings)
    if changed:
        record("evidence.ground-fell", by=by, about=case, exhibits=changed)
    return changed


@transaction.atomic
def note_reopening(case: str, *, by: str) -> int:
    """A verdict was taken back: what it had released is bound as before; how many exhibits end at another time.

    Told twice it changes nothing the second time. What has ended meanwhile stays ended.
    """
    changed = 0
    for exhibit in standing(Exhibit.objects.filter(case=case)):
        bindings = bindings_of(exhibit)
        for one in bindings:
            if one.released_at is not None:
                one.released_at = None
                one.save(update_fields=["released_at"])
        if follow(exhibit, bindings):
            exhibit.review = rules.bound(bindings).review
            exhibit.save(update_fields=["review"])
            changed += 1
    if changed:
        record("evidence.ground-back", by=by, about=case, exhibits=changed)
    return changed


def _falls(one: Binding) -> bool:
    """Whether nothing but a match or a verdict is its ground, and no duty to keep matches is in it."""
    grounds = set(one.grounds)
    return bool(grounds) and grounds <= TAKEN_AWAY and (one.at_least is None or grounds == {VERDICT})
