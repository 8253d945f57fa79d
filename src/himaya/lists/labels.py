"""How far a list may be handed on, by what its sources said of what they gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.core import labels
from himaya.core.errors import HimayaError
from himaya.core.words import N_
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


class StricterThanList(HimayaError):
    """What the file says is marked as TLP:{label}, and the list {name} is TLP:{ours}; nothing was imported."""

    remedy = "Give the list a label at least as strict, or import the file into another one."
    status = 409


def bound() -> Mapping[int, str]:
    """List → the strictest label that came with what fills it, of all lists of which some did."""
    found: dict[int, str] = dict(HashList.objects.exclude(given="").values_list("pk", "given"))
    for pk, label in Subscription.objects.exclude(tlp="").values_list("list", "tlp"):
        found[pk] = labels.narrowest((label, found.get(pk, "")))
    return found


def check_file(of: HashList, label: str) -> None:
    """Whether what bears a label may come into a list by hand.

    Raises:
        StricterThanList: it may not.
    """
    if labels.rank(label) > labels.rank(of.tlp):
        raise StricterThanList(name=of.name, label=label.upper(), ours=of.tlp.upper())


def bind(of: HashList, label: str) -> None:
    """Note the label of a file with the list that it fills; in the caller's transaction, which gets the list's lock.

    Raises:
        StricterThanList: the list has become one for more readers meanwhile.
    """
    if label:
        now = HashList.objects.select_for_update(no_key=True).get(pk=of.pk)
        check_file(now, label)
        HashList.objects.filter(pk=of.pk).update(given=labels.narrowest((label, now.given)))


def _strictest(of: HashList) -> tuple[str, str]:
    """The strictest label that came with what fills a list, empty where none did; and with what."""
    by = Subscription.objects.filter(list=of).order_by("name").values_list("tlp", "name")
    file = (HashList.objects.get(pk=of.pk).given, N_("a file that was imported"))
    return max(*by, file, key=lambda one: labels.rank(one[0])) if by else file


def check_label(of: HashList, wanted: str | None) -> None:
    """Whether a list may have a label, by what fills it.

    Raises:
        WiderThanSource: it may not.
    """
    label, source = _strictest(of)
    if wanted and labels.rank(wanted) < labels.rank(label):
        raise WiderThanSource(name=of.name, wanted=wanted.upper(), source=source, label=label.upper())


def check_sharing(of: HashList, *, permission: str) -> None:
    """Whether a list may be shared with a partner by name.

    Raises:
        NotToBeShared: its source gave it to this node alone, and nothing permits more.
    """
    label, source = _strictest(of)
    if label and label not in labels.FREE and (label == labels.NEVER or not permission):
        raise NotToBeShared(name=of.name, source=source, label=label.upper())


def narrow(of: HashList, label: str, *, by: str) -> None:
    """Give a list the label of its source, where that is stricter: what comes under it is handed on no wider. In the
    caller's transaction, which has locked the list.
    """
    now = HashList.objects.get(pk=of.pk)
    if labels.rank(label) > labels.rank(now.tlp):
        HashList.objects.filter(pk=of.pk).update(tlp=label, terms_at=revise().at)
        record("list.narrowed", by=by, about=f"list:{of.name}", tlp=label, was=now.tlp)
