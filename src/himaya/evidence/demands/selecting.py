"""Which exhibits a demand asks for. Whatever leaves by a demand, or is held by one, comes out of here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from django.db.models import Q

from himaya.core.words import N_, Said
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.scope import Scope, Thing, matches
from himaya.evidence.demands.scoping import read_scope
from himaya.evidence.models import Exhibit
from himaya.evidence.states import DESTROYED

if TYPE_CHECKING:
    from himaya.evidence.demands.models import Demand

MOST = 20_000
"""Exhibits of one demand, as a bundle holds them."""


def scopes_of(demand: Demand) -> list[Scope]:
    """What the demand asks for, and where it was accepted in part, what of it: an exhibit is in all of them.

    Raises:
        BadDemand: its scope was never said.
    """
    if not demand.scope:
        raise BadDemand(why=N_("nobody has said yet what exactly it asks for"))
    return [_read(text) for text in (demand.scope, demand.granted_scope) if text]


@lru_cache(1000)
def _read(text: str) -> Scope:
    """The scope; the same ones are asked of everything that arrives."""
    return read_scope(text)


def is_asked_for(demand: Demand, exhibit: Thing) -> bool:
    """Whether an exhibit is within what the demand asks for, and was accepted for."""
    return all(matches(scope, exhibit) for scope in scopes_of(demand))


def asked_for(demand: Demand, *, most: int = MOST) -> list[Exhibit]:
    """The exhibits that are kept and asked for, by number.

    Raises:
        BadDemand: its scope was never said, or there are more than ``most``.
    """
    found = []
    for one in _looked_at(demand):
        found.append(one)
        if len(found) > most:
            raise BadDemand(why=Said("its scope holds more than {n} exhibits: narrow it", n=most))
    return found


def _looked_at(demand: Demand) -> Iterator[Exhibit]:
    every = scopes_of(demand)
    near = Exhibit.objects.exclude(state=DESTROYED).filter(_near(every[0])).order_by("pk")
    for one in near.select_related("blob", "epoch").iterator(1000):
        if all(matches(scope, one) for scope in every):
            yield one


def _near(scope: Scope) -> Q:
    """What the database can say before each is looked at: never less than the scope."""
    named = Q(case__in=[f"case:{one.number}" for one in scope.cases])
    for span in scope.exhibits:
        named |= Q(pk__gte=span.first.number, pk__lte=span.last.number)
    for account in scope.accounts:  # only ASCII is compared alike by every database
        named |= Q(origin__icontains=account) if account.isascii() else ~Q(origin="")
    window = Q()
    if scope.since:
        window &= Q(acquired_at__gte=scope.since)
    if scope.until:
        window &= Q(acquired_at__lt=scope.until)
    return named & window
