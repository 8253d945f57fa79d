"""What a verdict means for what is kept of its case.

A confirmed one is an occasion of its own, by which rules keep. One that says that it is no such material takes away
the ground of what binds only because something *matched* or was *confirmed*: a rule that says how long it is kept at
the most binds no more, and what nothing else binds ends after a day of notice, or waits for a person where its rule
says so. A rule that says how long a match is kept *at the least* is a duty, and stands; so does what binds for a
report, a demand, or because somebody brought it; and a hold outranks it all.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from himaya.evidence import rules
from himaya.evidence.models import Binding, Exhibit
from himaya.evidence.retention import bindings_of, note_occasion, of_case, rebind
from himaya.ledger.services import record

VERDICT: Final = "verdict"
TAKEN_AWAY: Final = frozenset({"match", VERDICT})
"""Grounds that fall with the verdict that it is no such material."""


def note_verdict(case: str, *, at: datetime, by: str, only: int | None = None) -> int:
    """A person confirmed what a case has: rules with the occasion ``verdict`` bind it from then on.

    Told twice it changes nothing the second time. ``only``: the exhibit of the case that came after the verdict; None:
    all of them. How many exhibits are kept for another time than before.
    """
    return note_occasion(case, occasion=VERDICT, at=at, by=by, only=only)


@transaction.atomic
def note_dismissal(case: str, *, at: datetime, by: str, only: int | None = None) -> int:
    """A person says that a case's content is no such material; how many exhibits end at another time by that.

    Told twice it changes nothing the second time.

    Args:
        case: as the ledger names it.
        at: from when on its ground is gone: what ends by that ends ``rules.NOTICE`` later.
        by: who.
        only: the exhibit of the case that came after the verdict; None: all of them.
    """

    def release(_: Exhibit, bindings: list[Binding]) -> list[Binding]:
        falling = [one for one in bindings if one.released_at is None and _falls(one)]
        for one in falling:
            one.released_at = at
        return falling

    changed = len(rebind(of_case(case, only=only), release))
    if changed:
        record("evidence.ground-fell", by=by, about=case, exhibits=changed)
    return changed


@transaction.atomic
def note_reopening(case: str, *, by: str) -> int:
    """A verdict was taken back: what it had released is bound as before; how many exhibits end at another time.

    Told twice it changes nothing the second time. What has ended meanwhile stays ended.
    """

    def bind(_: Exhibit, bindings: list[Binding]) -> list[Binding]:
        released = [one for one in bindings if one.released_at is not None]
        for one in released:
            one.released_at = None
        return released

    changed = rebind(of_case(case), bind)
    for exhibit in changed:
        exhibit.review = rules.bound(bindings_of(exhibit)).review
        exhibit.save(update_fields=["review"])
    if changed:
        record("evidence.ground-back", by=by, about=case, exhibits=len(changed))
    return len(changed)


def _falls(one: Binding) -> bool:
    """Whether nothing but a match or a verdict is its ground, and no duty to keep matches is in it."""
    grounds = set(one.grounds)
    return bool(grounds) and grounds <= TAKEN_AWAY and (one.at_least is None or grounds == {VERDICT})
