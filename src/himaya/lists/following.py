"""Begin to follow a source, with the list and the organisation that this needs: all of it or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from himaya.lists import organisations, services, subscribing

if TYPE_CHECKING:
    from himaya.lists.models import Subscription


@transaction.atomic
def follow(
    name: str, *, list_name: str, by: str, new_list: bool = False, organisation: str = "", jurisdiction: str = "",
    near: bool = True, **terms: Any,
) -> Subscription:  # fmt: skip
    """Make a subscription.

    Args:
        name: of the subscription.
        list_name: the list that it fills.
        by: the actor.
        new_list: whether that list is made now.
        organisation: who speaks where the source names nobody; one named like the subscription where empty.
        jurisdiction: of that organisation.
        near: whether the actor may follow what lies in a private network or on this machine.
        terms: as :func:`himaya.lists.subscribing.subscribe` takes them.

    Raises:
        UnknownList, BadList, BadOrganisation, NotFromHere: as their names say.
        UnknownPlugin, BadSubscription, BadSubscriptionName: as :func:`himaya.lists.subscribing.subscribe`.
    """
    if terms.get("private") and not near:
        raise subscribing.NotFromHere(name=name[:80])
    made = services.create_list(list_name, by=by) if new_list else services.find_list(list_name)
    speaker = organisations.named(organisation or name, by=by, jurisdiction=jurisdiction) if _named(name) else None
    return subscribing.subscribe(name, to=made, by=by, organisation=speaker, **terms)


def _named(name: str) -> bool:
    """Whether the subscription has a name that an organisation may have, too; else it is refused for that."""
    return bool(subscribing.NAME.fullmatch(name))
