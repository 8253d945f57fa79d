"""What the pages of the desk say: states and their shapes, clocks, what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext, ngettext

from himaya.accounts.words import joined, moment, number
from himaya.core import clock
from himaya.core.countries import PLACES
from himaya.core.words import N_
from himaya.evidence.demands import lists, requesting
from himaya.evidence.demands.clocks import KEEPING, PRESERVE, WHAT, is_late
from himaya.evidence.demands.models import Change, Clock, Demand, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from himaya.accounts.faces import Actors

ACTS = {
    "demand.received": N_("Demand of an authority recorded"),
    "demand.scoped": N_("Scope of a demand written down"),
    "demand.checked": N_("Confirmed of a demand: %(item)s"),
    "demand.unchecked": N_("Not confirmed of a demand after all: %(item)s"),
    "demand.verified": N_("Demand verified"),
    "demand.accepted": N_("Demand accepted; exhibits held: %(held)s"),
    "demand.accepted-in-part": N_("Demand accepted in part; exhibits held: %(held)s"),
    "demand.refused": N_("Demand refused: %(ground)s"),
    "demand.preserved": N_("Authority told that what it asked for is preserved"),
    "demand.renewed": N_("Preserved for another term, until %(until)s"),
    "demand.challenged": N_("Demand challenged"),
    "demand.to-decide-anew": N_("Objection settled (%(outcome)s): the demand is decided on anew"),
    "demand.set-aside": N_("Demand set aside by a court"),
    "demand.gagged": N_("The person concerned may not be told of a demand"),
    "demand.ungagged": N_("The person concerned may be told of a demand"),
    "demand.notice": N_("Notice of a demand to the person concerned: %(notice)s"),
    "demand.answer-prepared": N_("Answer %(answer)s to a demand prepared"),
    "demand.answer-approved": N_("Answer %(answer)s to a demand approved"),
    "demand.answer-dropped": N_("Answer %(answer)s to a demand dropped"),
    "demand.handing-over": N_("Answer %(answer)s to a demand taken out; exhibits in it: %(exhibits)s"),
    "demand.answered": N_("Demand answered with answer %(answer)s"),
    "demand.withdrawn": N_("Demand withdrawn by the authority"),
    "demand.closed": N_("Demand closed"),
    "desk.console": N_("At the console, in the name of %(person)s: %(step)s"),
    "demand.revoked": N_("Acceptance of a demand taken back"),
    "demand.amended": N_("Demand put right: %(fields)s"),
    "demand.held": N_("Held by a demand, to be reviewed on %(review_on)s; exhibits: %(n)s"),
    "demand.let-go": N_("Holds of a demand lifted: %(n)s"),
    "demand.release-asked": N_("Said that a demand released what it preserves: %(ground)s"),
    "demand.released": N_("Confirmed by another lead that a demand released what it preserves: %(ground)s"),
    "request.made": N_("Request to others begun"),
    "request.filled": N_("Request filled in further"),
    "request.sent": N_("Request sent"),
    "request.acknowledged": N_("Receipt of a request noted"),
    "request.reminded": N_("Reminder of a request noted"),
    "request.renewed": N_("Others asked to preserve for another term, until %(until)s"),
    "request.answered": N_("Request answered"),
    "request.refused": N_("Request refused"),
    "request.withdrawn": N_("Request withdrawn"),
    "request.closed": N_("Request closed"),
}
"""Ledger act → the sentence that people read."""
SHAPES = {
    "received": "wait", "verified": "wait", "accepted": "info", "partly accepted": "info", "refused": "calm",
    "challenged": "wait", "answered": "ok", "withdrawn": "calm", "closed": "calm", "a draft": "wait", "sent": "info",
    "acknowledged": "info", "prepared": "wait", "approved": "info", "leaving": "wait", "given": "ok", "dropped": "calm",
}  # fmt: skip
"""State → the shape of its badge."""
STATES = {
    "prepared": N_("waits for another lead"),
    "approved": N_("may leave"),
    "leaving": N_("taken out, and not known to have gone whole"),
    "given": N_("handed over"),
    "dropped": N_("dropped"),
}
"""States of answers in words; those of demands and requests say themselves."""
DONE = {
    "received": N_("Recorded as it came"),
    "scope": N_("Its scope was written down"),
    "checked": N_("Something was confirmed"),
    "unchecked": N_("A confirmation was taken back"),
    "verified": N_("Verified: the sender is who it says, and may demand this"),
    "accepted": N_("Accepted"),
    "accepted in part": N_("Accepted in part"),
    "refused": N_("Refused"),
    "challenged": N_("Challenged"),
    "decided anew": N_("The objection was settled: it is decided on anew"),
    "set aside": N_("The objection was upheld: the demand is set aside"),
    "answered": N_("Answered"),
    "withdrawn": N_("Withdrawn"),
    "closed": N_("Closed"),
    "renewed": N_("Preserved for another term"),
    "revoked": N_("Its acceptance was taken back: it is decided on anew"),
    "put right": N_("Put right"),
    "let go": N_("Holds were lifted"),
    "release asked": N_("One lead says that the authority released it"),
    "released": N_("Another lead confirmed that it is released"),
    "gagged": N_("The person concerned may not be told"),
    "ungagged": N_("The person concerned may be told"),
    "notice": N_("Notice to the person concerned"),
    "answer prepared": N_("An answer was prepared"),
    "answer approved": N_("An answer was approved by another lead"),
    "answer dropped": N_("An answer was dropped"),
    "made": N_("Begun"),
    "filled": N_("Filled in further"),
    "sent": N_("Sent"),
    "acknowledged": N_("They have it"),
    "reminded": N_("They were reminded"),
}
"""What was done → in words."""


def state(one: Any) -> dict[str, str]:
    """State of a demand, a request or an answer: shape and word of a badge."""
    return {"state": SHAPES.get(one.state, "calm"), "word": gettext(STATES.get(one.state, one.state))}


def kind(one: Demand | Request) -> str:
    """What is asked, in words."""
    kinds: Mapping[str, str] = lists.KINDS if isinstance(one, Demand) else requesting.KINDS
    return gettext(kinds[one.kind])


def country(code: str) -> str:
    """A country or union by its name."""
    return gettext(PLACES[code]) if code in PLACES else code


def url(one: Demand | Request) -> str:
    """Its page."""
    return reverse("demands:demand" if isinstance(one, Demand) else "demands:request", args=[one.pk])


def clock_row(one: Clock) -> dict[str, Any]:
    """A clock as a small plot: how much of its time is over, and what that means in words."""
    runs = one.met_at is None and one.ended_at is None
    whole = (one.due - one.began).total_seconds()
    over = ((one.met_at or one.ended_at or clock.now()) - one.began).total_seconds()
    about = one.demand or one.request
    return {
        "one": one,
        "about": about,
        "url": url(about) if about else "",
        "what": gettext(WHAT[one.what]),
        "share": max(0, min(100, round(100 * over / whole))) if whole else 100,
        "runs": runs,
        **_said(one, runs=runs),
    }


def _said(one: Clock, *, runs: bool) -> dict[str, str]:
    if one.ended_at is not None:
        return {"state": "calm", "word": gettext("counts no more")}
    if not runs:
        return (
            {"state": "wait", "word": gettext("done, late")}
            if is_late(one)
            else {"state": "ok", "word": gettext("done in time")}
        )
    left = (one.due - clock.now()).total_seconds()
    if left < 0:
        over = one.what in (PRESERVE, KEEPING)
        word = gettext("over since %(time)s") if over else gettext("late by %(time)s")
        return {"state": "danger", "word": word % {"time": length(-left)}}
    return {"state": "wait" if left < 86400 else "info", "word": gettext("in %(time)s") % {"time": length(left)}}


def length(seconds: float) -> str:
    """A length of time in its largest unit."""
    minutes = max(1, round(seconds / 60))
    if minutes < 120:
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": number(minutes)}
    if minutes < 48 * 60:
        return ngettext("%(n)s hour", "%(n)s hours", minutes // 60) % {"n": number(minutes // 60)}
    days = minutes // (24 * 60)
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": number(days)}


SAYS = {
    "authority": N_("Authority"), "country": N_("Country of the authority"), "person": N_("Who signed it"),
    "address": N_("Where that person is reached"), "channel": N_("How it came"), "instrument": N_("Law or order"),
    "limit": N_("Time limit that counts"), "reference_theirs": N_("Their reference"),
    "received_at": N_("When it came"), "asked": N_("What it asks, in its own words"), "scope": N_("Scope"),
    "answer_by": N_("Answer due, where it says so"), "preserve_until": N_("Preserve until, where it says so"),
    "follows_id": N_("The demand to preserve that it follows"),
    "gag": N_("The person concerned may not be told"), "gag_until": N_("Until when"),
}  # fmt: skip
"""What can be put right → in words."""


CODES: Mapping[str, Mapping[str, str]] = {
    "ground": {**lists.GROUNDS, **lists.RELEASES}, "item": lists.CHECKS, "notice": lists.NOTICES,
    "outcome": lists.OUTCOMES, "channel": lists.CHANNELS, "country": PLACES, "kind": lists.KINDS,
}  # fmt: skip
"""What is stored as a code, by the name of the fact → in words."""


def code_word(name: str, value: Any) -> str:
    """A fact in words where it is stored as a code; all else as it stands."""
    known = CODES.get(name, {})
    if name == "fields":
        return joined(gettext(SAYS.get(each, each)) for each in str(value).split(", "))
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return gettext(known[value]) if isinstance(value, str) and value in known else str(value)


def _before(one: Change) -> str:
    """What had stood there, line by line."""
    lines = [
        f"{gettext(SAYS.get(name, name))}: {code_word(name, value) if value != '' else '–'}"
        for name, value in one.before.items()
    ]
    return "\n".join([one.why, gettext("Before:"), *lines]) if lines else one.why


def done(one: Change) -> str:
    """What was done, with which item of the checklist, which ground, which notice; of holds how many."""
    said, facts = gettext(DONE.get(one.act, one.act)), one.facts
    if one.act == "let go" and (n := facts.get("n")):
        return ngettext("%(n)s hold was lifted", "%(n)s holds were lifted", n) % {"n": number(n)}
    more = [code_word(name, facts[name]) for name in ("item", "notice", "outcome") if facts.get(name)]
    if ground := facts.get("ground"):
        more.append(gettext(lists.WITHHOLDING[ground]) if one.act == "notice" else code_word("ground", ground))
    return gettext("%(what)s: %(which)s") % {"what": said, "which": joined(more)} if more else said


def history(changes: Iterable[Change], who: Actors) -> list[dict[str, Any]]:
    """What was done, the last step first, as ``parts/timeline.html`` takes it."""
    found = [{"at": one.at, "who": who[one.by], "what": done(one), "note": _before(one)} for one in changes]
    return found[::-1]


def until(at: Any) -> str:
    """A time in words, or that there is none."""
    return moment(at) if at else gettext("no end is set")
