"""Fields of a row: what each is called, what may stand in it, and what is wrong with what does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from himaya.core.words import N_, Said

SHORT, LONG = 200, 500
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
"""How the key of a row is written."""
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+")
_CONTROL = re.compile(r"[\0-\x09\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control and bidirectional characters and half ones; of the first, a line feed may stand in a long text."""


def anything(_: str) -> str:
    """Nothing is wrong with any text."""
    return ""


def dated(text: str) -> str:
    """What is wrong with a day or a month."""
    return day(text) if len(text) > 7 else day(f"{text}-01")


def day(text: str) -> str:
    """What is wrong with a day."""
    try:
        fine = date.fromisoformat(text).isoformat() == text
    except ValueError:
        fine = False
    return "" if fine else N_("a day is written as 2026-11-24")


def address(text: str) -> str:
    """What is wrong with the address of a page: it is shown as a link."""
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text
    except ValueError:
        fine = False
    return "" if fine else N_("an address begins with https:// or http://")


def email(text: str) -> str:
    """What is wrong with an e-mail address."""
    return "" if _EMAIL.fullmatch(text) else N_("an e-mail address is written as name@example.org")


def amount(text: str) -> str:
    """What is wrong with a number."""
    return "" if text.isascii() and text.isdecimal() and len(text) < 7 else N_("an amount is a whole number")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a table. All values are texts; the empty one says nothing.

    Attributes:
        name: for machines.
        label: for people.
        longest: characters.
        needed: it must say something.
        choices: name → words, where it is one of them.
        each: name → words, where it is several of them, with spaces between.
        check: what is wrong with a value, as a text of ours; empty where nothing is.
        lines: it may have several.
        help: what to write.
    """

    name: str
    label: str
    longest: int = SHORT
    needed: bool = False
    choices: Mapping[str, str] | None = None
    each: Mapping[str, str] | None = None
    check: Callable[[str], str] = anything
    lines: bool = False
    help: str = ""

    def wrong(self, value: str) -> str:
        """Why ``value`` cannot stand here; empty where it can."""
        if not value:
            return N_("it is needed") if self.needed else ""
        if len(value) > self.longest:
            return Said("it has {n} characters, at most {most} are taken", n=len(value), most=self.longest)
        if _CONTROL.search(value) or ("\n" in value and not self.lines):
            return N_("it has a character that cannot be shown")
        for one, known in ((value, self.choices), *((part, self.each) for part in value.split())):
            if known is not None and one not in known:
                return Said("there is no {value!r}; there are: {known}", value=one[:40], known=_some(known))
        return self.check(value)


def _some(choices: Mapping[str, str]) -> str:
    """Names to choose from, the first thirty."""
    return ", ".join(list(choices)[:30]) + (" …" if len(choices) > 30 else "")
