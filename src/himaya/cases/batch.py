"""One verdict for many: the open cases around one, by how near they are, and deciding those that somebody ticked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.cases import queries, services
from himaya.cases.models import Case
from himaya.cases.states import OPEN
from himaya.core import faults, registry
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from himaya.accounts.models import Person

MOST = 200
"""Cases in one batch, the one from which it was begun among them."""
EQUAL, NEAR, FAR, APART = GROUPS = ("equal", "near", "far", "apart")
"""Equal fingerprints; within half the radius of the signal; within the radius; the same item alone in common."""


class BadBatch(HimayaError):
    """These cases cannot be decided together: {why}."""

    status = 422


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An open case that matches an item of another: its group, and how many bits apart the two contents are.

    ``bits`` is None where nothing of both can be compared.
    """

    case: Case
    group: str
    bits: int | None
    radius: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided, and what was left out, for somebody else has claimed or decided it meanwhile."""

    cases: list[Case]
    left_out: list[Case]


def neighbours(of: Case) -> list[Neighbour]:
    """The open cases that match the same items, nearest first, at most :data:`MOST` but one."""
    found = [_compared(of, one) for one in queries.kin(of, state=OPEN).select_related("claimed_by")[: MOST - 1]]
    return sorted(found, key=lambda each: (GROUPS.index(each.group), each.bits or 0, each.case.pk))


def _compared(one: Case, other: Case) -> Neighbour:
    mine, theirs = _values(one.fingerprints), _values(other.fingerprints)
    apart = [
        (registry.signal(name).distance(mine[name], theirs[name]), registry.signal(name).radius)
        for name in mine.keys() & theirs.keys()
    ]
    if not apart:
        return Neighbour(other, APART, None, 0)
    bits, radius = min(apart)
    group = EQUAL if not bits else NEAR if bits * 2 <= radius else FAR if bits <= radius else APART
    return Neighbour(other, group, bits, radius)


def _values(fingerprints: Iterable[list[object]]) -> dict[str, str]:
    """The values that say how near two contents are: of perceptual signals, and only such as are compared whole."""
    known = registry.signals()
    return {
        str(name): str(value)
        for name, value, *_ in fingerprints
        if (signal := known.get(str(name))) and not signal.exact and not signal.composite
    }


@transaction.atomic
def decide_batch(
    case_id: int, *, others: Collection[int], person: Person, scheme: str, code: str, reason: str
) -> Decided:
    """Give one verdict to a case and to others around it: each has a verdict and an entry in the ledger of its own.

    Args:
        case_id: an open case that ``person`` has claimed.
        others: cases among its :func:`neighbours`; those that somebody else holds by now are left out.
        person: the reviewer.
        scheme: as for :func:`himaya.cases.services.decide`, and so the rest.
        code: of that scheme.
        reason: it stands with each of them.

    Raises:
        UnknownCase, NotAllowed, NotYours, WrongMove, BadVerdict: as for one; then nothing is decided.
        BadBatch: too many, none, or one that is no neighbour.
    """
    services.check_may("cases.decide", person=person)
    wanted = set(others) - {case_id}
    if not wanted or len(wanted) >= MOST:
        raise BadBatch(why=Said("tick 1 to {n} of them", n=MOST - 1))
    locked = Case.objects.select_for_update(of=("self",), no_key=True).select_related("claimed_by")
    rows = {row.pk: row for row in locked.filter(pk__in=[case_id, *wanted]).order_by("pk")}
    first = services.lock_held(case_id, person=person, act=N_("decided"))
    around = set(queries.kin(first, state="").filter(pk__in=wanted).values_list("pk", flat=True))
    if strange := sorted(wanted - around):
        raise BadBatch(why=Said("case {number} matches none of the same items", number=strange[0]))
    taken, left = [first], list[Case]()
    for pk in sorted(around):
        mine = rows[pk].state == OPEN and rows[pk].holder() in (None, person)
        (taken if mine else left).append(rows[pk])
    for row in taken:
        services.give_verdict(row, person=person, scheme=scheme, code=code, reason=reason, together=first.pk)
    faults.point("cases.batch_decided")
    return Decided(taken, left)
