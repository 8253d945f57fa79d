"""A route in words: who is told and why, by when, what is not known, what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from himaya.accounts.words import moment
from himaya.core.reference.routing import BEARERS, BOUND, REPORTER, WHYS, Clock, Route, Suggestion, Told
from himaya.core.words import N_
from himaya.reference.words import lasting, phrase, place

if TYPE_CHECKING:
    from himaya.core.reference import TimeLimit

FORCES = {
    "duty": N_("a duty by law"),
    "agreement": N_("as agreed"),
    "open": N_("no duty is known"),
}
"""Why somebody is told → in words."""
SHAPES = {"duty": "info", "agreement": "ok", "open": "calm"}
"""Why → the shape of its badge."""
COULD_SAY = {
    "nobody": N_("That police would say, through INTERPOL's bureau, or a lawyer of that country."),
    "no-hotline": N_("INHOPE would say."),
    "nothing": N_("INHOPE would say who its member there is, and INTERPOL's bureau who the police are."),
    "no-duty": N_("A lawyer of that country would say."),
    "recipient": N_("Whoever set it aside would say."),
}
"""What is not known → who could say it."""


def reason(one: Suggestion) -> str:
    """Why somebody is told, in a sentence."""
    if one.limit is None:
        where = place(one.place)
        if one.contact.kind == "emergency":
            return gettext("Life may be in danger. Reached from within the country: {place}.").format(place=where)
        if one.contact.kind == "interpol-ncb":
            return gettext("Nobody is known there; police are reached through INTERPOL: {place}.").format(place=where)
        return gettext("It takes reports: {place}.").format(place=where)
    return gettext("{instrument}: {task}").format(instrument=one.limit.instrument, task=phrase(one.limit.task))


def by_when(clock: Clock) -> str:
    """By when, and from which event it counts."""
    limit = clock.limit
    if clock.due is not None:
        return gettext("{length} of {event}: by {moment}").format(
            length=lasting(limit), event=phrase(limit.trigger) or gettext("the event"), moment=moment(clock.due)
        )
    length = lasting(limit) or gettext("no time is named")
    if limit.period and limit.words:
        length = gettext("{length}, {words}").format(length=length, words=phrase(limit.words))
    return (
        gettext("{length}, from: {event}").format(length=length, event=phrase(limit.trigger))
        if limit.trigger
        else length
    )


def why(one: Told, asked: Route) -> str:
    """Why a row was left out, or what is not known."""
    bearer = gettext(BEARERS[asked.situation.bearer])
    if one.why in ("bearer", "maybe-bearer", "bearer-unknown") and one.limit:
        bearer = _bound(one.limit)
    key = one.limit.recipient if one.limit else ""
    return gettext(WHYS[one.why]).format(place=place(one.place), bearer=bearer, key=key)


def _bound(limit: TimeLimit) -> str:
    """Whom a row binds: in words where the program knows them, else as the row says it."""
    if limit.bearer == REPORTER or limit.bearer not in BOUND:
        return phrase(limit.bearer)
    known = BOUND[limit.bearer]
    name = next((one for one in BEARERS if one in known), "")
    return gettext(BEARERS["provider"] if len(known) == 4 else BEARERS[name])


def could_say(one: Told) -> str:
    """Who could say what is not known; empty where nobody needs to."""
    return gettext(COULD_SAY[one.why]) if one.why in COULD_SAY else ""
