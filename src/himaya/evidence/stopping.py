"""What stops all ending until a person has looked: a backup was put back, or time leapt ahead.

After a restore, holds and demands that were entered since the backup are missing, and what they keep would end. Where
the clock of a machine runs ahead, everything would end at once. Neither can be taken back, so both wait for a lead.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, packed, unpacked
from himaya.evidence.locking import see_all_locks
from himaya.evidence.lost import LOST, confirmed_losses
from himaya.evidence.models import Epoch, TimeStamp
from himaya.evidence.reasons import reason_of
from himaya.evidence.standstill import RESTORED, Reached, Stop, is_restored
from himaya.ledger.queries import entries
from himaya.ledger.services import SYSTEM, record

if TYPE_CHECKING:
    from django.db.models import QuerySet

CLOCK, EPOCH, SWEEP = "clock", "epoch", "sweep"
AHEAD = timedelta(days=1)
"""How far time may be ahead of what this node has seen of it."""
MOST = 10_000
"""Exhibits that one stop names."""
MINUTE, AGAIN = timedelta(minutes=1), timedelta(hours=1)
"""How exactly is noted how far time has come; after which an epoch that did not end is tried again."""
REMEDIES = {
    RESTORED: N_(
        "Enter again what was entered since: holds, demands and renewals, by the letters of the authorities. Then "
        "confirm it here, or run: himaya evidence go-on NUMBER --reason TEXT"
    ),
    CLOCK: N_(
        "Where the clock is wrong, set it right, and this ends by itself. Where it is right, as the node was away, "
        "confirm it, or run: himaya evidence go-on NUMBER --reason TEXT"
    ),
    EPOCH: N_(
        "Put back what is missing or damaged: the key of the epoch, or the database from a backup. Where the key is "
        "here and nothing can mend what it does not open, give that up, or run: himaya evidence go-on NUMBER --reason "
        "TEXT. It ends with the rest, unless a hold keeps it."
    ),
    LOST: N_(
        "Where an archive of keys has it, put it back: what it closed opens again. Else another lead confirms it, "
        "where none has: open Evidence, then What stops the end. What it closed goes when its time is over."
    ),
    SWEEP: N_(
        "Where a backup is to be put back, do that. No other node may have the same store: give each one its own "
        "(evidence_store)."
    ),
}
log = logging.getLogger("himaya.evidence")


class UnknownStop(HimayaError):
    """Nothing of the number {number} stops the end of exhibits."""

    status = 404


class BadStop(HimayaError):
    """It cannot be settled: {why}."""

    status = 422


def stops() -> QuerySet[Stop]:
    """What stops all ending now, and waits for a person."""
    return Stop.objects.filter(kind__in=(RESTORED, CLOCK), settled_at=None).order_by("pk")


def stuck() -> QuerySet[Stop]:
    """Epochs in which something does not open, so that nothing of them ends; but those whose key is lost for good."""
    lost = confirmed_losses().order_by().values("about")
    return Stop.objects.filter(kind=EPOCH, settled_at=None).exclude(about__in=lost).order_by("about")


def note_restored(made_at: datetime) -> None:
    """A backup was put back: nothing ends, and nothing unknown is removed, until a lead says that what was entered
    since it was made is entered again. Called in the transaction in which the node learns that it is old.
    """
    stuck().update(settled_by="", reason="")  # what was given up then may open with the keys of now
    facts = {"made_at": made_at.isoformat(timespec="seconds")}
    Stop.objects.update_or_create(
        kind=RESTORED, about="", settled_at=None, defaults={"since": clock.now(), "facts": facts}
    )


def may_end() -> bool:
    """Whether anything may end now: nothing stops it, and time has not leapt."""
    if is_restored():
        return False
    now, known = clock.now(), _known()
    leapt = now - known > AHEAD or _server_says_otherwise()
    open_ = stops().filter(kind=CLOCK).first()
    if leapt and open_ is None:
        with transaction.atomic():
            made, new = Stop.objects.get_or_create(
                kind=CLOCK, about="", settled_at=None,
                defaults={"since": now, "facts": {"now": now.isoformat(), "known": known.isoformat()}},
            )  # fmt: skip
            if new:
                record("evidence.stopped", by=SYSTEM, about="evidence", kind=CLOCK, stop=made.pk)
        log.warning("nothing ends: the clock says %s, and the last time that was seen here is %s", now, known)
    elif open_ and not leapt:  # the clock was set right
        _settle(open_, reason="the clock was set right", by=SYSTEM)
    if stops().exists():
        return False
    _reach(now)
    return True


def _known() -> datetime:
    """How far time has come for all that is known here: as ending saw it, the first time as the ledger says; and an
    authority that stamped, which is somebody else's clock.
    """
    row = Reached.objects.first()
    if row is None:
        newest = entries().first()
        row, _ = Reached.objects.get_or_create(pk=1, defaults={"at": newest.at if newest else clock.now()})
    stamp = TimeStamp.objects.order_by("-pk").first()
    return max(row.at, stamp.at) if stamp else row.at


def _server_says_otherwise() -> bool:
    """Whether the clock of the machine is ahead of that of the database, where that is another program's."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (at,) = cursor.fetchone()
    return bool(clock.SystemClock().now() - at > AHEAD)


def _reach(now: datetime) -> None:
    Reached.objects.filter(pk=1, at__lt=now - MINUTE).update(at=now)


@transaction.atomic
def settle_stop(number: int, *, reason: str, by: str) -> Stop:
    """A lead has looked: holds and demands since the backup are entered again, or the time is right. Ending goes on.
    Of an epoch, the exhibits that the stop names are given up: they end with the rest, where no hold keeps them.

    The pages ask for a security key that was just used.

    Raises:
        UnknownStop, BadStop: none of this number stops anything; a reason is required.
    """
    text = reason_of(reason, BadStop)
    open_ = Stop.objects.filter(kind__in=(RESTORED, CLOCK, EPOCH), settled_at=None)
    stop = open_.select_for_update().filter(pk=number).first()
    if stop is None:
        raise UnknownStop(number=number)
    if stop.kind == EPOCH:
        return _give_up(stop, reason=text, by=by)
    Reached.objects.update_or_create(pk=1, defaults={"at": clock.now()})  # whoever has looked has seen this time
    if stop.kind == RESTORED:
        see_all_locks()  # no hold was lifted in a bucket meanwhile
    return _settle(stop, reason=text, by=by)


@transaction.atomic
def _settle(stop: Stop, *, reason: str, by: str) -> Stop:
    stop.settled_at, stop.settled_by, stop.reason = clock.now(), by, reason
    stop.save(update_fields=["settled_at", "settled_by", "reason"])
    record("evidence.stop-settled", by=by, about="evidence", kind=stop.kind, stop=stop.pk)
    return stop


def confirmed_by() -> list[str]:
    """Who said last that exhibits may end, after each kind of stop: it stands in the certificates."""
    found = Stop.objects.filter(kind__in=(RESTORED, CLOCK)).exclude(settled_at=None).order_by("kind", "-settled_at")
    last: dict[str, str] = {}
    for one in found:
        last.setdefault(one.kind, f"{one.kind}: {one.settled_by}, {one.settled_at:%Y-%m-%d}")
    return sorted(last.values())


def meaning(stop: Stop) -> str:
    """Why it stops, in words."""
    facts = stop.facts
    if stop.kind == RESTORED:
        day = datetime.fromisoformat(facts["made_at"])
        return Said(
            "a backup of {at} was put back, and nothing ends until a lead has looked", at=f"{day:%Y-%m-%d %H:%M}"
        )
    if stop.kind == CLOCK:
        now, known = (f"{datetime.fromisoformat(facts[name]):%Y-%m-%d %H:%M}" for name in ("now", "known"))
        return Said("the clock says {now}, and the last time that was seen here is {known}", now=now, known=known)
    if stop.kind == LOST:
        if stop.settled_by:
            return Said("the key of {epoch} is lost, as two leads say: {why}", epoch=stop.about, why=stop.reason)
        return Said(
            "a lead says that the key of {epoch} is lost, and nobody has confirmed it: {why}",
            epoch=stop.about, why=stop.reason,
        )  # fmt: skip
    return str(unpacked(facts["why"]))


def remedy(stop: Stop) -> str:
    """What to do about it."""
    return REMEDIES[stop.kind]


# --- the sweep of strays, which stops nothing else ------------------------------------------------------------------


def note_swept(why: str) -> None:
    """Why nothing that is unknown was removed from the store; empty: nothing speaks against it."""
    if not why:
        Stop.objects.filter(kind=SWEEP, settled_at=None).update(settled_at=clock.now(), settled_by=SYSTEM)
        return
    log.warning("nothing unknown is removed from the store: %s", why)
    facts = {"why": packed(why)}
    Stop.objects.update_or_create(
        kind=SWEEP, about="", settled_at=None, defaults={"facts": facts},
        create_defaults={"facts": facts, "since": clock.now()},
    )  # fmt: skip


def swept_not() -> Stop | None:
    """Why nothing unknown is removed from the store, where that is so."""
    return Stop.objects.filter(kind=SWEEP, settled_at=None).first()


# --- one epoch -------------------------------------------------------------------------------------------------------


def note_stuck(epoch: Epoch, generation: int, *, name: str, why: object, numbers: Collection[int] = ()) -> None:
    """Something of an epoch does not open, so its key must stay; it is tried again in an hour.

    Args:
        epoch: of which nothing ends.
        generation: of it.
        name: of both.
        why: in words.
        numbers: the exhibits that do not open though its key is here, or that a key which is gone has taken along;
            none: something else stops it. Where others than were given up are among them, a lead looks again.
    """
    before = stuck().filter(about=name).first()
    given, _ = given_up(name)
    kept = bool(numbers) and given.issuperset(numbers)
    facts = {
        "epoch": epoch.pk, "generation": generation, "why": packed(why),
        "numbers": sorted(given.union(numbers))[:MOST] if numbers else [],
    }  # fmt: skip
    now = clock.now()
    fields = {"tried_at": now, "facts": facts} | ({} if kept or before is None else {"settled_by": "", "reason": ""})
    Stop.objects.update_or_create(
        kind=EPOCH, about=name, settled_at=None, defaults=fields, create_defaults={**fields, "since": now}
    )
    log.warning("nothing of the epoch %s ends: %s", name, why)


def note_ended(name: str) -> None:
    """An epoch ends after all."""
    open_ = Stop.objects.filter(kind=EPOCH, about=name, settled_at=None)
    open_.filter(settled_by="").update(settled_by=SYSTEM)
    open_.update(settled_at=clock.now())


def _give_up(stop: Stop, *, reason: str, by: str) -> Stop:
    """The exhibits that the stop names may be lost with the key of their epoch; settled when that has ended."""
    numbers = stop.facts["numbers"]
    if not numbers:
        raise BadStop(why=N_("nothing that it names is lost while its key may come back"))
    stop.settled_by, stop.reason, stop.tried_at = by, reason, None
    stop.save(update_fields=["settled_by", "reason", "tried_at"])
    record("evidence.given-up", by=by, about="evidence", stop=stop.pk, epoch=stop.about, exhibits=len(numbers))
    return stop


def next_given_up() -> tuple[int, int] | None:
    """Epoch and generation of one that was given up since it was tried last; it is tried now."""
    one = stuck().filter(tried_at=None).exclude(settled_by="").first()
    if one is None:
        return None
    Stop.objects.filter(pk=one.pk).update(tried_at=clock.now())
    return one.facts["epoch"], one.facts["generation"]


def given_up(name: str) -> tuple[frozenset[int], str]:
    """The exhibits of an epoch that a lead gave up, as they do not open, and who did; nothing, and nobody."""
    one = stuck().filter(about=name).exclude(settled_by="").first()
    return (frozenset(one.facts["numbers"]), one.settled_by) if one else (frozenset(), "")


def left_alone() -> list[tuple[int, int]]:
    """Epoch and generation of those that are not tried now."""
    late = stuck().filter(tried_at__gt=clock.now() - AGAIN)
    return [(one.facts["epoch"], one.facts["generation"]) for one in late]
