"""Rows as the pages of the directory show them: a contact, a duty, and how far each can be relied upon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from himaya.accounts.words import joined
from himaya.core import clock
from himaya.core.reference import TimeLimit
from himaya.core.reference.contacts import KINDS, STANDINGS, dialled
from himaya.core.reference.laws import EFFECTS, Law
from himaya.core.reference.limits import CONCERNED, DUTIES, HOTLINE_OF_HOST, OCCASIONS
from himaya.core.reference.limits import STANDINGS as IN_FORCE
from himaya.core.terms.grid import FACETS, LABELS
from himaya.core.words import N_
from himaya.reference.words import called, lasting, phrase, place, sureness

if TYPE_CHECKING:
    from himaya.core.reference import Contact, Mark

NAMED = {
    CONCERNED: N_("an authority of the state concerned"),
    HOTLINE_OF_HOST: N_("the hotline of the country of the host"),
}
"""Whom a duty names without a key → in words."""
WHEN = {"preserve": N_("How long"), "discard": N_("How long"), "penalty": N_("How much")}
"""Kinds of duty of which one does not ask by when → what one asks."""


def contact_entry(one: Contact) -> dict[str, Any]:
    """A contact point: how it is reached, and whether to confirm it first."""
    numbers = [{"text": number, "href": dialled(number)} for number in one.numbers]
    return {
        "table": "contacts",
        "key": one.key,
        "title": called(one),
        "kind": gettext(KINDS.get(one.kind, one.kind)),
        "area": phrase(one.area),
        "numbers": numbers,
        "email": one.email,
        "report_url": one.report_url,
        "website": one.website,
        "page": one.page,
        "hours": phrase(one.hours),
        "note": phrase(one.note),
        "inhope": gettext(STANDINGS[one.inhope]) if one.inhope else "",
        "iccam": one.iccam,
        "first": bool(one.numbers) and one.mark.basis != "confirmed" and one.mark.confidence != "high",
        **mark_of(one.mark, of_page=bool(one.page) and not one.mark.ours),
    }


def limit_entry(one: TimeLimit) -> dict[str, Any]:
    """A duty: whose, what, by when from which event, by which law, and whether that holds today."""
    state = one.standing
    if state == "in-force" and not one.holds_on(clock.now().date()):
        state = "lapsed" if one.valid_to and one.valid_to < clock.now().date() else "not-yet"
    return {
        "table": "limits",
        "key": one.key,
        "title": phrase(one.task),
        "kind": gettext(DUTIES[one.duty]),
        "bearer": phrase(one.bearer),
        "when": lasting(one),
        "when_word": gettext(WHEN.get(one.duty, N_("By when"))),
        "words": phrase(one.words) if one.period else "",
        "trigger": phrase(one.trigger),
        "extension": phrase(one.extension),
        "instrument": one.instrument,
        "place": place(one.jurisdiction),
        "recipient": gettext(NAMED[one.recipient]) if one.recipient in NAMED else "",
        "recipient_key": one.recipient if one.recipient and one.recipient not in NAMED else "",
        "occasion": gettext(OCCASIONS[one.occasion]) if one.occasion else "",
        "holds": state == "in-force",
        "state": gettext(IN_FORCE[state]),
        **mark_of(one.mark),
    }


def law_entry(one: Law) -> dict[str, Any]:
    """What a law says of which ages, acts and origins."""
    lines = []
    for name, words in FACETS.items():
        values = {getattr(cell, name) for cell in one.cells}
        said = gettext("any") if len(values) == len(words) else joined(gettext(words[v]) for v in words if v in values)
        lines.append({"label": gettext(LABELS[name]), "said": said})
    return {
        "table": "laws",
        "key": one.key,
        "title": one.instrument,
        "kind": gettext(EFFECTS[one.effect]),
        "parts": " ".join(one.parts),
        "lines": lines,
        "note": phrase(one.note),
        "holds": one.holds_on(clock.now().date()),
        "state": gettext(IN_FORCE["lapsed" if one.standing == "in-force" else one.standing]),
        **mark_of(one.mark),
    }


def entry_of(one: Contact | TimeLimit | Law) -> dict[str, Any]:
    """An entry of whatever a row is."""
    if isinstance(one, TimeLimit):
        return limit_entry(one)
    return law_entry(one) if isinstance(one, Law) else contact_entry(one)


def mark_of(mark: Mark, *, of_page: bool = False) -> dict[str, Any]:
    """How far a row can be relied upon; ``of_page``: the date is that of the last change of a directory's page."""
    return {
        "sure": sureness(mark),
        "checked": mark.checked,
        "of_page": of_page,
        "source": mark.source,
        "confirmed": mark.basis == "confirmed",
        "ours": mark.ours,
    }
