"""How far a list may be handed on, by what its sources said of what they gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.core import labels
from himaya.core.errors import HimayaError
from himaya.ledger.services import record
from himaya.lists.arrivals import revise
from himaya.lists.models import HashList, Subscription

if TYPE_CHECKING:
    from collections.abc import Mapping


class WiderThanSource(HimayaError):
    """The list {name} cannot be TLP:{wanted}: its source {source} gave it as TLP:{label}."""

    remedy = "Leave the label at least as strict, or ask the source to give it under wider terms."
    status = 409


class NotToBeShared(HimayaError):
    """The list {name} is not for others: its source {source} gave it as TLP:{label}."""

    remedy = "Ask the source for permission, and name what says so. What is TLP:RED is shared with nobody."
    status = 409


def bound() -> Mapping[int, str]:
    """List → the strictest label that one of its sources gave, of all lists of which one did."""
    found: dict[int, str] = {}
    for pk, label in Subscription.objects.exclude(tlp="").values_list("list", "tlp"):
        found[pk] = labels.narrowest((label, found.get(pk, "")))
    return found


def _strictest(of: HashList) -> Subscription | None:
    rows = Subscription.objects.filter(list=of).exclude(tlp="").order_by("name")
    return max(rows, key=lambda one: labels.rank(one.tlp), default=None)


def check_label(of: HashList, wanted: str | None) -> None:
    """Whether a list may have a label, by what fills it.

    Raises:
        WiderThanSource: it may not.
    """
    one = _strictest(of) if wanted else None
    if one and wanted and labels.rank(wanted) < labels.rank(one.tlp):
        raise WiderThanSource(name=of.name, wanted=wanted.upper(), source=one.name, label=one.tlp.upper())


def check_sharing(of: HashList, *, permission: str) -> None:
    """Whether a list may be shared with a partner by name.

    Raises:
        NotToBeShared: its source gave it to this node alone, and nothing permits more.
    """
    one = _strictest(of)
    if one and one.tlp not in labels.FREE and (one.tlp == labels.NEVER or not permission):
        raise NotToBeShared(name=of.name, source=one.name, label=one.tlp.upper())


def narrow(of: HashList, label: str, *, by: str) -> None:
    """Give a list the label of its source, where that is stricter: what comes under it is handed on no wider. In the
    caller's transaction, which has locked the list.
    """
    now = HashList.objects.get(pk=of.pk)
    if labels.rank(label) > labels.rank(now.tlp):
        HashList.objects.filter(pk=of.pk).update(tlp=label, terms_at=revise().at)
        record("list.narrowed", by=by, about=f"list:{of.name}", tlp=label, was=now.tlp)
