"""Who says something about items: organisations, this node's own among them.

What an organisation is called and where it acts may change: from a change of the lists on (``models.Guise``). What it
said before stays said under the former name, since the log committed to that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.statements import JURISDICTION, ORGANISATION
from himaya.core.words import N_, Said
from himaya.ledger.services import SYSTEM, record
from himaya.lists.arrivals.revisions import revise
from himaya.lists.models import Guise, Organisation, Subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet


class BadOrganisation(HimayaError):
    """The organisation {name!r} cannot be taken: {why}."""

    status = 422


def slug(text: str) -> str:
    """A name for an organisation that is called ``text``; ``node`` where nothing of it is left."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:60] or "node"


def organisations() -> QuerySet[Organisation]:
    """All of them, by name."""
    return Organisation.objects.order_by("name")


def own() -> Organisation:
    """This node's organisation, as the operator named it.

    Raises:
        BadOrganisation: it is named like another one that has spoken here.
    """
    name, place = config().organisation or slug(config().node_name), config().jurisdiction
    found = Organisation.objects.filter(own=True).first() or _make_own(name, place)
    if (found.name, found.jurisdiction) != (name, place):
        found = _change(found, name, place, by=SYSTEM)
    return found


@transaction.atomic
def _make_own(name: str, jurisdiction: str) -> Organisation:
    there = Organisation.objects.filter(name=name).first()
    if there is None:
        Organisation.objects.bulk_create(
            [
                Organisation(
                    name=name, title=config().node_name, jurisdiction=jurisdiction, own=True, created_at=clock.now()
                )
            ],
            ignore_conflicts=True,
        )
        there = Organisation.objects.filter(own=True).first() or Organisation.objects.get(name=name)
        Guise.objects.bulk_create(
            [Guise(organisation=there, name=there.name, jurisdiction=there.jurisdiction)], ignore_conflicts=True
        )
    if not there.own:
        _bar(there)
        there.own = True
        there.save(update_fields=["own"])
        record("organisation.own", by=SYSTEM, about=f"organisation:{name}")
    return there


@transaction.atomic
def _change(one: Organisation, name: str, jurisdiction: str, *, by: str) -> Organisation:
    """Give an organisation another name or jurisdiction from now on; its words are weighed anew by a worker."""
    if Organisation.objects.filter(name=name).exclude(pk=one.pk).exists():
        raise BadOrganisation(name=name, why=N_("another organisation has that name here"))
    number = revise().number or 0  # and holds the ledger's head: one change after the other
    found = Organisation.objects.get(pk=one.pk)
    was, there = found.name, found.jurisdiction
    if (was, there) == (name, jurisdiction):
        return found
    found.name, found.jurisdiction = name, jurisdiction
    found.placed = number if there != jurisdiction else found.placed
    found.save(update_fields=["name", "jurisdiction", "placed"])
    Guise.objects.create(organisation=found, name=name, jurisdiction=jurisdiction, since=number)
    if was != name:
        record("organisation.renamed", by=by, about=f"organisation:{name}", was=was)
    if there != jurisdiction:
        record("organisation.placed", by=by, about=f"organisation:{name}", jurisdiction=jurisdiction, was=there)
    return found


def named(name: str, *, by: str, title: str = "", jurisdiction: str = "", speaks: bool = False) -> Organisation:
    """The organisation of that name, made where there is none; within the caller's transaction.

    A jurisdiction that is not known yet is filled in; one that is known is never changed by a source. ``speaks``: a
    source speaks for it, as for one of its members.

    Raises:
        BadOrganisation: the name or the jurisdiction is malformed.
    """
    if not ORGANISATION.fullmatch(name):
        raise BadOrganisation(name=name[:80], why=N_("a name has 1 to 60 small letters, digits, dots or dashes"))
    if not JURISDICTION.fullmatch(jurisdiction):
        raise BadOrganisation(name=name, why=Said("{code} is no country code", code=repr(jurisdiction[:20])))
    found, fresh = Organisation.objects.get_or_create(
        name=name, defaults={"title": title[:120] or name, "jurisdiction": jurisdiction, "created_at": clock.now()}
    )
    if fresh:
        Guise.objects.create(organisation=found, name=name, jurisdiction=jurisdiction)
        record("organisation.named", by=by, about=f"organisation:{name}", jurisdiction=jurisdiction)
    elif jurisdiction and not found.jurisdiction and not found.own:
        found = _change(found, name, jurisdiction, by=by)
    if speaks and not found.speaks:
        found.speaks = True
        found.save(update_fields=["speaks"])
    return found


# --- in whose name ---------------------------------------------------------------------------------------------------

_speaking: list[Callable[[Organisation], bool]] = []


def speaks_where(check: Callable[[Organisation], bool]) -> None:
    """Let a room above this one say which organisations speak here by themselves."""
    if check not in _speaking:
        _speaking.append(check)


def lent(name: str, *, by: str, jurisdiction: str = "") -> Organisation:
    """The organisation in whose name somebody brings a file; as :func:`named`.

    Raises:
        BadOrganisation: it is this node's own, or speaks here by itself: as a partner, or through a source.
    """
    check_lent(name)
    return named(name, by=by, jurisdiction=jurisdiction)


def check_lent(name: str) -> None:
    """See that somebody may bring a file in the name of that organisation; the errors are those of :func:`lent`."""
    if name == own().name:
        raise BadOrganisation(name=name, why=N_("it is this node's own"))
    if found := Organisation.objects.filter(name=name).first():
        _bar(found)


def _bar(one: Organisation) -> None:
    speaks = one.speaks or Subscription.objects.filter(organisation=one).exists()
    if speaks or any(check(one) for check in _speaking):
        raise BadOrganisation(
            name=one.name, why=N_("it speaks here by itself, as a partner or through a source; nobody else does so")
        )
