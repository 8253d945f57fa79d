"""How long something is kept changes: an event starts a rule's time, a rule is renewed, a person looks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.db import connection, transaction

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.evidence import rules
from himaya.evidence.keys import close, is_gone, lock_ends, lock_epoch, lock_epochs, note_moved, opened
from himaya.evidence.locking import see_locks
from himaya.evidence.models import Binding, Epoch, Exhibit
from himaya.evidence.reading import ExhibitEnded
from himaya.evidence.reasons import reason_of
from himaya.evidence.services import UnknownExhibit
from himaya.evidence.states import ENDING, KEPT
from himaya.ledger.services import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

EVENT_OF: Final[Mapping[str, str]] = {"verdict": "decided", "report": "reported", "demand": "demanded"}
"""Occasion → the event that it is."""
AT_ONCE: Final = 500
"""Exhibits whose bindings are read, and bindings that are written, at once."""


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
def note_occasion(case: str, *, occasion: str, at: datetime, by: str, only: int | None = None) -> int:
    """Something happened to a case: time that runs from it runs from now, and rules that keep for it bind what is kept.

    Told twice it changes nothing the second time.

    Args:
        case: as the ledger names it.
        occasion: one of ``rules.OCCASIONS``.
        at: when.
        by: who.
        only: the exhibit of the case that came later than this; None: all of them.

    Returns:
        How many exhibits are kept for another time than before.
    """
    changed = len(note_on(of_case(case, only=only), occasion=occasion, since=lambda _: at))
    if changed:
        record("evidence.period-began", by=by, about=case, occasion=occasion, exhibits=changed)
    return changed


def of_case(case: str, *, only: int | None = None) -> QuerySet[Exhibit]:
    """What is kept of a case; ``only``: this one of it."""
    found = Exhibit.objects.filter(case=case)
    return found if only is None else found.filter(pk=only)


def note_on(exhibits: QuerySet[Exhibit], *, occasion: str, since: Callable[[Exhibit], datetime]) -> list[Exhibit]:
    """The same of some exhibits, in the caller's transaction: those that are kept for another time than before.

    A rule that was released for want of a ground binds again. What nothing opens any more is left out. ``since`` says
    of each when it happened.
    """

    def change(exhibit: Exhibit, bindings: list[Binding]) -> list[Binding]:
        at = since(exhibit)
        changed = [one for one in bindings if _begin(one, occasion, at)]
        had = {one.rule_id for one in bindings}
        fresh = [rule for rule in rules.that_keep(occasion, on=at.date(), among=valid) if rule.pk not in had]
        made = list(rules.bindings_of(fresh, at, ground=occasion, event=EVENT_OF.get(occasion, "")))
        for one in made:
            one.exhibit = exhibit
        bindings += made
        return changed + made

    valid = rules.in_force()
    return rebind(exhibits, change)


def _begin(one: Binding, occasion: str, at: datetime) -> bool:
    """Let a binding know of what happened; whether that changes it."""
    known = occasion not in one.rule.occasions or occasion in one.grounds
    if not known:
        one.grounds = [*one.grounds, occasion]
    waited = one.rule.begins == EVENT_OF.get(occasion, "") and not one.begun
    back = one.released_at is not None and occasion in one.rule.occasions
    if waited or back:
        one.since, one.begun, one.released_at = at, one.begun or waited, None
        one.at_least, one.at_most = rules.spans(one.rule, at, renewed=one.renewed)
    return waited or back or not known


def rebind(exhibits: QuerySet[Exhibit], change: Callable[[Exhibit, list[Binding]], list[Binding]]) -> list[Exhibit]:
    """Change what binds some exhibits, in the caller's transaction: those that are kept for another time by that.

    Every epoch that is needed is locked first, in the order in which everybody does: those in which they end, and those
    in which they will, as what binds them now says.

    Args:
        exhibits: what is over of them is left out.
        change: changes the bindings of an exhibit, given in the order in which they came, and may add to them; returns
            those that it changed or added. It is asked twice.
    """
    assert connection.in_atomic_block
    found = exhibits.filter(state__in=(KEPT, ENDING)).select_related("epoch", "blob").order_by("pk")
    ends = set()
    for exhibit, bindings in _with_bindings(found):
        change(exhibit, bindings)
        ends.add((rules.bound(bindings).until, exhibit.kept_class))
    if not ends:
        return []
    lock_ends(found, to=ends)
    moved, changed, blobs = [], list[Binding](), set()
    for exhibit, bindings in _with_bindings(found.all()):
        if not is_gone(exhibit):
            new = change(exhibit, bindings)
            blobs.add(exhibit.blob_id)
            if follow(exhibit, bindings, anew=bool(new)):
                moved.append(exhibit)
            changed += new
    fields = ["since", "at_least", "at_most", "begun", "grounds", "released_at"]
    Binding.objects.bulk_update([one for one in changed if one.pk], fields, batch_size=AT_ONCE)
    Binding.objects.bulk_create([one for one in changed if not one.pk], batch_size=AT_ONCE)
    see_locks(blobs)
    return moved


def _with_bindings(exhibits: QuerySet[Exhibit]) -> Iterator[tuple[Exhibit, list[Binding]]]:
    """Some exhibits, each with what binds it, in the order in which that came."""
    every = list(exhibits)
    for start in range(0, len(every), AT_ONCE):
        some, bound = every[start : start + AT_ONCE], dict[int, list[Binding]]()
        for one in Binding.objects.filter(exhibit__in=some).select_related("rule").order_by("pk"):
            bound.setdefault(one.exhibit_id, []).append(one)
        yield from ((exhibit, bound.get(exhibit.pk, [])) for exhibit in some)


def bindings_of(exhibit: Exhibit) -> list[Binding]:
    """What binds it, in the order in which that came."""
    return list(Binding.objects.filter(exhibit=exhibit).select_related("rule").order_by("pk"))


@transaction.atomic
def renew(number: int, *, rule: str, reason: str, by: str) -> Exhibit:
    """Keep an exhibit for one more of the periods that a rule allows.

    Raises:
        UnknownExhibit, ExhibitEnded, NotBound, BadReview: as their names say; a reason is required.
    """
    text = reason_of(reason, BadReview)
    exhibit = _one(number)
    if is_gone(exhibit):
        raise ExhibitEnded(exhibit=exhibit.reference, at=f"{exhibit.ended_at or clock.now():%Y-%m-%d}")
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
    see_locks([exhibit.blob_id])
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


def follow(exhibit: Exhibit, bindings: Iterable[Binding], *, anew: bool = True) -> bool:
    """Let an exhibit end when its bindings say now; whether that is another time than before. Its epoch is locked.

    ``anew``: what binds it has changed: a person looks before it ends where that says so, whoever has looked before.
    """
    bound = rules.bound(bindings)
    look = exhibit.review or (anew and bound.review)
    if bound.until == exhibit.until:
        if look and not exhibit.review:
            exhibit.review, exhibit.state = True, KEPT
            exhibit.save(update_fields=["review", "state"])
        return False
    exhibit.until, exhibit.review, exhibit.state = bound.until, exhibit.review or bound.review, KEPT
    try:
        close(exhibit, opened(exhibit), epoch=lock_epoch(bound.until, exhibit.kept_class))
        note_moved([exhibit])
    except (
        HimayaError
    ) as error:  # it stays in its epoch, from which it is moved before that ends; others of the case go on
        log.warning("%s stays under the key that it has: %s", exhibit.reference, error)
    exhibit.save()
    return True
