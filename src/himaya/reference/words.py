"""How the reference is called on pages and at the command line: places, kinds, lengths of time, how far a row can be
relied upon.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, ngettext

from himaya.accounts.words import joined, number
from himaya.core.countries import PLACES
from himaya.core.languages import LANGUAGES
from himaya.core.periods import Period
from himaya.core.reference import marks
from himaya.core.reference.contacts import KINDS
from himaya.core.reference.marks import BASES, CONFIDENCE
from himaya.core.reference.phrases import PHRASES
from himaya.core.words import N_

if TYPE_CHECKING:
    from himaya.core.reference import Contact, Table, TimeLimit
    from himaya.core.reference.fields import Field
    from himaya.core.reference.marks import Mark
    from himaya.reference.models import Revision
    from himaya.reference.rows import Row

SHAPES = {"high": "ok", "medium": "info", "low": "wait"}
"""How sure → the shape of its badge."""
LENGTHS = {
    "within": N_("within %(time)s"),
    "at-least": N_("at least %(time)s"),
    "at-most": N_("at most %(time)s"),
    "every": N_("once in %(time)s"),
}


def shown(field: Field, value: str) -> str:
    """A value in words: the name of a choice or a sentence of ours in the reader's language, any other as it stands."""
    if field.each is not None:
        return joined(gettext(field.each.get(one, one)) for one in value.split())
    return gettext(field.choices[value]) if field.choices and value in field.choices else phrase(value)


def phrase(text: str) -> str:
    """A sentence that the program ships, in the reader's language; any other text as it stands."""
    return gettext(text) if text in PHRASES else text


def said(row: Row, name: str) -> str:
    """The same of a row's field; empty where the table has no such field."""
    field = row.table.field(name)
    return shown(field, row.values[name]) if field else ""


def label(row: Row) -> str:
    """What a row is about; where that is no more than its kind, in the reader's language."""
    text, kind = said(row, row.table.label), row.table.field(row.table.kind)
    words = kind.choices.get(row.values[kind.name], "") if kind and kind.choices else ""
    return gettext(words) if text == words else text


def choices(table: Table, name: str, *, of: set[str] | None = None) -> list[tuple[str, str]]:
    """What can be chosen for a field, with its words, those of countries by name; ``of``: only these."""
    field = table.field(name)
    known = field.choices if field and field.choices else {}
    found = [(key, gettext(words)) for key, words in known.items() if of is None or key in of]
    return sorted(found, key=lambda one: plain(one[1])) if len(found) > 20 else found


def sure(values: Mapping[str, str]) -> dict[str, str]:
    """How far a row can be relied upon: shape and word of a badge, and what it rests on."""
    return sureness(marks.mark(values, ours=False))


def sureness(mark: Mark) -> dict[str, str]:
    """The same of a row as others use it."""
    return {
        "state": SHAPES.get(mark.confidence, "calm"),
        "word": gettext(CONFIDENCE[mark.confidence]) if mark.confidence in CONFIDENCE else mark.confidence,
        "basis": gettext(BASES[mark.basis]) if mark.basis in BASES else mark.basis,
    }


def length(period: Period) -> str:
    """A length of time: ``90 days``."""
    n = period.amount
    text = {
        "hours": ngettext("%(n)s hour", "%(n)s hours", n),
        "days": ngettext("%(n)s day", "%(n)s days", n),
        "months": ngettext("%(n)s month", "%(n)s months", n),
        "years": ngettext("%(n)s year", "%(n)s years", n),
    }[period.unit]
    return text % {"n": number(n)}


def place(code: str) -> str:
    """The name of a country or union; of none, words that say so."""
    return gettext(PLACES[code]) if code in PLACES else gettext("a country that is not known")


def plain(name: str) -> str:
    """A name as one looks for it, and orders by it: without accents and capitals."""
    return "".join(char for char in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(char))


def called(contact: Contact) -> str:
    """A contact's name; where that is no more than its kind, in the reader's language."""
    kind = KINDS.get(contact.kind, "")
    return gettext(kind) if contact.name == kind else contact.name


def lasting(limit: TimeLimit) -> str:
    """How long, or by when: in a number, else in the words of the law."""
    return gettext(LENGTHS[limit.bound]) % {"time": length(limit.period)} if limit.period else phrase(limit.words)


def gist(row: Row) -> str:
    """What one wants of a row at a glance: how long, or how somebody is reached."""
    values = row.values
    if row.table.name == "limits":
        return lasting(row.typed())
    if row.table.name == "languages":
        return joined(gettext(LANGUAGES[code]) for code in (*row.typed().official, *row.typed().used))
    return next((values[name] for name in ("numbers", "email", "report_url", "website") if values.get(name)), "")


def differences(table: Table, before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, Any]]:
    """Fields that differ: label, how it was and how it is, in words."""
    return [
        {"label": gettext(one.label), "before": shown(one, was), "after": shown(one, now)}
        for one in table.fields
        if (was := before.get(one.name, "")) != (now := after.get(one.name, ""))
    ]


def happened(before: Revision | None, after: Revision) -> str:
    """What a change did, in words."""
    if before is None and after.shipped is None:
        return gettext("Added here")
    if after.aside and not (before and before.aside):
        return gettext("Set aside")
    if before and before.aside and not after.aside:
        return gettext("Taken up again")
    was = (before.values if before else None) or after.shipped or {}
    now = after.values or {}
    changed = {name for name in now if now[name] != was.get(name, "")}
    if now.get("basis") == "confirmed" and changed <= {"basis", "confidence", "checked"}:
        return gettext("Confirmed")
    return gettext("As the program ships it again") if after.values is None else gettext("Changed")
