"""The closed lists of the desk: kinds of demands, what is looked at before one is accepted, grounds, promises."""

from __future__ import annotations

from collections.abc import Mapping

from himaya.core.periods import Period
from himaya.core.words import N_

PRESERVATION, PRODUCTION, EMERGENCY, ASSISTANCE = "preservation", "production", "emergency", "assistance"
KINDS: Mapping[str, str] = {
    PRESERVATION: N_("Preserve"),
    PRODUCTION: N_("Hand over"),
    EMERGENCY: N_("Emergency: hand over at once"),
    ASSISTANCE: N_("Mutual legal assistance"),
}
"""Kinds of demands → in words."""
DISCLOSING = (PRODUCTION, EMERGENCY, ASSISTANCE)
"""Kinds that can be answered with contents. A demand to preserve never is: another one has to follow it."""

CHANNELS: Mapping[str, str] = {
    "portal": N_("a portal for authorities"),
    "letter": N_("a letter"),
    "email": N_("an e-mail"),
    "fax": N_("a fax"),
    "telephone": N_("by telephone"),
    "hand": N_("by hand"),
    "network-24-7": N_("a 24/7 network"),
    "interpol": N_("INTERPOL I-24/7"),
    "siena": N_("Europol SIENA"),
    "central-authority": N_("the central authorities"),
    "diplomatic": N_("the diplomatic channel"),
}
"""By which way something came or went."""

CHECKS: Mapping[str, str] = {
    "channel": N_("It came by an official channel of that authority"),
    "call-back": N_("Somebody called back at a number from a directory, not from the letter"),
    "letterhead": N_("Signature and letterhead are those of that authority"),
    "order": N_("The order of the court or authority is attached, and is whole"),
    "competent": N_("That authority may demand this, and of us"),
    "law": N_("The law that it names allows what it demands"),
    "reference": N_("The authority confirmed its reference"),
    "danger": N_("It says to whose life or body there is danger, and why it cannot wait"),
    "central": N_("It came through the central authorities"),
}
"""What a person looks at before a demand is accepted → in words."""
REQUIRED: Mapping[str, tuple[str, ...]] = {
    PRESERVATION: ("channel", "competent", "law", "reference"),
    PRODUCTION: ("channel", "call-back", "letterhead", "order", "competent", "law", "reference"),
    EMERGENCY: ("channel", "call-back", "danger"),
    ASSISTANCE: ("channel", "letterhead", "central", "competent", "law", "reference"),
}
"""Without which a demand of the kind is not verified."""
AFTERWARDS: Mapping[str, tuple[str, ...]] = {EMERGENCY: ("letterhead", "competent", "law", "reference")}
"""What is looked at when a demand that could not wait was accepted, before it is closed."""
FOLLOW_UP = Period(3, "days")
"""By when."""

GROUNDS: Mapping[str, str] = {
    "not-verified": N_("The sender could not be verified"),
    "not-competent": N_("The authority is not competent, or not for us"),
    "no-basis": N_("The law that it names does not allow this"),
    "no-order": N_("The order that is needed is missing"),
    "too-broad": N_("It is broader than the law allows, or than can be told"),
    "not-clear": N_("It does not say clearly enough what is demanded"),
    "not-held": N_("Nothing of it is held here"),
    "privilege": N_("The law protects this from being handed over"),
    "rights": N_("It would break the rights of a person"),
    "conflict": N_("Another law forbids it"),
    "no-danger": N_("There is no danger that cannot wait"),
    "other-way": N_("It has to come another way: through legal assistance"),
}
"""Why a demand is refused, or a part of it."""

OUTCOMES: Mapping[str, str] = {
    "dismissed": N_("The objection was dismissed"),
    "narrowed": N_("The demand was narrowed"),
    "quashed": N_("The demand was set aside"),
}
"""How an objection ended."""

UNDECIDED, PLANNED, GIVEN, WITHHELD = "undecided", "planned", "given", "withheld"
NOTICES: Mapping[str, str] = {
    UNDECIDED: N_("not decided"),
    PLANNED: N_("planned"),
    GIVEN: N_("given"),
    WITHHELD: N_("withheld"),
}
"""Whether the person concerned is told."""
WITHHOLDING: Mapping[str, str] = {
    "gag": N_("The law or the order forbids it"),
    "danger": N_("It would put a person in danger"),
    "investigation": N_("It would warn whoever is under investigation"),
    "unreachable": N_("The person cannot be reached"),
    "nobody": N_("Nobody outside of this node is concerned"),
}
"""Why that person is not told."""

NAMED: Mapping[str, str] = {
    "exhibit": N_("named by its number"),
    "case": N_("of a case that is named"),
    "account": N_("of an account that is named"),
    "words": N_("an account stands in where it came from: look at it"),
}
"""Why an exhibit is asked for → in words."""

PREPARED, APPROVED, LEAVING, GIVEN_OUT, DROPPED = "prepared", "approved", "leaving", "given", "dropped"
"""States of an answer. One that is leaving was taken out, and is not known to have gone whole."""
OPEN_ANSWERS = (PREPARED, APPROVED, LEAVING)
RELEASES: Mapping[str, str] = {
    "not-needed": N_("The authority says that it is not needed any more"),
    "took-back": N_("The authority took it back"),
    "set-aside": N_("A court set it aside"),
    "not-theirs": N_("It turned out not to be from that authority"),
}
"""Why something is let go that is to be preserved for longer."""
MOST_OBJECTIONS = 3
"""Objections to one demand: the first, an appeal, and the last."""

PROMISES: Mapping[str, Period] = {
    EMERGENCY: Period(1, "hours"),
    PRESERVATION: Period(1, "days"),
    PRODUCTION: Period(10, "days"),
    ASSISTANCE: Period(30, "days"),
}
"""By when this node decides where neither the law nor the demand sets a time: its own promise, not law."""
REMIND = Period(14, "days")
"""How long an authority has been silent when it is reminded."""
