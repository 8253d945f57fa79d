"""Which exhibits a demand asks for. Whatever leaves by a demand, or is held by one, comes out of here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from functools import lru_cache, reduce
from operator import or_
from typing import TYPE_CHECKING

from django.db.models import Q

from himaya.core.words import N_, Said
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.models import Objection
from himaya.evidence.demands.scope import Scope, Span, Thing, as_text, matches, named_by
from himaya.evidence.demands.scoping import read_scope
from himaya.evidence.models import Exhibit
from himaya.evidence.states import DESTROYED
from himaya.ledger.queries import entries

if TYPE_CHECKING:
    from himaya.evidence.demands.models import Demand

BRANCHES = 100
"""Conditions that are joined by *or* at most."""
MOST = 20_000
"""Exhibits of one demand. How many one bundle holds depends on what is told of them (``writing.check_size``)."""


def scopes_of(demand: Demand) -> list[Scope]:
    """What the demand asks for, what a court left of it, and where it was accepted in part, what of it: an exhibit is
    in all of them.

    Raises:
        BadDemand: its scope was never said.
    """
    if not demand.scope:
        raise BadDemand(why=N_("nobody has said yet what exactly it asks for"))
    return list(_scopes(demand, narrowed([demand]).get(demand.pk, ())))


def narrowed(demands: Iterable[Demand]) -> Mapping[int, Sequence[str]]:
    """The number of a demand → what courts left of it, in their order; asked of the database once for all of them."""
    found = defaultdict[int, list[str]](list)
    objections = Objection.objects.filter(demand__in=[one.pk for one in demands]).exclude(scope="").order_by("pk")
    for number, scope in objections.values_list("demand", "scope"):
        found[number].append(scope)
    return found


def _scopes(demand: Demand, left: Sequence[str]) -> Iterator[Scope]:
    return (_read(text) for text in (demand.scope, *left, demand.granted_scope) if text)


_read = lru_cache(maxsize=1000)(read_scope)  # the same ones are asked of everything that arrives


def scope_text(text: str) -> str:
    """A scope as it is kept.

    Raises:
        BadScope: it cannot be read.
        BadDemand: it names a case by the number of another year.
    """
    scope = read_scope(text)
    for one in scope.cases:
        first = entries(about=f"case:{one.number}").order_by("seq").first()
        if first is not None and first.at.astimezone(UTC).year != one.year:
            raise BadDemand(
                why=Said("case {number} is of {year}, and not of {said}", number=one.number,
                         year=str(first.at.astimezone(UTC).year), said=str(one.year))
            )  # fmt: skip
    return as_text(scope)


def found_by(demand: Demand, exhibits: Iterable[Exhibit]) -> list[tuple[Exhibit, str]]:
    """Exhibits with what names each in the demand's own scope, as ``scope.named_by`` tells it."""
    scope = scopes_of(demand)[0]
    return [(one, named_by(scope, one)) for one in exhibits]


def named_exhibits(text: str) -> list[int]:
    """The numbers of exhibits that a text names, written as in a scope; none where it is empty.

    Raises:
        BadScope, BadDemand: it cannot be read, or names more than :data:`MOST`.
    """
    spans = read_scope(text).exhibits if text.strip() else ()
    if sum(one.last.number - one.first.number + 1 for one in spans) > MOST:
        raise BadDemand(why=Said("it names more than {n} exhibits", n=MOST))
    return [number for one in spans for number in range(one.first.number, one.last.number + 1)]


def asking(demands: Sequence[Demand], exhibit: Thing) -> Iterator[Demand]:
    """Those of some demands, whose scopes were said, that ask for an exhibit and were accepted for it."""
    left = narrowed(demands)
    return (one for one in demands if is_within(list(_scopes(one, left.get(one.pk, ()))), exhibit))


def is_within(scopes: Sequence[Scope], exhibit: Thing) -> bool:
    """Whether an exhibit is in all of these scopes: of many exhibits of one demand (:func:`scopes_of`)."""
    return all(matches(scope, exhibit) for scope in scopes)


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
        if is_within(every, one):
            yield one


def _near(scope: Scope) -> Q:
    """What the database can say before each is looked at: never less than the scope."""
    named = Q(case__in=[f"case:{one.number}" for one in scope.cases])
    named |= Q(pk__in=[one.first.number for one in scope.exhibits if one.first == one.last])
    for first, last in _ranges([one for one in scope.exhibits if one.first != one.last]):
        named |= Q(pk__gte=first, pk__lte=last)
    if scope.accounts:
        named |= Q(account__in=scope.accounts) | (Q(account="") & _told(scope.accounts))
    window = Q()
    if scope.since:
        window &= Q(acquired_at__gte=scope.since)
    if scope.until:
        window &= Q(acquired_at__lt=scope.until)
    return named & window


def _ranges(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """Numbers from and to; of many spans one that holds them all, as a database has no room for more conditions."""
    if len(spans) > BRANCHES:
        return [(min(one.first.number for one in spans), max(one.last.number for one in spans))]
    return [(one.first.number, one.last.number) for one in spans]


def _told(accounts: Sequence[str]) -> Q:
    """Where it came from may name an account: only ASCII is compared alike by every database."""
    if len(accounts) > BRANCHES or not all(one.isascii() for one in accounts):
        return ~Q(origin="")
    return reduce(or_, (Q(origin__icontains=one) for one in accounts))
