"""Texts for people, below the floor where a translator exists: written in English, marked, translated by a face."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping


class Said(str):
    """A text of ours with facts in it: ``Said("it has {n} digits", n=31)``.

    It is the English sentence, so that whoever knows no languages (log, terminal, API) uses it as any string. A face
    gives it to :func:`told`. Facts may be texts of ours again; a fact that is a plain string is somebody's data and
    stays as it is. What is stored or put through ``str`` is English for good.
    """

    template: str
    facts: dict[str, object]

    def __new__(cls, template: str, /, **facts: object) -> Said:
        """Fill in the facts; without any, the template is the text, whatever stands in it."""
        made = super().__new__(cls, filled(template, facts) if facts else template)
        made.template, made.facts = template, facts
        return made

    def __reduce__(self) -> tuple[Callable[..., Said], tuple[str, dict[str, object]]]:
        """Copies and other processes keep the facts."""
        return _again, (self.template, self.facts)


def _again(template: str, facts: dict[str, object]) -> Said:
    return Said(template, **facts)


def N_(text: str) -> str:  # noqa: N802 - the marker that gettext tools know
    """Mark ``text`` for the catalogue; the face that shows it translates it."""
    return Said(text)


def told(said: object, translate: Callable[[str], str]) -> object:
    """``said`` in another language, with all its facts that are texts of ours; anything else unchanged."""
    if not isinstance(said, Said):
        return said
    text = translate(said.template)
    return filled(text, {name: told(fact, translate) for name, fact in said.facts.items()}) if said.facts else text


_STOPS = re.compile(r"(?<![./\s])([.?!])\.(?=\s|$)")


def filled(template: str, facts: Mapping[str, object]) -> str:
    """``template`` with its facts. A fact may be a whole sentence: where its full stop meets another, one is left."""
    return _STOPS.sub(r"\1", template.format(**facts))


def packed(said: object) -> object:
    """``said`` as JSON, its facts kept apart, so that it can still be translated when :func:`unpacked`."""
    if isinstance(said, Said):
        return [said.template, {name: packed(fact) for name, fact in said.facts.items()}]
    return said if isinstance(said, int | float | bool) else printable(str(said))


def unpacked(kept: object) -> object:
    """What :func:`packed` wrote."""
    if isinstance(kept, list):
        template, facts = kept
        return Said(template, **{name: unpacked(fact) for name, fact in facts.items()})
    return kept


def either(*choices: str) -> str:
    """One or several texts of ours as a choice: *a or b or c*."""
    first, *others = choices
    for other in others:
        first = Said("{one} or {other}", one=first, other=other)
    return first


def printable(text: str) -> str:
    """``text`` with control, bidirectional and other unprintable characters written as escapes.

    So are bytes of a path that are no text, which Python holds as surrogates (PEP 383).
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> bool:
    """Whether a stranger's ``text`` can be kept and passed on: a database takes no NUL, and UTF-8 no half of a pair of
    surrogates, which JSON can bring.
    """
    return not _UNSTORABLE.search(text)
