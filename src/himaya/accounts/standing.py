"""A lead whom an administrator has just made counts as a second person once another lead knows them.

What two people have to stand behind, nobody is to do alone who can make people. Somebody whom an administrator makes a
lead, or whose second factor an administrator takes away, cannot grant, approve or read at once before another lead has
confirmed them, or a week is over in which every lead is told. Whoever sits at the machine itself (``himaya users``)
holds its keys anyway: what they do does not wait.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.accounts.models import Person
from himaya.accounts.roles import LEAD
from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.ledger.services import record

if TYPE_CHECKING:
    from django.db.models import QuerySet

WAITS = timedelta(days=7)


class NotWaiting(HimayaError):
    """{username!r} is no lead who waits for being confirmed."""

    status = 409


class MayNotConfirm(HimayaError):
    """Another lead confirms this one: somebody who is a lead already, and is not waiting."""

    status = 403


def has_to_wait(person: Person, *, by: str) -> dict[str, bool]:
    """Have a lead wait, whom an administrator has just changed; to be saved. Gives what the ledger is told of it."""
    if person.role != LEAD or not by.startswith("person:"):
        return {}
    person.waits_until = clock.now() + WAITS
    return {"waits": True}


def waiting() -> QuerySet[Person]:
    """Leads who are to be confirmed, by user name."""
    return Person.objects.filter(role=LEAD, is_active=True, waits_until__gt=clock.now()).order_by("username")


@transaction.atomic
def confirm_lead(username: str, *, person: Person) -> None:
    """Say, as a lead, that this is a lead.

    Raises:
        MayNotConfirm: the person is no lead who counts, or is the same one.
        NotWaiting: nobody of that name waits.
    """
    if not person.may("leads.confirm") or person.username == username:
        raise MayNotConfirm
    found = waiting().select_for_update(no_key=True).filter(username=username).first()
    if found is None:
        raise NotWaiting(username=username)
    found.waits_until = None
    found.save(update_fields=["waits_until"])
    record("person.confirmed", by=person.actor, about=found.actor)
