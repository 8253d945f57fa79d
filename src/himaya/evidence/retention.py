"""How long something is kept changes: an event starts a rule's time, a rule is renewed, a person looks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.db import connection, transaction

from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.evidence import rules
from himaya.evidence.keys import close, is_gone, lock_epoch, lock_epochs, opened
from himaya.evidence.models import Binding, Epoch, Exhibit
from himaya.evidence.reasons import reason_of
from himaya.evidence.services import UnknownExhibit
from himaya.evidence.states import ENDING, KEPT
from himaya.ledger.services import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

EVENT_OF: Final[Mapping[str, str]] = {"verdict": "decided", "report": "reported", "demand": "demanded"}
"""Occasion → the event that it is."""


log = logging.getLogger("himaya.evidence")


class NotBound(HimayaError):
    """{exhibit} cannot be kept longer by the rule {rule}: {why}."""

    status = 409


class NothingToReview(HimayaError):
    """{exhibit} does not wait for somebody to look at it."""

    status = 409


class BadReview(HimayaError):
    """The review cannot be taken: {why}."""

    status = 422


@transaction.atomic
def note_occasion(case: str, *, occasion: str, at: datetime, by: str) -> int:
    """Something happened to a case: time that runs from it runs from now, and rules that keep for it bind what is kept.

    Told twice it changes nothing the second time.

    Args:
        case: as the ledger names it.
        occasion: one of ``rules.OCCASIONS``.
        at: when.
        by: who.

    Returns:
        How many exhibits are kept for another time than before.
    """
    changed = note_on(Exhibit.objects.filter(case=case), occasion=occasion, at=at)
    if changed:
        record("evidence.period-began", by=by, about=case, occasion=occasion, exhibits=changed)
    return changed


def note_on(exhibits: QuerySet[Exhibit], *, occasion: str, at: datetime) -> int:
    """The same of some exhibits, in the caller's transaction; how many are kept for another time than before.

    A rule that was released for want of a ground binds again. What nothing opens any more is left out.
    """
    assert connection.in_atomic_block
    event, changed = EVENT_OF.get(occasion, ""), 0
    new = rules.that_keep(occasion, on=at.date())
    for exhibit in standing(exhibits):
        bindings = bindings_of(exhibit)
        for one in bindings:
            if occasion in one.rule.occasions and occasion not in one.grounds:
                one.grounds = [*one.grounds, occasion]
            waited = one.rule.begins == event and not one.begun
            back = one.released_at is not None and occasion in one.rule.occasions
            if waited or back:
                one.since, one.begun, one.released_at = at, one.begun or waited, None
                one.at_least, one.at_most = rules.spans(one.rule, at, renewed=one.renewed)
            one.save()
        had = {one.rule_id for one in bindings}
        fresh = [rule for rule in new if rule.pk not in had]
        for one in rules.bindings_of(fresh, at, ground=occasion, event=event):
            one.exhibit = exhibit
            one.save()
            bindings.append(one)
        changed += follow(exhibit, bindings)
    return changed


def standing(exhibits: QuerySet[Exhibit]) -> Iterator[Exhibit]:
    """Those of some exhibits that are still kept, one after the other, with their epochs locked."""
    every = exhibits.filter(state__in=(KEPT, ENDING))
    lock_epochs(Epoch.objects.filter(pk__in=every.values("epoch")))
    for exhibit in every.select_related("epoch", "blob").order_by("pk"):
        if not is_gone(exhibit):
            yield exhibit


def bindings_of(exhibit: Exhibit) -> list[Binding]:
    """What binds it, in the order in which that came."""
    return list(Binding.objects.filter(exhibit=exhibit).select_related("rule").order_by("pk"))


@transaction.atomic
def renew(number: int, *, rule: str, reason: str, by: str) -> Exhibit:
    """Keep an exhibit for one more of the periods that a rule allows.

    Raises:
        UnknownExhibit, NotBound, BadReview: as their names say; a reason is required.
    """
    text = reason_of(reason, BadReview)
    exhibit = _one(number)
    bindings = bindings_of(exhibit)
    found = next((one for one in bindings if one.rule.name == rule), None)
    if found is None:
        raise NotBound(exhibit=exhibit.reference, rule=rule, why=N_("it does not bind it"))
    if found.renewed >= found.rule.renewals:
        why = Said("it allows {n} renewals, and they are used", n=found.rule.renewals)
        raise NotBound(exhibit=exhibit.reference, rule=rule, why=why)
    found.renewed += 1
    found.at_least, found.at_most = rules.spans(found.rule, found.since, renewed=found.renewed)
    found.save()
    follow(exhibit, bindings)
    record("evidence.renewed", by=by, about=exhibit.about, rule=str(found.rule), reason=text)
    return exhibit


@transaction.atomic
def end_reviewed(number: int, *, reason: str, by: str) -> Exhibit:
    """A person has looked, and it may end when its time is over, as any other.

    Raises:
        UnknownExhibit, NothingToReview, BadReview: as their names say; a reason is required.
    """
    text = reason_of(reason, BadReview)
    exhibit = _one(number)
    if not exhibit.review:
        raise NothingToReview(exhibit=exhibit.reference)
    exhibit.review = False
    exhibit.save(update_fields=["review"])
    record("evidence.reviewed", by=by, about=exhibit.about, reason=text)
    return exhibit


def _one(number: int) -> Exhibit:
    found = Exhibit.objects.filter(pk=number, state__in=(KEPT, ENDING))
    if not found.exists():
        raise UnknownExhibit(exhibit=number)
    lock_epochs(Epoch.objects.filter(pk__in=found.values("epoch")))
    return found.select_related("epoch", "blob").get()


def follow(exhibit: Exhibit, bindings: Iterable[Binding]) -> bool:
    """Let an exhibit end when its bindings say now; whether that is another time than before. Its epoch is locked."""
    bound = rules.bound(bindings)
    if bound.until == exhibit.until:
        return False
    exhibit.until, exhibit.review, exhibit.state = bound.until, exhibit.review or bound.review, KEPT
    try:
        close(exhibit, opened(exhibit), epoch=lock_epoch(bound.until, exhibit.kept_class))
    except (
        HimayaError
    ) as error:  # it stays in its epoch, from which it is moved before that ends; others of the case go on
        log.warning("%s stays under the key that it has: %s", exhibit.reference, error)
    exhibit.save()
    return True
