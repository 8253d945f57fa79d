"""From a dismissed case to the list that was mistaken: what it took for known is known to be benign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rules
from django.db import transaction

from himaya.cases import queries
from himaya.cases.services import ACTS, NotAllowed, UnknownCase
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.ledger.services import record
from himaya.lists.services import add_benign, find_list

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.cases.models import Case
    from himaya.lists.models import Item

STRONGEST = "sha256"
"""The digest that nobody makes two contents share; a weaker one only counts where the list itself went by it."""


class NotBenign(HimayaError):
    """The content of this case cannot be put down as known benign: {why}."""

    status = 409


@transaction.atomic
def excuse(case_id: int, *, person: Person, list_name: str, reason: str) -> list[Item]:
    """Tell a list that the content of a dismissed case is benign, by the fingerprints that the list goes by.

    Args:
        case_id: a case that was decided, and not confirmed.
        person: a lead.
        list_name: a list that the case matched.
        reason: why, 1 to 500 characters.

    Raises:
        UnknownCase, NotAllowed, UnknownList, BadList: as their names say.
        NotBenign: the case is open, confirmed or harmful, or did not match that list.
    """
    if not rules.has_perm("lists.excuse", person):
        raise NotAllowed(act=ACTS["lists.excuse"])
    case = queries.case(case_id)
    if case is None:
        raise UnknownCase(case=case_id)
    if not _dismissed(case):
        raise NotBenign(why=N_("no verdict that holds says that it is not what the list takes it for"))
    matched = {one.signal for one in queries.matches(case) if one.list_name == list_name}
    if not matched:
        raise NotBenign(why=Said("it did not match the list {name}", name=list_name))
    values = [(signal, value) for signal, value, _ in case.fingerprints if signal in {*matched, STRONGEST}]
    items = add_benign(find_list(list_name), values=values, by=person.actor, reason=reason)
    record("case.excused", by=person.actor, about=case.about, list=list_name, items=len(items))
    return items


def excusable(case: Case) -> list[str]:
    """The lists that may be told that the content of this case is benign; none while no verdict says so."""
    if not _dismissed(case):
        return []
    return list(dict.fromkeys(one.list_name for one in queries.matches(case)))


def _dismissed(case: Case) -> bool:
    """Whether a verdict that holds says that it does no harm."""
    return case.verdict is not None and not case.verdict.confirms and not case.verdict.harmful
