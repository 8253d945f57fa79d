"""Who says something about items: organisations, this node's own among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.statements import JURISDICTION, ORGANISATION
from himaya.core.words import N_, Said
from himaya.ledger.services import record
from himaya.lists.models import Organisation

if TYPE_CHECKING:
    from django.db.models import QuerySet


class BadOrganisation(HimayaError):
    """The organisation {name!r} cannot be taken: {why}."""

    status = 422


def slug(text: str) -> str:
    """A name for an organisation that is called ``text``; ``node`` where nothing of it is left."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:60] or "node"


def own() -> Organisation:
    """This node's organisation, as the operator named it."""
    name, place = config().organisation or slug(config().node_name), config().jurisdiction
    found = Organisation.objects.filter(own=True).first()
    if found is None:
        Organisation.objects.bulk_create(
            [Organisation(name=name, title=config().node_name, jurisdiction=place, own=True, created_at=clock.now())],
            ignore_conflicts=True,
        )
        found = Organisation.objects.filter(own=True).first() or Organisation.objects.get(name=name)
    if (found.name, found.jurisdiction, found.own) != (name, place, True):
        found.name, found.jurisdiction, found.own = name, place, True
        found.save(update_fields=["name", "jurisdiction", "own"])
    return found


def organisations() -> QuerySet[Organisation]:
    """All of them, by name."""
    return Organisation.objects.order_by("name")


def named(name: str, *, by: str, title: str = "", jurisdiction: str = "") -> Organisation:
    """The organisation of that name, made where there is none; within the caller's transaction.

    A jurisdiction that is not known yet is filled in; one that is known is never changed by a source.

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
        record("organisation.named", by=by, about=f"organisation:{name}", jurisdiction=jurisdiction)
    elif jurisdiction and not found.jurisdiction:
        found.jurisdiction = jurisdiction
        found.save(update_fields=["jurisdiction"])
        record("organisation.placed", by=by, about=f"organisation:{name}", jurisdiction=jurisdiction)
    return found
