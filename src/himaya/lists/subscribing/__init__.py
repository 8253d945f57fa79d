"""Subscriptions: sources of lists elsewhere, read again and again, each in its own time.

A round (:mod:`.rounds`) is read page by page onto disk (:mod:`.spool`) and then applied in one moment. Here is who
reads what, when it is due, what is wrong with it and what to do about it.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F

from himaya.core import clock, registry
from himaya.core.errors import HimayaError
from himaya.core.exchange import Exchange, SourceTrouble
from himaya.core.statements import BASES, UNSTATED
from himaya.core.words import N_, Said, packed
from himaya.ledger.services import record
from himaya.lists import organisations
from himaya.lists.arrivals import ImportLost, ImportUnderWay
from himaya.lists.models import HashList, Subscription
from himaya.lists.seconding import require_second
from himaya.lists.subscribing import rounds
from himaya.lists.subscribing.options import (
    BadSubscription,
    BadSubscriptionName,
    NotFromHere,
    amended,
    check,
    checked,
    client,
    configured,
    needs_nearness,
    secret_fields,
    secrets_set,
    split,
    try_out,
)
from himaya.lists.subscribing.spool import Spool
from himaya.lists.subscribing.wellbeing import Health, health

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from django.db.models import QuerySet

    from himaya.lists.models import Organisation
    from himaya.lists.subscribing.rounds import OnProgress, Round

__all__ = [
    "BadSubscription",
    "BadSubscriptionName",
    "BeingRead",
    "Health",
    "NotFromHere",
    "Paused",
    "UnknownSubscription",
    "change",
    "check",
    "claim",
    "client",
    "configured",
    "find",
    "health",
    "run",
    "secret_fields",
    "secrets_set",
    "set_due",
    "subscribe",
    "subscriptions",
    "take",
    "try_out",
]

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
HOLD = 300
"""Seconds after the last sign of life for which a round counts as being read."""
SOONEST, LATEST = 60, 3600
"""Seconds after a failure before the next attempt: at least, and, doubled each time, at most."""


class UnknownSubscription(HimayaError):
    """There is no subscription named {name!r}; there are: {known}."""

    status = 404


class BeingRead(HimayaError):
    """The subscription {name!r} is being read just now."""

    remedy = "Wait until the round is over; it can be seen under Lists, Subscriptions."
    status = 409


class Paused(HimayaError):
    """The subscription {name!r} is paused."""

    remedy = "Let it go on: it is read at once then."
    status = 409


# --- making and changing ---------------------------------------------------------------------------------------------


def _speaker(organisation: Organisation | None) -> dict[str, str]:
    """Who speaks where the source names nobody, for a proposal."""
    if organisation is None:
        return {"organisation": "", "jurisdiction": ""}
    return {"organisation": organisation.name, "jurisdiction": organisation.jurisdiction}


@transaction.atomic
def subscribe(
    name: str,
    *,
    to: HashList,
    exchange: str,
    options: Mapping[str, Any],
    by: str,
    organisation: Organisation | None = None,
    basis: str = UNSTATED,
    interval: int | None = None,
    private: bool = False,
    members: bool = False,
    second: str = "",
) -> Subscription:
    """Begin to follow a source; the first round is due at once.

    Args:
        name: small letters, digits and dashes.
        to: the list that it fills, alone or with others.
        exchange: a connector.
        options: what the connector asks for, secrets included.
        by: the actor.
        organisation: who speaks where the source names nobody; one named like the subscription where None.
        basis: legal basis of what the source says, of ``core.statements.BASES``.
        interval: seconds between rounds; the connector's own where None.
        private: whether it may lie in a private network.
        members: whether the source is believed about which of its members says what.
        second: who approves; a common list needs a second person.

    Raises:
        NeedsSecond: the list is a common one, and no second person approves.
        UnknownPlugin: there is no such connector.
        BadSubscription: an option is missing or wrong; says which.
        BadSubscriptionName: the name, the interval or the basis is.
        NotFromHere: the options name a place of this machine, and it is not ``private``.
    """
    plugin = registry.exchange(exchange)
    found = checked(plugin, name, options)
    if not NAME.fullmatch(name):
        raise BadSubscriptionName(name=name[:80], why=N_("use 1 to 60 small letters, digits or dashes"))
    if Subscription.objects.filter(name=name).exists():
        raise BadSubscriptionName(name=name, why=N_("there is a subscription of that name already"))
    if not plugin.pulls:
        raise BadSubscriptionName(name=name, why=N_("this source hands out no list; it can only be asked"))
    seconds = _interval(plugin, name, plugin.interval if interval is None else interval)
    if needs_nearness(plugin, found) and not private:
        raise NotFromHere(name=name)
    if organisation and organisation.own:
        raise BadSubscriptionName(name=name, why=N_("a source does not speak in this node's own name"))
    wanted = {"name": name, "exchange": exchange, "options": dict(options), "basis": basis, "interval": seconds}
    wanted |= {"private": private, "members": members, **_speaker(organisation)}
    require_second(to, by=by, second=second, act="subscribe", arguments=wanted)
    public, sealed = split(found)
    made = Subscription.objects.create(
        name=name, list=to, organisation=organisation or organisations.named(name, by=by), exchange=exchange,
        options=public, sealed=sealed, private=private, members=members, basis=_basis(name, basis), interval=seconds,
        due_at=clock.now(), created_at=clock.now(), created_by=by,
    )  # fmt: skip
    record("list.subscribed", by=by, about=f"list:{to.name}", subscription=name, exchange=exchange)
    return made


@transaction.atomic
def change(
    name: str,
    *,
    by: str,
    enabled: bool | None = None,
    interval: int | None = None,
    options: Mapping[str, Any] | None = None,
    near: bool = True,
    second: str = "",
    **terms: Any,
) -> Subscription:
    """Pause a subscription or let it go on, set its interval, or change some of its options (the others stay).

    Changed options begin a new round; the list stays as it is until that is applied.

    Args:
        name: the subscription.
        by: the actor.
        enabled: whether it is read.
        interval: seconds between rounds.
        options: what is to change of the options; None takes one away, an empty secret stays what it was.
        near: whether the actor may set what lies in a private network or on this machine.
        second: who approves of other options or terms, where the source fills a common list; to pause it, to let it
            go on and how often it is read needs nobody.
        terms: ``basis``, ``members``, ``private``, as :func:`subscribe` has them; None: as before.

    Raises:
        UnknownSubscription, BadSubscription, BadSubscriptionName, NotFromHere: as their names say.
        NeedsSecond: its list is a common one, and no second person approves.
    """
    one = Subscription.objects.select_for_update(no_key=True).get(pk=find(name).pk)
    plugin, reading = registry.exchange(one.exchange), health(one).reading
    said, held = (one.basis, one.members), (one.basis, one.members, one.private)
    one.interval = one.interval if interval is None else _interval(plugin, name, interval)
    one.enabled = one.enabled if enabled is None else enabled
    one.basis = _basis(name, terms.get("basis") or one.basis)
    for term in ("members", "private"):
        setattr(one, term, getattr(one, term) if terms.get(term) is None else terms[term])
    anew = said != (one.basis, one.members)
    other: list[str] = []
    if options:
        found, before = amended(one, plugin, name, options), configured(one)[1]
        other = [option for option in type(found).model_fields if getattr(found, option) != getattr(before, option)]
        public, one.sealed = split(found)
        anew, one.options = anew or public != one.options, public
    if (one.private and (options or terms.get("private")) and not near) or (
        not one.private and needs_nearness(plugin, configured(one)[1])
    ):
        raise NotFromHere(name=name)
    if other or held != (one.basis, one.members, one.private):
        wanted = {"name": name, "exchange": one.exchange, "options": dict(options or {}), "near": near, **terms}
        wanted |= {"enabled": one.enabled, "interval": one.interval}
        require_second(one.list, by=by, second=second, act="source", arguments=wanted)
    one.checkpoint = "" if anew else one.checkpoint
    one.due_at = one.due_at if reading else clock.now()
    one.save()
    _record_change(one, other, by=by, second=second)
    return one


def _record_change(one: Subscription, options: list[str], *, by: str, second: str) -> None:
    """``options``: the names of those that are others now, and where it lies by a digest: an address may hold a key."""
    public = hashlib.sha256(json.dumps(one.options, sort_keys=True).encode()).hexdigest()
    facts = {"list": one.list.name, "enabled": one.enabled, "basis": one.basis, "members": one.members}
    facts |= {"options": options, "sha256": public} if options else {}
    record("subscription.changed", by=by, about=about(one), **facts, **({"second": second} if second else {}))


@transaction.atomic
def set_due(name: str, *, by: str) -> Subscription:
    """Have the worker read it at once, whatever its interval says.

    Raises:
        UnknownSubscription, Paused, BeingRead: as their names say.
    """
    one = Subscription.objects.select_for_update(no_key=True).get(pk=take(name).pk)
    if not one.enabled:
        raise Paused(name=name)
    one.due_at = clock.now()
    one.save(update_fields=["due_at"])
    record("subscription.due", by=by, about=about(one), list=one.list.name)
    return one


def about(one: Subscription) -> str:
    """The subscription as the ledger names what an act is about."""
    return f"subscription:{one.name}"


def take(name: str) -> Subscription:
    """The subscription of that name, which nobody reads just now.

    Raises:
        UnknownSubscription, BeingRead: as their names say.
    """
    one = find(name)
    if health(one).reading:
        raise BeingRead(name=name)
    return one


def subscriptions(of: HashList | None = None) -> QuerySet[Subscription]:
    """All of them, or those of a list, by name."""
    rows = Subscription.objects.select_related("list", "organisation").order_by("name")
    return rows.filter(list=of) if of else rows


def find(name: str) -> Subscription:
    """The subscription of that name.

    Raises:
        UnknownSubscription: there is none.
    """
    found = subscriptions().filter(name=name).first()
    if found is None:
        known = ", ".join(Subscription.objects.order_by("name").values_list("name", flat=True)[:20])
        raise UnknownSubscription(name=name[:80], known=known or "none yet")
    return found


# --- running ---------------------------------------------------------------------------------------------------------


def run(
    one: Subscription,
    *,
    on_progress: OnProgress = lambda *_: None,
    wait: Callable[[float], object] | None = None,
    stick: Path | None = None,
) -> Round | None:
    """Read a round and apply it; None where another process has applied it meanwhile. With ``stick``, it is read out of
    that file instead.

    Raises:
        SourceTrouble: it was noted with the subscription; what was read is kept, and the next attempt goes on behind.
    """
    shown = _Life(one)

    def progress(doing: str, done: int, total: int | None) -> None:
        shown.show()
        on_progress(doing, done, total)

    Subscription.objects.filter(pk=one.pk).update(began_at=clock.now())
    spool: Spool | None = None
    try:
        plugin, options = configured(one)
        with client(one, wait=wait) as line:
            spool = rounds.read(one, plugin, options, line, progress, stick=stick)
        done = rounds.apply(one, spool, progress)
    except HimayaError as error:
        _failed(one, error)
        if spool:
            spool.__exit__()
        raise
    except KeyboardInterrupt:  # a person: what was read is kept, and the next attempt goes on behind it
        Subscription.objects.filter(pk=one.pk).update(began_at=None, due_at=clock.now() + timedelta(seconds=SOONEST))
        raise
    spool.remove()
    _due(one, one.interval if done else 0)  # where it was changed meanwhile, what is asked for now is read at once
    return done


def claim(now: datetime | None = None) -> Subscription | None:
    """The subscription that has been due longest, taken for a while by whoever asks; None where none is due."""
    at = now or clock.now()
    for one in subscriptions().filter(enabled=True, due_at__lte=at).order_by("due_at")[:50]:
        until = at + timedelta(seconds=HOLD)
        if Subscription.objects.filter(pk=one.pk, due_at=one.due_at, enabled=True).update(due_at=until):
            return one
    return None


class _Life:
    """Shows now and then that a round is being read, so that nobody else begins it."""

    def __init__(self, one: Subscription) -> None:
        self._pk, self._shown = one.pk, clock.now()
        _due(one, HOLD)

    def show(self) -> None:
        now = clock.now()
        if (now - self._shown).total_seconds() > HOLD / 5:
            Subscription.objects.filter(pk=self._pk).update(due_at=now + timedelta(seconds=HOLD))
            self._shown = now


def _due(one: Subscription, seconds: float) -> None:
    Subscription.objects.filter(pk=one.pk).update(due_at=clock.now() + timedelta(seconds=seconds))


@transaction.atomic
def _failed(one: Subscription, error: HimayaError) -> None:
    """Note what failed. The first failure in a row is put on record, the others are counted."""
    now = Subscription.objects.select_for_update(no_key=True).get(pk=one.pk)
    at = clock.now()
    waits = min(SOONEST * 2.0**now.failures, LATEST, max(now.interval, SOONEST))
    if isinstance(error, ImportUnderWay | ImportLost):
        waits = SOONEST
    if isinstance(error, SourceTrouble) and error.permanent:
        waits = max(now.interval, SOONEST)
    said = {"what": Said(error.template(), **error.facts), "remedy": Said(error.remedy, **error.facts)}
    now.trouble = {**{name: str(text) for name, text in said.items()}, "code": error.code()}
    now.trouble["said"] = {name: packed(text) for name, text in said.items()}
    now.began_at = None
    now.failed_at, now.due_at = now.failed_at or at, at + timedelta(seconds=waits)
    now.failures = F("failures") + 1
    first = not one.failures and now.failed_at == at
    now.save(update_fields=["trouble", "failed_at", "due_at", "failures", "began_at"])
    if first:
        record("subscription.failed", by="system", about=about(one), list=one.list.name, error=error.code())


def _interval(plugin: Exchange, name: str, seconds: int) -> int:
    if not plugin.shortest <= seconds <= plugin.longest:
        why = Said("its source is read every {least} to {most} seconds", least=plugin.shortest, most=plugin.longest)
        raise BadSubscriptionName(name=name, why=why)
    return seconds


def _basis(name: str, basis: str) -> str:
    if basis not in BASES:
        raise BadSubscriptionName(name=name, why=Said("a legal basis is one of {known}", known=", ".join(BASES)))
    return basis
