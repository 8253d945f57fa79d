"""Reading about partners: who may read what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q, Sum

from himaya.accounts.queries import keys
from himaya.core import clock, labels, registry
from himaya.federation.models import Grant, Partner, PartnerKey, Publication, Use
from himaya.ledger.queries import entries
from himaya.lists import queries as lists
from himaya.lists.labels import bound

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from django.db.models import QuerySet

    from himaya.accounts.models import ApiKey
    from himaya.lists.models import HashList, Organisation

SIGNALS = tuple(sorted(name for name, signal in registry.signals().items() if not signal.composite))
"""Those of which a value says all."""
FOR_ALL = labels.FREE
"""Traffic Light Protocol: what any partner may read. Everything else is for those who are named."""


def partners() -> QuerySet[Partner]:
    """All of them, by name."""
    return Partner.objects.select_related("organisation").order_by("name")


def partner_of(key: ApiKey) -> Partner | None:
    """The partner whose key it is, if it is one that still reads."""
    found = PartnerKey.objects.select_related("partner", "partner__organisation").filter(prefix=key.prefix).first()
    return found.partner if found and found.partner.ended_at is None else None


def is_partner(organisation: Organisation) -> bool:
    """Whether a partner speaks as that organisation."""
    return Partner.objects.filter(organisation=organisation, ended_at=None).exists()


def readable(partner: Partner) -> QuerySet[HashList]:
    """The lists that a partner may read: switched on, and for everybody or for it by name; of those that a source gave
    to this node alone, only what that permitted.
    """
    given = {pk: label for pk, label in bound().items() if label not in labels.FREE}
    never = [pk for pk, label in given.items() if label == labels.NEVER]
    named = Grant.objects.filter(partner=partner, ended_at=None).exclude(list__in=list(given), permission="")
    found = lists.lists().filter(Q(tlp__in=FOR_ALL) | Q(pk__in=named.values("list")), enabled=True)
    return found.exclude(pk__in=never).order_by("pk")


def grants(partner: Partner) -> QuerySet[Grant]:
    """What it may read by name."""
    return Grant.objects.select_related("list").filter(partner=partner, ended_at=None).order_by("list__name")


def use_today(partner: Partner) -> tuple[int, int]:
    """Requests and items of today."""
    found = Use.objects.filter(partner=partner, day=clock.now().date()).first()
    return (found.requests, found.items) if found else (0, 0)


def reading_keys(partner: Partner) -> list[ApiKey]:
    """Its keys that are not revoked, the newest first."""
    prefixes = PartnerKey.objects.filter(partner=partner).values("prefix")
    return list(keys().filter(prefix__in=prefixes, revoked_at=None))


def last_reading(partner: Partner) -> datetime | None:
    """When it was last told of lists; None: never."""
    found = Use.objects.filter(partner=partner, read_at__isnull=False).order_by("day").last()
    return found.read_at if found else None


def ending(within: timedelta) -> list[tuple[Partner, datetime | None]]:
    """Partners whose last good key ends soon, and when; None: it has none any more."""
    found, now = [], clock.now()
    for partner in partners().filter(ended_at=None):
        last = max((key.expires_at for key in reading_keys(partner)), default=None)
        if last is None or last < now + within:
            found.append((partner, last if last and last > now else None))
    return found


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    told = Use.objects.aggregate(items=Sum("items"), requests=Sum("requests"))
    return {
        "partners": Partner.objects.filter(ended_at=None).count(),
        "partners.requests": told["requests"] or 0,
        "partners.items": told["items"] or 0,
        "published.lists": Publication.objects.values("list").distinct().count(),
        "published.bundles": entries(act="list.bundled").count(),
    }
