"""How signals, classes and states are called, on every page alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from himaya.accounts.words import number
from himaya.core import registry
from himaya.core.words import N_

if TYPE_CHECKING:
    from himaya.lists.models import HashList, Item


def signal_label(name: str) -> str:
    """How a signal is called."""
    known = registry.signals().get(name)
    return gettext(known.label) if known else name


def class_label(scheme: str, code: str) -> str:
    """A class in words; the bare names where the scheme is not installed any more."""
    if not code:
        return gettext("not graded")
    known = registry.schemes().get(scheme)
    found = known.get(code) if known else None
    return f"{gettext(found.label)} ({gettext(known.label)})" if known and found else f"{code} ({scheme})"


STATES = {
    "active": ("ok", N_("active")),
    "disputed": ("wait", N_("disputed")),
    "proposed": ("info", N_("proposed")),
    "expired": ("calm", N_("expired")),
    "withdrawn": ("calm", N_("withdrawn")),
}
"""State of an item → its shape and its word."""
BENIGN = ("calm", N_("known benign"))
"""Shape and word of a negative item."""


def badge(item: Item) -> dict[str, str]:
    """Shape and word of an item's state; of one known to be benign, that it is, as long as that holds."""
    shape, word = BENIGN if item.negative and item.state == "active" else STATES[item.state]
    return {"state": shape, "word": gettext(word)}


def standing_words(item: Item) -> str:
    """What an item waits for, or what ended; empty where its state says all."""
    if item.state == "expired":
        return gettext("What was said of it was said for a time, which is over. It matches no more.")
    if item.state != "proposed":
        return ""
    facts = {"n": number(item.agreement), "m": number(item.list.organisations)}
    said = gettext("Organisations that vouch for it: %(n)s of the %(m)s that this list asks for.") % facts
    if item.list.jurisdictions > 1:
        wanted = gettext("They have to be of so many jurisdictions: %(n)s.")
        said = f"{said} {wanted % {'n': number(item.list.jurisdictions)}}"
    then = gettext("Until then it matches nothing.")
    return f"{said} {then}"


def needs_words(one: HashList) -> str:
    """What an item of the list needs before it matches."""
    if one.organisations <= 1 and one.jurisdictions <= 1:
        return gettext("one organisation that vouches for it")
    facts = {"n": number(one.organisations), "m": number(one.jurisdictions)}
    if one.jurisdictions <= 1:
        return gettext("so many organisations that vouch for it: %(n)s") % facts
    return gettext("so many organisations that vouch for it: %(n)s, of so many jurisdictions: %(m)s") % facts
