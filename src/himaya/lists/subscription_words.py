"""How a subscription is, in words: for its pages."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.utils.text import Truncator
from django.utils.timesince import timesince
from django.utils.translation import gettext

from himaya.accounts.words import joined, number
from himaya.core import clock, registry
from himaya.core.words import N_, told, unpacked
from himaya.lists import subscribing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.lists.models import Subscription
    from himaya.lists.subscribing import Health

LONG = 200
"""Characters of a value that are shown."""
STATES = {
    "fine": ("ok", N_("read as planned")),
    "new": ("info", N_("not read yet")),
    "paused": ("calm", N_("paused")),
    "late": ("wait", N_("late")),
    "failing": ("danger", N_("cannot be read")),
    "closed": ("calm", N_("may not be asked")),
    "open": ("info", N_("not asked yet")),
    "answering": ("ok", N_("answers questions")),
}
"""State of a subscription → its shape and its word."""
HAPPENED = {
    "list.canary": N_("ALARM: %(items)s items of a list match pictures that were drawn to be benign"),
    "list.answered": N_("Answers of a source taken: %(added)s added, %(changed)s changed, %(retracted)s taken back"),
    "list.followed": N_("Source read: %(added)s added, %(changed)s changed, %(retracted)s taken back"),
    "list.narrowed": N_("List may be handed on no wider than its source said: TLP:%(tlp)s"),
    "organisation.named": N_("Organisation named"),
    "organisation.placed": N_("Jurisdiction of an organisation noted: %(jurisdiction)s"),
    "subscription.asked": N_("Source asked about hashes (%(signal)s): %(hashes)s"),
    "subscription.changed": N_("Subscription changed, list %(list)s"),
    "subscription.closed": N_("Source may not be asked about hashes any more"),
    "subscription.due": N_("Source to be read at once, list %(list)s"),
    "subscription.failed": N_("Source could not be read, list %(list)s"),
    "subscription.opened": N_("Source may be asked about hashes from now on, and learns them: at most %(daily)s a day"),
}
"""What happened with it, as everywhere in the ledger."""
COUNTS = {
    "asked": N_("hashes that it was asked about"),
    "answered": N_("hashes whose answer was there already"),
    "known": N_("of both, those that it knows"),
    "pages": N_("answers read"),
    "entries": N_("things that the source told of"),
    "added": N_("items added"),
    "changed": N_("items changed"),
    "unchanged": N_("items as they were"),
    "retracted": N_("vouches taken back"),
    "kept_withdrawn": N_("items that are withdrawn here and stay so"),
    "refused": N_("refused"),
    "caught": N_("items that match a picture drawn to be benign"),
}
"""What a round is counted by."""


def happened(act: str, facts: Mapping[str, Any]) -> str:
    """What an act of the ledger was; a fact that it does not have is three dots."""
    return gettext(HAPPENED[act]) % defaultdict(lambda: "…", facts) if act in HAPPENED else act


def badge(how: Health) -> dict[str, str]:
    """Shape and word of how it is."""
    shape, word = STATES[how.state]
    if how.reading:
        return {"state": "info", "word": gettext("being read")}
    return {"state": shape, "word": gettext(word)}


def since(how: Health) -> str:
    """How old what we have is."""
    return str(timesince(clock.now() - how.lag, clock.now(), depth=1)) if how.lag is not None else ""


def brought(one: Subscription) -> str:
    """What the last round brought, in one line; empty where there was none."""
    if not one.told:
        return ""
    if "asked" in one.told:
        facts = {"known": number(one.told["known"]), "n": number(one.told["asked"] + one.told["answered"])}
        return gettext("%(known)s known of %(n)s that it was asked about") % facts
    added, changed, back = (number(one.told.get(name, 0)) for name in ("added", "changed", "retracted"))
    facts = {"added": added, "changed": changed, "back": back}
    return gettext("%(added)s added, %(changed)s changed, %(back)s taken back") % facts


def trouble(one: Subscription) -> dict[str, str] | None:
    """What failed and the remedy, in the language of whoever reads it; None where nothing did."""
    if not one.trouble:
        return None
    said = one.trouble.get("said", one.trouble)
    return {name: str(told(unpacked(said[name]), gettext)) for name in ("what", "remedy")}


def counts(one: Subscription) -> list[dict[str, Any]]:
    """What the last round brought, one row a count; those of nothing are left out but for the first."""
    rows = ((name, words, one.told.get(name, 0)) for name, words in COUNTS.items())
    always = ("asked", "known") if "asked" in one.told else ("entries", "added")
    shown = [{"words": gettext(words), "n": n} for name, words, n in rows if n or name in always]
    return shown if one.told else []


def unread(one: Subscription) -> str:
    """Kinds of fingerprints that nothing here reads, with their numbers."""
    kinds: Mapping[str, int] = one.told.get("unread", {})
    return joined(f"{kind} ({number(n)})" for kind, n in kinds.items())


def asks(one: Subscription) -> str:
    """What its source can be asked about; empty where it takes no questions."""
    known = registry.exchanges().get(one.exchange)
    signals = registry.signals()
    return joined(gettext(signals[name].label) if name in signals else name for name in known.asks) if known else ""


def source_label(exchange: str) -> str:
    """How a connector is called; its bare name where it is not installed any more."""
    known = registry.exchanges().get(exchange)
    return gettext(known.label) if known else exchange


def option_rows(one: Subscription) -> list[dict[str, Any]]:
    """What is set for its source, secrets as no more than that."""
    known = registry.exchanges().get(one.exchange)
    fields = known.Config.model_fields if known else {}
    shown = {name: value for name, value in one.options.items() if value not in ("", None, [])}
    rows = [{"label": _title(fields, name), "value": _value(value), "secret": False} for name, value in shown.items()]
    return rows + [
        {"label": _title(fields, name), "value": "", "secret": True} for name in subscribing.secrets_set(one)
    ]


def _title(fields: Mapping[str, Any], name: str) -> str:
    return gettext(fields[name].title) if name in fields and fields[name].title else name


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int):
        return number(value)
    return Truncator(joined(map(str, value)) if isinstance(value, list) else str(value)).chars(LONG)
