"""What a demand asks for: accounts, cases and exhibits, within a window of time, of some kinds.

``accounts: a, b; from 2026-01-01T00:00Z to 2026-02-01; exhibits E-2026-000012-E-2026-000020, case H-2026-000001``

Accounts, cases and exhibits say what is asked for: each of them adds to it, and one at least has to be named. Window
and kinds narrow all of that. A day as the end counts whole; a time as the end is the first moment that is outside.
:mod:`.scoping` reads one from a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from himaya.core.words import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "pictures": N_("pictures"),
    "videos": N_("videos"),
    "sounds": N_("sounds"),
    "texts": N_("texts"),
    "others": N_("anything else"),
}
"""Kinds of content → in words."""
_TOP = {"image": "pictures", "video": "videos", "audio": "sounds", "text": "texts"}


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A number as people quote it: ``E-2026-000012``, ``H-2026-000001``."""

    year: int
    number: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Exhibits from one reference to another, both of them in it."""

    first: Reference
    last: Reference

    def holds(self, one: Reference) -> bool:
        """Whether a reference lies between: by its number, and by its year, too."""
        return self.first.number <= one.number <= self.last.number and self.first.year <= one.year <= self.last.year


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked for.

    Attributes:
        accounts: names, in small letters, each once.
        cases: of them, what belongs to one.
        exhibits: by their references.
        since: nothing that was met before; aware. None: no beginning.
        until: nothing that was met then or later; aware. None: no end.
        kinds: names of :data:`KINDS`; empty: of any.
    """

    accounts: tuple[str, ...] = ()
    cases: tuple[Reference, ...] = ()
    exhibits: tuple[Span, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    kinds: tuple[str, ...] = ()


class Thing(Protocol):
    """What is asked of an exhibit."""

    pk: int
    acquired_at: datetime
    account: str
    origin: str
    case: str
    media_type: str


def matches(scope: Scope, thing: Thing) -> bool:
    """Whether a demand of this scope asks for it."""
    at = thing.acquired_at
    within = (scope.since is None or scope.since <= at) and (scope.until is None or at < scope.until)
    return within and (not scope.kinds or kind_of(thing.media_type) in scope.kinds) and _is_named(scope, thing)


def _is_named(scope: Scope, thing: Thing) -> bool:
    return bool(named_by(scope, thing))


def named_by(scope: Scope, thing: Thing) -> str:
    """By what of a scope a thing is named: ``exhibit``, ``case``, ``account`` (its own), ``words`` (an account stands
    in where it came from, and nobody noted whose it is); empty: by nothing.
    """
    reference = Reference(thing.acquired_at.astimezone(UTC).year, thing.pk)
    if any(span.holds(reference) for span in scope.exhibits):
        return "exhibit"
    if any(thing.case == f"case:{one.number}" for one in scope.cases):
        return "case"
    if thing.account:
        return "account" if small(thing.account) in scope.accounts else ""
    return "words" if scope.accounts and _any_of(scope.accounts, small(thing.origin)) else ""


_WORD = re.compile(r"[\w.@+-]+")


@lru_cache(maxsize=64)
def _kinds_of_names(accounts: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Names that are one word, which are looked up, and others, which are looked for one by one."""
    words = frozenset(one for one in accounts if _WORD.fullmatch(one))
    return words, tuple(one for one in accounts if one not in words)


def _any_of(accounts: tuple[str, ...], origin: str) -> bool:
    words, others = _kinds_of_names(accounts)
    return not words.isdisjoint(_WORD.findall(origin)) or any(is_of(one, origin) for one in others)


def kind_of(media_type: str) -> str:
    """The kind of a content; what is not known is something else."""
    return _TOP.get(media_type.partition("/")[0].lower(), "others")


def is_of(account: str, origin: str) -> bool:
    """Whether an account stands in where a thing came from, as a word of its own: ``ann`` is not in ``ann.b@x``."""
    return re.search(rf"(?<![\w.@+-]){re.escape(account)}(?![\w.@+-])", small(origin)) is not None


def small(text: str) -> str:
    """A name in small letters. One letter stays one, and none outside of ASCII becomes one of it: databases, which look
    first, compare only these alike.
    """
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := c.lower()) == 1 and low.isascii() is c.isascii() else c for c in text)


def as_text(scope: Scope) -> str:
    """A scope as this module writes it; reading that gives the same scope."""
    parts = [f"accounts: {', '.join(map(_quoted, scope.accounts))}"] if scope.accounts else []
    if scope.cases:
        parts.append("cases: " + ", ".join(_written("H", one) for one in scope.cases))
    if scope.exhibits:
        parts.append("exhibits: " + ", ".join(map(_span, scope.exhibits)))
    window = [f"{word} {at.isoformat()}" for word, at in (("from", scope.since), ("to", scope.until)) if at]
    parts += [" ".join(window)] if window else []
    return "; ".join(parts + ([f"kinds: {', '.join(scope.kinds)}"] if scope.kinds else []))


def _written(letter: str, one: Reference) -> str:
    return f"{letter}-{one.year}-{one.number:06d}"


def _span(one: Span) -> str:
    first, last = _written("E", one.first), _written("E", one.last)
    return first if first == last else f"{first}-{last}"


def _quoted(name: str) -> str:
    return f'"{name}"'
