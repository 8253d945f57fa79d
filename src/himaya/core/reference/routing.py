"""Who should be told: from countries and from who one is to recipients in order, each with the row that says so.

A function of rows alone: it reads nothing, decides nothing, and sends nothing. What it suggests stands in a row that is
in use and holds on the day asked for; what it does not know it says, and what it left out too, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from himaya.core.countries import MEMBERS
from himaya.core.reference.contacts import TAKES_REPORTS, Contact
from himaya.core.reference.limits import CONCERNED, HOTLINE_OF_HOST, TimeLimit
from himaya.core.words import N_

BEARERS = {
    "hotline": N_("a hotline"),
    "provider": N_("a provider of services, of whatever kind"),
    "hosting": N_("a hosting provider"),
    "platform": N_("an online platform"),
    "messaging": N_("a messaging service"),
    "authority": N_("police or another authority"),
}
"""Who one is → in words."""
_SERVICES = frozenset({"provider", "hosting", "platform", "messaging"})
BOUND = {
    "hotline": frozenset({"hotline"}),
    "provider": _SERVICES,
    "service": _SERVICES,
    "service / host": _SERVICES,
    "hosting provider": frozenset({"hosting", "platform"}),
    "online platform": frozenset({"platform"}),
    "number-independent messaging provider": frozenset({"messaging"}),
    "regulated user-to-user provider": frozenset({"platform", "messaging"}),
}
"""Whom the column ``bearer`` names → who of :data:`BEARERS` that is for certain. A platform is a host as well."""
KNOWING = frozenset({"", "actual knowledge", "awareness", "detection", "identification of suspected abuse"})
"""Events of the column ``trigger`` that are the moment in which it became known; others have a time of their own."""
REPORTER = "reporter"
"""A ``bearer`` too: whoever reports to that recipient; such a row asks nobody to, and sets a clock to those who do."""
LEGALITIES = {
    "illegal": N_("illegal"),
    "harmful": N_("harmful, not illegal"),
}
"""What the material is → in words."""
FORCES = ("duty", "agreement", "open")
"""Why somebody is told: a law asks for it, an agreement does, or they take such reports and nothing known asks."""
WHYS = {
    "setting": N_("It holds elsewhere than where this organisation acts: {place}."),
    "not-yet": N_("It is not in force yet."),
    "lapsed": N_("It no longer holds."),
    "not-verified": N_("Whether it is in force was not verified: somebody should look."),
    "bearer": N_("It binds others: {bearer}."),
    "maybe-bearer": N_("It binds {bearer}: say so if this is one."),
    "bearer-unknown": N_("Whom it binds is not known to the program: {bearer}."),
    "danger": N_("It holds where life or safety of a person is threatened: say so if it is."),
    "harmful": N_("It is not illegal: nothing known here asks to tell anybody."),
    "legality": N_("It is about what is illegal."),
    "host-unknown": N_("The country of the host is not known."),
    "host-ours": N_("The host is in the own country."),
    "ourselves": N_("It is of the own kind and country."),
    "recipient": N_("Whom it names is not in use here: {key}."),
    "nobody": N_("No authority that takes reports is known here: {place}."),
    "no-hotline": N_("No hotline in ICCAM is known here: {place}."),
    "nothing": N_("Nobody who takes reports is known here: {place}."),
    "no-duty": N_("No duty of {bearer} to report is known here: {place}."),
    "nowhere": N_("No country is known: say where it is hosted, or where the user is."),
}
"""Why a row was left out, or what is not known → in words."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is asked.

    Attributes:
        ours: where this organisation acts, ISO 3166-1 alpha-2; empty: not known.
        bearer: who it is, a name of :data:`BEARERS`.
        host: where the material is hosted; empty: not known.
        user: where the person is who put it there; empty: not known.
        legality: a name of :data:`LEGALITIES`.
        danger: life or safety of a person is threatened.
        on: the day on which rows are to hold.
        since: when it became known, aware; None: not told, and no clock has an end.
    """

    ours: str
    bearer: str
    on: date
    host: str = ""
    user: str = ""
    legality: str = "illegal"
    danger: bool = False
    since: datetime | None = None

    def acts_in(self, jurisdiction: str) -> bool:
        """Whether rules of that jurisdiction hold for who asks; those of a service's terms do for everybody."""
        return jurisdiction in ("INT", self.ours) or self.ours in MEMBERS.get(jurisdiction, ())


@dataclass(frozen=True, slots=True)
class Clock:
    """By when. ``due`` is None where the law names no number, where it counts from something else than knowing, or
    where nobody said when it became known.
    """

    limit: TimeLimit
    due: datetime | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody who should be told.

    Attributes:
        contact: who.
        force: a name of :data:`FORCES`.
        place: for which country: that of the host, of the user, or the own one.
        limit: the row that says so; None for ``open``: then it is the contact's own row, which says it takes reports.
        clocks: by when, the law's first.
    """

    contact: Contact
    force: str
    place: str
    limit: TimeLimit | None = None
    clocks: tuple[Clock, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence of :data:`WHYS` with its facts: a row that was left out, or (without rows) what is not known."""

    why: str
    place: str = ""
    limit: TimeLimit | None = None
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The answer: whom to tell, in order; what is not known; which rows were left out, and why."""

    situation: Situation
    suggestions: tuple[Suggestion, ...]
    unknown: tuple[Told, ...]
    left: tuple[Told, ...]


@dataclass(slots=True)
class _Draft:
    """A route in the making."""

    asked: Situation
    contacts: dict[str, Contact]
    found: dict[str, Suggestion] = field(default_factory=dict)
    unknown: list[Told] = field(default_factory=list)
    left: list[Told] = field(default_factory=list)

    def suggest(self, contact: Contact, force: str, place: str, limit: TimeLimit | None = None) -> None:
        """The strongest reason names a contact; another that a row gives adds its clock."""
        clocks = (_clock(limit, self.asked),) if limit else ()
        if earlier := self.found.get(contact.key):
            one = Suggestion(contact, earlier.force, earlier.place, earlier.limit, earlier.clocks + clocks)
        else:
            one = Suggestion(contact, force, place, limit, clocks)
        self.found[contact.key] = one

    def those(self, place: str, *kinds: str) -> list[Contact]:
        """Contacts of a country, of these kinds."""
        return [one for one in self.contacts.values() if one.country == place and one.kind in kinds]


def route(asked: Situation, *, limits: Iterable[TimeLimit], contacts: Iterable[Contact]) -> Route:
    """Who should be told, and why.

    Args:
        asked: the situation.
        limits: rows in use; those that do not hold on the day are left out, and named.
        contacts: rows in use.

    Returns:
        The same for the same rows, in whatever order they come. Where nobody is suggested, ``unknown`` or ``left`` says
        why.
    """
    draft = _Draft(asked, {one.key: one for one in sorted(contacts, key=lambda one: one.key)})
    rows = sorted((one for one in limits if one.recipient), key=lambda one: (one.jurisdiction == "INT", one.key))
    binding = [one for one in rows if one.bearer != REPORTER and _binds(one, draft)]
    for limit in binding:
        _resolve(limit, draft)
    if asked.legality == "harmful":
        draft.unknown.append(Told("harmful"))
    else:
        _open(draft)
        _say_what_is_missing(binding, draft)
    for limit in rows:
        if limit.bearer == REPORTER and limit.recipient in draft.found and _holds(limit, asked) == "":
            draft.suggest(draft.contacts[limit.recipient], "", "", limit)
    order = sorted(draft.found.values(), key=lambda one: _rank(one, asked))
    return Route(asked, tuple(order), tuple(draft.unknown), tuple(draft.left))


def _binds(limit: TimeLimit, draft: _Draft) -> bool:
    """Whether a row is to be followed; where it is not, and it is near enough to ask, it is left with the reason."""
    asked = draft.asked
    if not asked.acts_in(limit.jurisdiction):
        if limit.jurisdiction in (asked.host, asked.user):
            draft.left.append(Told("setting", limit.jurisdiction, limit))
        return False
    if why := _who(limit, asked) or _holds(limit, asked) or _occasion(limit, asked):
        draft.left.append(Told(why, "", limit))
        return False
    return True


def _who(limit: TimeLimit, asked: Situation) -> str:
    bound = BOUND.get(limit.bearer)
    if bound is None:
        return "bearer-unknown"
    if asked.bearer in bound:
        return ""
    return "maybe-bearer" if asked.bearer == "provider" and bound <= _SERVICES else "bearer"


def _holds(limit: TimeLimit, asked: Situation) -> str:
    if limit.standing != "in-force":
        return limit.standing
    if limit.valid_from and asked.on < limit.valid_from:
        return "not-yet"
    return "" if limit.holds_on(asked.on) else "lapsed"


def _occasion(limit: TimeLimit, asked: Situation) -> str:
    if asked.legality == "harmful":
        return "legality"
    return "danger" if limit.occasion == "danger" and not asked.danger else ""


def _resolve(limit: TimeLimit, draft: _Draft) -> None:
    """Whom a row has told."""
    force = "agreement" if limit.jurisdiction == "INT" else "duty"
    if limit.recipient == HOTLINE_OF_HOST:
        _hand_over(limit, force, draft)
    elif limit.recipient == CONCERNED:
        for place in _concerned(limit, draft.asked):
            found = draft.those(place, "police", "authority")
            for contact in found:
                draft.suggest(contact, force, place, limit)
            if not found:
                draft.unknown.append(Told("nobody", place, limit))
    elif named := draft.contacts.get(limit.recipient):
        draft.suggest(named, force, named.country, limit)
    else:
        draft.unknown.append(Told("recipient", "", limit))


def _hand_over(limit: TimeLimit, force: str, draft: _Draft) -> None:
    host = draft.asked.host
    if host in ("", draft.asked.ours):
        draft.left.append(Told("host-ours" if host else "host-unknown", "", limit))
        return
    found = [one for one in draft.those(host, "hotline") if one.iccam]
    for contact in found:
        draft.suggest(contact, force, host, limit)
    if not found:
        draft.unknown.append(Told("no-hotline", host, limit))


def _concerned(limit: TimeLimit, asked: Situation) -> list[str]:
    """The states concerned: those of user and host within the union; where neither is, the own one."""
    inside = MEMBERS.get(limit.jurisdiction, frozenset({limit.jurisdiction}))
    found = [one for one in (asked.user, asked.host) if one in inside]
    return list(dict.fromkeys(found)) or [asked.ours]


def _places(asked: Situation) -> list[str]:
    """Countries in which somebody may want to know; the own one where life is threatened, or no other is known."""
    found = [one for one in (asked.host, asked.user) if one]
    if asked.ours and (asked.danger or not found):
        found.append(asked.ours)
    return list(dict.fromkeys(found))


def _open(draft: _Draft) -> None:
    """Those who take reports, though nothing known asks to tell them."""
    asked = draft.asked
    for place in _places(asked):
        emergency = ("emergency",) if asked.danger and place == asked.ours else ()
        for contact in draft.those(place, *TAKES_REPORTS, *emergency):
            if contact.kind == asked.bearer and place == asked.ours:
                draft.left.append(Told("ourselves", place, None, contact))
            elif contact.key not in draft.found:
                draft.suggest(contact, "open", place)
        if not draft.those(place, *TAKES_REPORTS):
            draft.unknown.append(Told("nothing", place))
            for contact in (*draft.those(place, "interpol-ncb"), *draft.those(asked.ours, "interpol-ncb")):
                draft.suggest(contact, "open", place)


def _say_what_is_missing(binding: list[TimeLimit], draft: _Draft) -> None:
    asked = draft.asked
    if asked.ours and asked.bearer in _SERVICES and not any(one.jurisdiction != "INT" for one in binding):
        draft.unknown.append(Told("no-duty", asked.ours))
    if not _places(asked) and not draft.found:
        draft.unknown.append(Told("nowhere"))


def _clock(limit: TimeLimit, asked: Situation) -> Clock:
    counts = limit.bound == "within" and limit.trigger in KNOWING and limit.bearer != REPORTER
    return Clock(limit, limit.end(asked.since) if counts and asked.since else None)


def _rank(one: Suggestion, asked: Situation) -> tuple[int, int, int, str]:
    """Laws first, then what was agreed; where life is threatened, police before all that no law asks for."""
    kinds = ("emergency", "police", "authority", "hotline") if asked.danger else ("hotline", "authority", "police")
    kind = kinds.index(one.contact.kind) if one.contact.kind in kinds else len(kinds)
    at_once = asked.danger and one.force == "open" and one.contact.kind in ("emergency", "police")
    force = 1 if at_once else 2 * FORCES.index(one.force)
    places = _places(asked)
    return force, kind, places.index(one.place) if one.place in places else len(places), one.contact.key


def sources(one: Suggestion) -> Iterator[tuple[str, str]]:
    """The rows that a suggestion rests on, as table and key."""
    if one.limit:
        yield "limits", one.limit.key
    yield "contacts", one.contact.key
