"""Subscriptions: sources of lists elsewhere, read again and again, each in its own time.

A round (:mod:`.rounds`) is read page by page onto disk (:mod:`.spool`) and then applied in one moment, when it is due
(:mod:`.running`). A source that can be asked about hashes is asked by a person (:mod:`.asking`). Here is what is
followed and how.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from django.db import transaction

from himaya.core import clock, registry
from himaya.core.errors import HimayaError
from himaya.core.exchange import Exchange
from himaya.core.statements import BASES, UNSTATED
from himaya.core.words import N_, Said
from himaya.ledger.services import record
from himaya.lists import organisations
from himaya.lists.models import HashList, Subscription
from himaya.lists.seconding import is_seconded, require_second
from himaya.lists.subscribing.asking import MOST as MOST_DAILY
from himaya.lists.subscribing.asking import answers, ask, askable, forget_answers, read_hashes, signal_of
from himaya.lists.subscribing.asking import take as take_answers
from himaya.lists.subscribing.options import (
    BadSubscription,
    BadSubscriptionName,
    NotFromHere,
    amended,
    check,
    check_places,
    checked,
    client,
    configured,
    hasty_client,
    needs_nearness,
    secret_fields,
    secrets_set,
    split,
    try_out,
)
from himaya.lists.subscribing.rounds import actor
from himaya.lists.subscribing.running import BeingRead, claim, run
from himaya.lists.subscribing.wellbeing import Health, brings_list, health, vouched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

    from himaya.lists.models import Organisation

__all__ = [
    "MOST_DAILY",
    "BadSubscription",
    "BadSubscriptionName",
    "BeingRead",
    "BringsNoList",
    "Health",
    "NotFromHere",
    "Paused",
    "UnknownSubscription",
    "actor",
    "answers",
    "ask",
    "askable",
    "brings_list",
    "change",
    "check",
    "claim",
    "client",
    "configured",
    "find",
    "hasty_client",
    "health",
    "read_hashes",
    "run",
    "secret_fields",
    "secrets_set",
    "set_due",
    "signal_of",
    "subscribe",
    "subscriptions",
    "take",
    "take_answers",
    "try_out",
    "vouched",
]

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class UnknownSubscription(HimayaError):
    """There is no subscription named {name!r}; there are: {known}."""

    status = 404


class BringsNoList(HimayaError):
    """The source of the subscription {name!r} brings no list."""

    remedy = "It answers questions: himaya subscriptions look-up {name}"
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


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise BadSubscriptionName(name=name[:80], why=N_("use 1 to 60 small letters, digits or dashes"))
    if Subscription.objects.filter(name=name).exists():
        raise BadSubscriptionName(name=name, why=N_("there is a subscription of that name already"))


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
    members: bool | None = None,
    enabled: bool = True,
    second: str = "",
) -> Subscription:
    """Begin to follow a source; the first round is due at once. One that can be asked may not be, until somebody lets
    it (:func:`change`): whoever asks it tells it what this node holds.

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
        members: whether the source is believed about which member says what; None: where each of them signs it.
        enabled: whether it is read; False where it comes by stick alone.
        second: who approves; a common list needs a second person, and one that asks for several organisations.

    Raises:
        NeedsSecond: the list needs a second person, and none approves.
        UnknownPlugin: there is no such connector.
        BadSubscription: an option is missing or wrong; says which.
        BadSubscriptionName: the name, the interval or the basis is.
        NotFromHere: the options name a place of this machine, and it is not ``private``.
    """
    plugin = registry.exchange(exchange)
    found = checked(plugin, name, options)
    _check_name(name)
    seconds = _interval(plugin, name, plugin.interval if interval is None else interval)
    if needs_nearness(plugin, found) and not private:
        raise NotFromHere(name=name)
    if organisation and organisation.own:
        raise BadSubscriptionName(name=name, why=N_("a source does not speak in this node's own name"))
    check_places(plugin, name, found, private=private)
    wanted = {"name": name, "exchange": exchange, "options": dict(options), "basis": basis, "interval": seconds}
    members = plugin.signed if members is None else members
    wanted |= {"private": private, "members": members, "enabled": enabled, **_speaker(organisation)}
    require_second(to, by=by, second=second, act="subscribe", arguments=wanted, other=True)
    (public, sealed), now = split(found), clock.now()
    made = Subscription.objects.create(
        name=name, list=to, organisation=organisation or organisations.named(name, by=by), exchange=exchange,
        options=public, sealed=sealed, private=private, members=members, basis=_basis(name, basis), interval=seconds,
        enabled=enabled, seconded=is_seconded(by=by, second=second), due_at=now, created_at=now, created_by=by,
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
    asking: bool | None = None,
    daily: int | None = None,
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
        second: who approves of other options or terms, of asking it, and of what one alone set (``members`` are named,
            even as they are), where its list needs a second person; to pause it and how often it is read needs nobody.
        asking: whether its source may be asked about hashes, and so learns them.
        daily: about how many a day (UTC), 1 to :data:`MOST_DAILY`.
        terms: ``basis``, ``members``, ``private``, as :func:`subscribe` has them; None: as before.

    Raises:
        UnknownSubscription, BadSubscription, BadSubscriptionName, NotFromHere: as their names say.
        NeedsSecond: its list needs a second person, and none approves.
    """
    one = Subscription.objects.select_for_update(no_key=True).get(pk=find(name).pk)
    plugin, reading = registry.exchange(one.exchange), health(one).reading
    said, held = (one.basis, one.members, one.seconded), (one.basis, one.members, one.private)
    asked, public = (one.asking, one.daily), one.options
    one.interval = one.interval if interval is None else _interval(plugin, name, interval)
    one.enabled = one.enabled if enabled is None else enabled
    one.basis = _basis(name, terms.get("basis") or one.basis)
    for term in ("members", "private"):
        setattr(one, term, getattr(one, term) if terms.get(term) is None else terms[term])
    other = _set_options(one, plugin, options) if options else []
    _check_place(one, plugin, sets=bool(options or terms.get("private")), near=near)
    opened = _set_asking(one, plugin, asking=asking, daily=daily)
    named = terms.get("members") is not None and not one.seconded
    spoken = bool(other) or named or held != (one.basis, one.members, one.private)
    if spoken or opened:
        wanted = {"name": name, "exchange": one.exchange, "options": dict(options or {}), "near": near, **terms}
        wanted |= {"enabled": one.enabled, "interval": one.interval, "asking": one.asking, "daily": one.daily}
        require_second(one.list, by=by, second=second, act="source", arguments=wanted, other=True)
    one.seconded = is_seconded(by=by, second=second) if spoken else one.seconded
    one.checkpoint = one.checkpoint if (*said, public) == (one.basis, one.members, one.seconded, one.options) else ""
    one.due_at = one.due_at if reading else clock.now()
    one.save()
    if asked != (one.asking, one.daily):
        _record_asking(one, plugin, by=by)
    _record_change(one, other, by=by, second=second)
    return one


def _check_place(one: Subscription, plugin: Exchange, *, sets: bool, near: bool) -> None:
    """What lies near us is set by those who may, and said to lie there."""
    if (one.private and sets and not near) or (not one.private and needs_nearness(plugin, configured(one)[1])):
        raise NotFromHere(name=one.name)
    if sets:
        check_places(plugin, one.name, configured(one)[1], private=one.private)


def _set_options(one: Subscription, plugin: Exchange, options: Mapping[str, Any]) -> list[str]:
    """Change some of its options; the names of those that are others now."""
    found, before, public = amended(one, plugin, one.name, options), configured(one)[1], one.options
    one.options, one.sealed = split(found)
    if one.options != public:
        forget_answers(one)  # another place may answer otherwise
    return [option for option in type(found).model_fields if getattr(found, option) != getattr(before, option)]


def _set_asking(one: Subscription, plugin: Exchange, *, asking: bool | None, daily: int | None) -> bool:
    """Let its source be asked about hashes, or not any more; whether it may only now, or about more."""
    before = one.asking, one.daily
    if asking and not plugin.asks:
        raise BadSubscriptionName(name=one.name, why=N_("its source takes no questions"))
    if daily is not None and not 1 <= daily <= MOST_DAILY:
        raise BadSubscriptionName(name=one.name, why=Said("it is asked about 1 to {n} hashes a day", n=MOST_DAILY))
    one.asking, one.daily = one.asking if asking is None else asking, daily or one.daily
    return one.asking and (one.asking, one.daily) > before


def _record_asking(one: Subscription, plugin: Exchange, *, by: str) -> None:
    act = "subscription.opened" if one.asking else "subscription.closed"
    record(act, by=by, about=actor(one), exchange=one.exchange, signals=list(plugin.asks), daily=one.daily)


def _record_change(one: Subscription, options: list[str], *, by: str, second: str) -> None:
    """``options``: the names of those that are others now, and where it lies by a digest: an address may hold a key."""
    public = hashlib.sha256(json.dumps(one.options, sort_keys=True).encode()).hexdigest()
    facts = {"list": one.list.name, "enabled": one.enabled, "basis": one.basis, "members": one.members}
    facts |= {"options": options, "sha256": public} if options else {}
    record("subscription.changed", by=by, about=actor(one), **facts, **({"second": second} if second else {}))


@transaction.atomic
def set_due(name: str, *, by: str) -> Subscription:
    """Have the worker read it at once, whatever its interval says.

    Raises:
        UnknownSubscription, BringsNoList, Paused, BeingRead: as their names say.
    """
    one = Subscription.objects.select_for_update(no_key=True).get(pk=take(name).pk)
    if not one.enabled:
        raise Paused(name=name)
    one.due_at = clock.now()
    one.save(update_fields=["due_at"])
    record("subscription.due", by=by, about=actor(one), list=one.list.name)
    return one


def take(name: str) -> Subscription:
    """The subscription of that name, which can be read and is not just now.

    Raises:
        UnknownSubscription, BringsNoList, BeingRead: as their names say.
    """
    one = find(name)
    if not brings_list(one):
        raise BringsNoList(name=name)
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


def _interval(plugin: Exchange, name: str, seconds: int) -> int:
    if not plugin.shortest <= seconds <= plugin.longest:
        why = Said("its source is read every {least} to {most} seconds", least=plugin.shortest, most=plugin.longest)
        raise BadSubscriptionName(name=name, why=why)
    return seconds


def _basis(name: str, basis: str) -> str:
    if basis not in BASES:
        raise BadSubscriptionName(name=name, why=Said("a legal basis is one of {known}", known=", ".join(BASES)))
    return basis
