"""How evidence is called on pages and at the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from himaya.accounts.words import apart, joined, moment, number
from himaya.core import clock
from himaya.core.bundles.report import ACTS, DIGESTS
from himaya.core.intake.offered import FLAGS, KINDS
from himaya.core.periods import BadPeriod
from himaya.core.words import N_, told
from himaya.evidence.handing import RETURN
from himaya.evidence.naming import case_names
from himaya.evidence.rules import EVENTS, OCCASIONS, period
from himaya.evidence.states import ASKED, DESTROYED, ENDED, GRANTED, REFUSED
from himaya.reference.words import length

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from himaya.accounts.faces import Actors
    from himaya.evidence.models import Access, Exhibit

STATES = {
    "kept": ("ok", N_("kept")),
    "ending": ("wait", N_("about to end")),
    "destroyed": ("calm", N_("destroyed")),
    "lost": ("danger", N_("lost: its key is gone, and nothing opens it")),
}
"""State of an exhibit → shape and word."""
FILES = {
    "whole": ("ok", N_("whole")),
    "rotten": ("danger", N_("rotten")),
    "going": ("calm", N_("being removed")),
    "locked": ("wait", N_("removed once its lock in the store ends")),
    "gone": ("calm", N_("removed")),
}
"""State of a sealed file → shape and word."""
ACCESS = {
    ASKED: ("wait", N_("waits for a decision")),
    GRANTED: ("ok", N_("granted")),
    REFUSED: ("calm", N_("refused")),
    ENDED: ("calm", N_("ended")),
    "over": ("calm", N_("its time is over")),
    "used": ("calm", N_("used")),
}
"""State of a request for access → shape and word; a grant whose time or readings are over is ``over`` or ``used``."""
CLASSES = {"standard": N_("standard"), "guarded": N_("guarded: it opens with the parts of two custodians")}
HOW = {
    "screened": N_("met when it was screened"),
    "uploaded": N_("brought by a program or a person"),
    "received": N_("received from another body"),
    "collected": N_("collected by us"),
}
HANDS = {
    "offered": ("wait", N_("given; the other side has not signed yet")),
    "signed": ("ok", N_("given, and signed by both")),
    "came-back": ("calm", N_("given, and came back")),
    "returned": ("ok", N_("given back, and signed by both")),
    "unsigned": ("calm", N_("given back to somebody without a key, who signs nothing")),
    "taken": ("ok", N_("taken, and signed by both")),
    "given-back": ("calm", N_("taken, and given back")),
    "back": ("ok", N_("came back, and signed by both")),
    "copy": ("calm", N_("taken; its custody begins here")),
}
"""What became of what changed hands → shape and word."""
RULES = {
    "holds": ("ok", N_("holds")),
    "not yet": ("wait", N_("does not hold yet")),
    "over": ("calm", N_("held until a day that has passed")),
    "ended": ("calm", N_("ended")),
}
"""Whether something new is kept by a rule → shape and word."""
AFTER = {"delete": N_("it ends"), "review": N_("a person looks at it first")}


def word(table: dict[str, tuple[str, str]], name: str) -> dict[str, str]:
    """Shape and word of a badge."""
    state, said = table.get(name, ("calm", name))
    return {"state": state, "word": gettext(said)}


def state_of(one: Exhibit, lost: Container[tuple[int, int]] = ()) -> dict[str, str]:
    """The badge of an exhibit; ``lost``: epochs and generations whose keys are lost for good."""
    gone = one.state != DESTROYED and (one.epoch_id, one.generation) in lost
    return word(STATES, "lost" if gone else one.state)


def access_state(one: Access) -> dict[str, str]:
    """The badge of a request for access, as it is now."""
    name = one.state
    if name == GRANTED and one.until is not None and one.until <= clock.now():
        name = "over"
    elif name == GRANTED and not one.reads_left:
        name = "used"
    return word(ACCESS, name)


def access_title(one: Access) -> str:
    """What a request for access is called: who did, or does, what."""
    if one.urgent:
        said = gettext("%(who)s read at once")
    elif one.purpose == RETURN:
        said = (
            gettext("%(who)s asks to give something back")
            if one.state == ASKED
            else gettext("%(who)s asked to give something back")
        )
    else:
        said = gettext("%(who)s asks to read") if one.state == ASKED else gettext("%(who)s asked to read")
    return said % {"who": apart(one.asked_by)}


def purpose(one: Access) -> str:
    """What a request for access is for; a place that a person named is theirs."""
    if one.urgent:
        return gettext("urgent")
    return gettext("to give it back") if one.purpose == RETURN else one.purpose


def occasion(name: str) -> str:
    """For what something is kept."""
    return gettext(OCCASIONS[name]) if name in OCCASIONS else name


def occasions(names: Iterable[str]) -> list[str]:
    """The same of several."""
    return [occasion(name) for name in names]


def event(name: str) -> str:
    """From when time runs."""
    return gettext(EVENTS[name]) if name in EVENTS else name


def act(name: str) -> str:
    """What a step of custody did."""
    return gettext(ACTS[name]) if name in ACTS else name


def time_of(text: str) -> str:
    """A period of a rule, ``90 days``, in the language; empty where there is none."""
    if not text:
        return ""
    try:
        return length(period(text))
    except BadPeriod:
        return text


def clock_word(told: Mapping[str, Any]) -> str:
    """How well the time was known, as :func:`himaya.core.clocks.quality` told it."""
    if told.get("source") == "synchronised" and "error_ms" in told:
        return gettext("kept right, at most %(ms)s ms off") % {"ms": number(told["error_ms"])}
    return gettext(CLOCKS[told["source"]]) if told.get("source") in CLOCKS else ""


CLOCKS = {
    "unsynchronised": N_("nothing kept it right"),
    "system": N_("that of the machine; nobody says how good it is"),
}
"""What is known of a clock, where it is not how far off it was."""


def fact(name: str) -> str:
    """How a fact of a step is called."""
    return gettext(FACTS[name]) if name in FACTS else DIGESTS.get(name, name)


def digests(one: Exhibit) -> list[tuple[str, str]]:
    """The digests of an exhibit, as people write their names."""
    return [(DIGESTS.get(name, name), value) for name, value in sorted(one.digests.items())]


def case_words(cases: Iterable[str]) -> dict[str, str]:
    """``case:12`` → as people call it, ``H-2026-000012``."""
    return {case: str(told(name, gettext)) for case, name in case_names(cases).items()}


def case_word(case: str) -> str:
    """The same of one."""
    return case_words([case])[case]


FACTS: dict[str, Any] = {
    "access": N_("access"), "bundle": N_("bundle"), "came_back": N_("came back by the step"), "clock": N_("clock"),
    "console": N_("at the console"), "demand": N_("commitment to the demand"), "epoch": N_("epoch"),
    "from": N_("from whom"), "how": N_("how"), "lost": N_("lost"), "met": N_("met"), "origin": N_("from where"),
    "reading": N_("commitment to the reason"), "reason": N_("reason"), "recipient": N_("encrypted to"),
    "rules": N_("rules"), "sealed_sha256": N_("SHA-256, sealed"), "size": N_("bytes"), "to": N_("to whom"),
    "tool": N_("tool"), "until": N_("until"),
}  # fmt: skip
"""A fact of a step → how it is called."""


def fact_value(name: str, value: Any, who: Actors | None) -> str:
    """What a fact of a step says: codes in words, times as times, people by their names; all else as it stands.

    ``who``: how our people are called; None of a step of another node, whose numbers are those of others.
    """
    if isinstance(value, list):
        return joined(map(str, value))
    text = str(value)
    if name == "how":
        return gettext(HOW[text]) if text in HOW else text
    if name == "clock":
        said: dict[str, Any] = dict(part.split(" ", 1) for part in text.split(", ") if " " in part)
        if str(said.get("error_ms", "")).isdecimal():
            said["error_ms"] = int(said["error_ms"])
        return clock_word(said) or text
    if name in ("met", "until"):
        at = _time(text)
        return moment(at, to="seconds") if at else text
    return who[text] if who is not None and name == "to" else text


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None


MADE = {"content that matched a list": N_("content that matched a list")}
"""Labels that the program gives, as they are stored → in words."""
RECEIVED = re.compile(r"exhibit of (.+)")
NUMBERED = re.compile(r"file ([0-9]{1,18}) of (\S{1,60})")


def made(label: str) -> str:
    """A label in the language where the program gave it; what people wrote stays as they wrote it."""
    if one := NUMBERED.fullmatch(label):
        return gettext("file %(n)s of %(delivery)s") % {"n": one[1], "delivery": one[2]}
    if one := RECEIVED.fullmatch(label):
        return gettext("exhibit of %(who)s") % {"who": one[1]}
    return gettext(MADE[label]) if label in MADE else label


BASES = {
    "legal-obligation": N_("a legal obligation"),
    "public-task": N_("a task in the public interest"),
    "consent": N_("consent"),
    "contract": N_("a contract"),
    "vital-interests": N_("vital interests"),
    "legitimate-interests": N_("legitimate interests"),
}
"""Legal bases by which something is kept → in words. An operator may name others."""


def basis(name: str) -> str:
    """A legal basis."""
    return gettext(BASES[name]) if name in BASES else name


def kind(name: str) -> str:
    """A kind of label."""
    return gettext(KINDS[name]) if name in KINDS else name


def label(name: str, value: str) -> dict[str, str]:
    """A label: its kind, and its value; of a flag yes or no."""
    said = {"yes": gettext("yes"), "no": gettext("no")}.get(value, value) if name in FLAGS else value
    return {"kind": kind(name), "value": said}
