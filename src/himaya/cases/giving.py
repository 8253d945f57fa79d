"""Who gets which case: the next one in turn."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from himaya.cases import queries, services
from himaya.cases.services import ClaimedByOther
from himaya.cases.states import WrongMove

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.accounts.models import Person
    from himaya.cases.models import Case

AT_ONCE = 20


def claim_next(*, person: Person) -> Case | None:
    """Take the free case that comes first; None where there is none. Two people who ask at once get two cases.

    Raises:
        NotAllowed: the role may not.
    """
    services.check_may("cases.claim", person=person)
    return _first_of(queries.queue(free=True), person)


def _first_of(rows: QuerySet[Case], person: Person) -> Case | None:
    while found := list(rows.values_list("pk", flat=True)[:AT_ONCE]):
        for pk in found:
            with suppress(ClaimedByOther, WrongMove):  # somebody was faster; those are no longer among the free
                return services.claim(pk, person=person)
    return None
