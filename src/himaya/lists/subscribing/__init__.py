"""Subscriptions: sources of lists elsewhere, read again and again, each in its own time.

A round (:mod:`.rounds`) is read page by page onto disk (:mod:`.spool`) and then applied in one moment. Here is who
reads what, when it is due, what is wrong with it and what to do about it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from pydantic import BaseModel, SecretStr, ValidationError

from himaya.accounts.sealing import seal, unseal
from himaya.core import clock, registry
from himaya.core.errors import Flawed, HimayaError
from himaya.core.exchange import Exchange, SourceTrouble
from himaya.core.outward import Client
from himaya.core.statements import BASES, UNSTATED
from himaya.core.words import N_, Said
from himaya.ledger.services import record
from himaya.lists import organisations
from himaya.lists.arrivals import ImportLost, ImportUnderWay
from himaya.lists.models import HashList, Subscription
from himaya.lists.seconding import require_second
from himaya.lists.subscribing import rounds
from himaya.lists.subscribing.spool import Spool, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from django.db.models import QuerySet

    from himaya.lists.models import Organisation
    from himaya.lists.subscribing.rounds import OnProgress, Round

PURPOSE = b"himaya subscriptions 1"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
HOLD = 300
"""Seconds after the last sign of life for which a round counts as being read."""
SOONEST, LATEST = 60, 3600
"""Seconds after a failure before the next attempt: at least, and, doubled each time, at most."""


class UnknownSubscription(HimayaError):
    """There is no subscription named {name!r}; there are: {known}."""

    status = 404


class BadSubscription(Flawed):
    """The subscription {name!r} cannot be made so."""

    remedy = "Correct what is named here."


class BadSubscriptionName(HimayaError):
    """The subscription {name!r} cannot be made so: {why}."""

    status = 422


class BeingRead(HimayaError):
    """The subscription {name!r} is being read just now."""

    remedy = "Wait until the round is over; it can be seen under Lists, Subscriptions."
    status = 409


@dataclass(frozen=True, slots=True)
class Health:
    """How a subscription is: ``state`` is one of ``fine``, ``new``, ``paused``, ``late``, ``failing``."""

    state: str
    lag: timedelta | None
    """How old what we have is: since the last round that was applied began; None where none was."""
    waiting: int
    """Pages of a round that is on its way, or was cut off."""
    reading: bool


# --- making and changing ---------------------------------------------------------------------------------------------


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
    """
    plugin = registry.exchange(exchange)
    checked = _checked(plugin, name, options)
    if not NAME.fullmatch(name):
        raise BadSubscriptionName(name=name[:80], why=N_("use 1 to 60 small letters, digits or dashes"))
    if Subscription.objects.filter(name=name).exists():
        raise BadSubscriptionName(name=name, why=N_("there is a subscription of that name already"))
    if not plugin.pulls:
        raise BadSubscriptionName(name=name, why=N_("this source hands out no list; it can only be asked"))
    seconds = _interval(plugin, name, plugin.interval if interval is None else interval)
    if basis not in BASES:
        raise BadSubscriptionName(name=name, why=Said("a legal basis is one of {known}", known=", ".join(BASES)))
    wanted = {"name": name, "exchange": exchange, "options": dict(options), "basis": basis, "interval": seconds}
    wanted |= {"private": private, "members": members, "organisation": organisation.name if organisation else ""}
    require_second(to, by=by, second=second, act="subscribe", arguments=wanted)
    public, secret = _split(checked)
    made = Subscription.objects.create(
        name=name, list=to, organisation=organisation or organisations.named(name, by=by), exchange=exchange,
        options=public, sealed=_sealed(secret), private=private, members=members, basis=basis, interval=seconds,
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
) -> Subscription:
    """Pause a subscription or let it go on, set its interval, or change some of its options (the others stay).

    Changed options begin a new round; the list stays as it is until that is applied.

    Raises:
        UnknownSubscription, BadSubscription, BadSubscriptionName: as their names say.
    """
    one = Subscription.objects.select_for_update(no_key=True).get(pk=find(name).pk)
    plugin = registry.exchange(one.exchange)
    if interval is not None:
        one.interval = _interval(plugin, name, interval)
    if enabled is not None:
        one.enabled = enabled
    if options:
        checked = _checked(plugin, name, {**_options(one), **{k: v for k, v in options.items() if v not in ("", None)}})
        public, secret = _split(checked)
        one.checkpoint = one.checkpoint if public == one.options else ""
        one.options, one.sealed = public, _sealed(secret)
    one.due_at = clock.now()
    one.save(update_fields=["interval", "enabled", "options", "sealed", "checkpoint", "due_at"])
    record("subscription.changed", by=by, about=f"list:{one.list.name}", subscription=name, enabled=one.enabled)
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


def configured(one: Subscription) -> tuple[Exchange, BaseModel]:
    """The connector of a subscription and its checked options, secrets unsealed.

    Raises:
        UnknownPlugin, BadSubscription, SealedElsewhere: as their names say.
    """
    plugin = registry.exchange(one.exchange)
    return plugin, _checked(plugin, one.name, _options(one))


def client(one: Subscription, *, wait: Callable[[float], object] | None = None) -> Client:
    """The guarded client for what a subscription speaks to."""
    return Client(private=one.private, wait=wait) if wait else Client(private=one.private)


def check(one: Subscription) -> str:
    """Ask the source as little as shows that address and credentials are right; what answered.

    Raises:
        SourceTrouble: with what is wrong and how to mend it.
    """
    plugin, options = configured(one)
    with client(one) as line:
        return plugin.check(options, line)


# --- running ---------------------------------------------------------------------------------------------------------


def run(
    one: Subscription,
    *,
    on_progress: OnProgress = lambda *_: None,
    wait: Callable[[float], object] | None = None,
) -> Round | None:
    """Read a round and apply it; None where another process has applied it meanwhile.

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
            spool = rounds.read(one, plugin, options, line, progress)
        done = rounds.apply(one, spool, progress)
    except HimayaError as error:
        _failed(one, error)
        if spool:
            spool.__exit__()
        raise
    spool.remove()
    _due(one, one.interval)
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
    now.trouble = {"what": str(error), "remedy": error.remedy.format(**error.facts), "code": error.code()}
    now.failed_at, now.due_at = now.failed_at or at, at + timedelta(seconds=waits)
    now.failures = F("failures") + 1
    first = not one.failures and now.failed_at == at
    now.save(update_fields=["trouble", "failed_at", "due_at", "failures"])
    if first:
        record(
            "subscription.failed", by="system", about=f"list:{one.list.name}", subscription=one.name, error=error.code()
        )


def health(one: Subscription) -> Health:
    """How it is now. Late: nothing was applied for three intervals, and at least two hours."""
    now = clock.now()
    lag = now - one.ended_at if one.ended_at else None
    reading = bool(one.began_at and (not one.ended_at or one.began_at > one.ended_at) and not one.failures)
    late = lag is not None and lag > max(timedelta(seconds=3 * one.interval), timedelta(hours=2))
    state = "fine" if lag is not None else "new"
    state = "late" if late else state
    state = "failing" if one.failures else state
    return Health("paused" if not one.enabled else state, lag, waiting(one.pk), reading and one.enabled)


# --- options ---------------------------------------------------------------------------------------------------------


def _interval(plugin: Exchange, name: str, seconds: int) -> int:
    if not plugin.shortest <= seconds <= plugin.longest:
        why = Said("its source is read every {least} to {most} seconds", least=plugin.shortest, most=plugin.longest)
        raise BadSubscriptionName(name=name, why=why)
    return seconds


def _checked(plugin: Exchange, name: str, options: Mapping[str, Any]) -> BaseModel:
    try:
        return plugin.Config(**options)
    except ValidationError as error:
        flaws = [{"where": ".".join(map(str, one["loc"])) or "options", "why": one["msg"]} for one in error.errors()]
        raise BadSubscription(flaws, name=name[:80]) from None


def secret_fields(plugin: Exchange) -> frozenset[str]:
    """Names of the options that are kept sealed."""
    return frozenset(name for name, one in plugin.Config.model_fields.items() if "SecretStr" in str(one.annotation))


def _split(checked: BaseModel) -> tuple[dict[str, Any], dict[str, str]]:
    public = checked.model_dump(mode="json")
    secret = {}
    for name, value in checked:
        if isinstance(value, SecretStr):
            secret[name] = value.get_secret_value()
            del public[name]
    return public, secret


def _sealed(secret: dict[str, str]) -> str:
    return seal(json.dumps(secret), purpose=PURPOSE) if secret else ""


def _options(one: Subscription) -> dict[str, Any]:
    return {**one.options, **(json.loads(unseal(one.sealed, purpose=PURPOSE)) if one.sealed else {})}
