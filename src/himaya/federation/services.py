"""Partners and what they may read: made, granted, ended; every reading counted."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import F

from himaya.accounts.queries import keys
from himaya.accounts.services import add_key, revoke_key
from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.federation.models import Grant, Partner, PartnerKey, Use
from himaya.ledger import turns
from himaya.ledger.queries import entries
from himaya.ledger.services import record
from himaya.lists import organisations, voting
from himaya.lists.labels import check_sharing
from himaya.lists.seconding import require_second
from himaya.lists.services import find_list

if TYPE_CHECKING:
    from himaya.accounts.services import NewKey
    from himaya.lists.models import HashList

SCOPE = "exchange"
"""The scope of partners' keys; it opens nothing but what partners read."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
HOUR = 3600.0
ITEMS_A_DAY, REQUESTS_A_DAY = 5_000_000, 20_000
"""A partner's quotas where the operator sets no others: a list of a million five times, a request in four seconds."""
MOST = 2_000_000_000


class BadPartner(HimayaError):
    """The partner {name!r} cannot be made so: {why}."""

    status = 422


class UnknownPartner(HimayaError):
    """There is no partner named {name!r}; there are: {known}."""

    status = 404


class PartnerEnded(HimayaError):
    """The partner {name} reads no more since {when}."""

    remedy = "Admit it anew, under another name."
    status = 409


class UnknownPartnerKey(HimayaError):
    """The partner {name} has no valid key that begins with {prefix!r}."""

    status = 404


class MayNotVote(HimayaError):
    """What the partner {name} thinks of items is not taken here."""

    remedy = "Ask the operator of this node to let it vote."
    status = 403


class BadPermission(HimayaError):
    """What permits to share the list {name} is no text of at most 200 characters."""

    status = 422


class QuotaSpent(HimayaError):
    """The partner {name} has read as much today as it may: {spent} of {quota} {what}."""

    remedy = "Come again after midnight UTC, or ask the operator of this node for more."
    status = 429


def find_partner(name: str) -> Partner:
    """The partner of that name.

    Raises:
        UnknownPartner: there is none.
    """
    found = Partner.objects.select_related("organisation").filter(name=name).first()
    if found is None:
        known = ", ".join(Partner.objects.order_by("name").values_list("name", flat=True)[:20])
        raise UnknownPartner(name=name[:80], known=known or "none yet")
    return found


def _reading_partner(name: str) -> Partner:
    """The partner of that name, which must not have ended.

    Raises:
        UnknownPartner, PartnerEnded: as their names say.
    """
    found = find_partner(name)
    if found.ended_at is not None:
        raise PartnerEnded(name=name, when=f"{found.ended_at:%Y-%m-%d %H:%M} UTC")
    return found


@transaction.atomic
def add_partner(
    name: str,
    *,
    by: str,
    title: str = "",
    organisation: str = "",
    jurisdiction: str = "",
    votes: bool = False,
    items_a_day: int = ITEMS_A_DAY,
    requests_a_day: int = REQUESTS_A_DAY,
    days: int = 365,
) -> tuple[Partner, NewKey]:
    """Admit another body, and make its first key, which is shown once.

    Args:
        name: small letters, digits, dashes; also the user name that it comes with.
        by: the actor.
        title: for people.
        organisation: as which it speaks about items; named like the partner where empty.
        jurisdiction: under whose law it acts.
        votes: whether what it thinks of items is taken.
        items_a_day: items that it may be told in a day.
        requests_a_day: requests that are answered in a day.
        days: how long the key is good.

    Raises:
        BadPartner: the name is malformed or taken, a quota outside its limits, or its organisation this node's own or
            that of another partner.
        BadOrganisation, BadKey: as their names say.
    """
    if not NAME.fullmatch(name) or len(title) > 120 or "\0" in title:
        raise BadPartner(name=name[:80], why=N_("a name has 1 to 60 small letters, digits or dashes, a title 120"))
    if not (1 <= items_a_day <= MOST and 1 <= requests_a_day <= MOST):
        raise BadPartner(name=name, why=N_("a quota is 1 to 2,000,000,000"))
    if (organisation or name) == organisations.own().name:
        raise BadPartner(name=name, why=N_("it would speak as this node's own organisation"))
    speaks = organisations.named(organisation or name, by=by, title=title, jurisdiction=jurisdiction)
    if other := Partner.objects.filter(organisation=speaks, ended_at=None).exclude(name=name).first():
        raise BadPartner(
            name=name, why=Said("the partner {other} speaks as that organisation already", other=other.name)
        )
    try:
        with transaction.atomic():
            made = Partner.objects.create(
                name=name, title=title or name, organisation=speaks, votes=votes, items_a_day=items_a_day,
                requests_a_day=requests_a_day, created_at=clock.now(), created_by=by,
            )  # fmt: skip
    except IntegrityError:
        raise BadPartner(name=name, why=N_("there is a partner of that name already")) from None
    record("partner.admitted", by=by, about=f"partner:{name}", organisation=speaks.name, votes=votes)
    return made, add_partner_key(name, by=by, days=days)


@transaction.atomic
def add_partner_key(name: str, *, by: str, days: int = 365) -> NewKey:
    """Another key for a partner; those that it has stay good, so that it can change over.

    Raises:
        UnknownPartner, PartnerEnded, BadKey: as their names say.
    """
    partner = _reading_partner(name)
    made = add_key(f"partner {name}", scopes=[SCOPE], by=by, days=days)
    PartnerKey.objects.create(partner=partner, prefix=made.key.prefix)
    return made


@transaction.atomic
def end_partner(name: str, *, by: str) -> None:
    """Let a partner read nothing any more: its keys are revoked, its grants end. Once: it has ended when it did."""
    partner = find_partner(name)
    if partner.ended_at is not None:
        return
    for prefix in _valid_prefixes(partner):
        revoke_key(prefix, by=by)
    Grant.objects.filter(partner=partner, ended_at=None).update(ended_at=clock.now(), ended_by=by)
    Partner.objects.filter(pk=partner.pk).update(ended_at=clock.now())
    record("partner.ended", by=by, about=f"partner:{name}")


def _valid_prefixes(partner: Partner) -> list[str]:
    """The prefixes of its keys that are good now."""
    mine = PartnerKey.objects.filter(partner=partner).values_list("prefix", flat=True)
    return list(keys().filter(prefix__in=list(mine), revoked_at=None).values_list("prefix", flat=True))


@transaction.atomic
def share_list(name: str, *, partner: str, by: str, permission: str = "", second: str = "") -> Grant:
    """Let a partner read a list.

    Args:
        name: of the list.
        partner: its name.
        by: the actor.
        permission: by what the list's source permits it, where its label does not; at most 200 characters.
        second: who approves; a common list needs a second person.

    Raises:
        UnknownPartner, UnknownList: there is none.
        PartnerEnded: as its name says.
        NotToBeShared: a source of the list gave it to this node alone, and nothing is named that permits more.
        BadPermission: what is named is no text of at most 200 characters.
        NeedsSecond: the list is a common one, and no second person approves.
    """
    reader, found = _reading_partner(partner), find_list(name)
    if len(permission) > 200 or not permission.isprintable():
        raise BadPermission(name=name)
    check_sharing(found, permission=permission)
    held = Grant.objects.filter(partner=reader, list=found, ended_at=None).first()
    if held is None or permission not in ("", held.permission):
        require_second(
            found, by=by, second=second, act="share", arguments={"partner": partner, "permission": permission}
        )
    made, fresh = Grant.objects.get_or_create(
        partner=reader, list=found, ended_at=None, defaults={"at": clock.now(), "by": by}
    )
    more = permission not in ("", made.permission)
    if more:
        made.permission = permission
        made.save(update_fields=["permission"])
    if fresh or more:
        facts = {"partner": partner, **({"permitted": True} if made.permission else {})}
        facts |= {"second": second} if second else {}
        record("list.shared", by=by, about=f"list:{name}", **facts)
    return made


@transaction.atomic
def end_sharing(name: str, *, partner: str, by: str) -> None:
    """Let a partner read a list no more. What it has of it, it is asked to drop by the terms; it gets no more news."""
    rows = Grant.objects.filter(partner=find_partner(partner), list=find_list(name), ended_at=None)
    if rows.update(ended_at=clock.now(), ended_by=by):
        record("list.unshared", by=by, about=f"list:{name}", partner=partner)


def count_use(partner: Partner, *, items: int = 0, requests: int = 1) -> None:
    """Count what a partner is about to be told, before it is; one statement.

    Args:
        partner: who asks.
        items: how many items it is told of.
        requests: how many requests that is; 0 where one that was counted is about to read.

    Raises:
        QuotaSpent: it is more than it may read in a day. Nothing was told, and nothing of it is counted.
    """
    day = clock.now().date()
    Use.objects.bulk_create([Use(partner=partner, day=day)], ignore_conflicts=True)
    room = Use.objects.filter(
        partner=partner,
        day=day,
        items__lte=partner.items_a_day - items,
        requests__lte=partner.requests_a_day - requests,
    )
    reads = {} if requests else {"read_at": clock.now()}
    if not room.update(items=F("items") + items, requests=F("requests") + requests, **reads):
        spent = Use.objects.get(partner=partner, day=day)
        if spent.requests + requests > partner.requests_a_day:
            raise QuotaSpent(name=partner.name, spent=spent.requests, quota=partner.requests_a_day, what=N_("requests"))
        raise QuotaSpent(name=partner.name, spent=spent.items, quota=partner.items_a_day, what=N_("items"))


def note_reading(partner: Partner, *, lists: list[HashList], protocol: str, items: int) -> None:
    """Put on record that a partner began to read lists: once an hour for each and by each protocol, not once a page.
    How much it read is on record once the day is over (:func:`record_days`).
    """
    hour = clock.now() - timedelta(hours=1)
    actor = f"partner:{partner.name}"
    for one in lists:
        about = f"list:{one.name}"
        before = entries(act="list.read", about=about, actor=actor).filter(at__gte=hour)
        if all(entry.data.get("protocol") != protocol for entry in before):
            with transaction.atomic():
                record("list.read", by=actor, about=about, protocol=protocol, items=items)


def record_days() -> bool:
    """Put on record how much each partner read on each day that is over, looked at every hour; whether any was."""
    if not turns.is_due("federation.days", every=HOUR):
        return False
    over = list(Use.objects.filter(recorded=False, day__lt=clock.now().date()).values_list("pk", flat=True))
    for pk in over:
        with transaction.atomic():
            one = Use.objects.select_for_update(of=("self",), no_key=True).select_related("partner").get(pk=pk)
            if not one.recorded:
                one.recorded = True
                one.save(update_fields=["recorded"])
                told = {"day": one.day.isoformat(), "requests": one.requests, "items": one.items}
                record("partner.used", by="system", about=f"partner:{one.partner.name}", **told)
    turns.note("federation.days")
    return bool(over)


def note_quota(partner: Partner) -> None:
    """Put on record that a partner has read as much as it may: once a day, not once a question."""
    actor, today = f"partner:{partner.name}", datetime.combine(clock.now().date(), time(tzinfo=UTC))
    if not entries(act="partner.sated", about=actor).filter(at__gte=today).exists():
        with transaction.atomic():
            record("partner.sated", by=actor, about=actor)


@transaction.atomic
def end_partner_key(name: str, *, prefix: str, by: str) -> None:
    """Revoke one key of a partner; the others stay good.

    Raises:
        UnknownPartner: there is none of that name.
        UnknownPartnerKey: it has no such key that is good.
    """
    partner = find_partner(name)
    if prefix not in _valid_prefixes(partner):
        raise UnknownPartnerKey(name=name, prefix=prefix[:20])
    revoke_key(prefix, by=by)


def take_vote(partner: Partner, *, item: int, opinion: str, reason: str) -> None:
    """Take what a partner thinks of an item: ``confirm``, ``dispute``, which needs a reason, or ``abstain``.

    Raises:
        MayNotVote: it was not admitted to that.
    """
    if not partner.votes:
        raise MayNotVote(name=partner.name)
    voting.vote(item, opinion=opinion, reason=reason, by=f"partner:{partner.name}", organisation=partner.organisation)
