"""Finds words that do harm in texts of this field, and says the respectful one.

The words are those of the Luxembourg guidelines (``shipped/words.csv``: each with its source and how sure it is; most
are from memory of the first edition). What is quoted is somebody else's: between backticks, “…”, «…» or "…" old words
may stand, as the values of other systems have to.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from himaya.core.words import N_, Said

AVOID, ATTENTION, USE = "avoid", "special attention", "use"
ADVICE = {AVOID: N_("avoid"), ATTENTION: N_("with care"), USE: N_("respectful")}
"""What the guidelines advise → in words."""
WHY = {
    "material": N_("It suggests a consent that a child cannot give: what it names is the record of abuse."),
    "online": N_("It makes abuse sound like a pastime, and hides that somebody abuses a child."),
    "travel": N_("It makes abuse sound like a pastime, and hides that somebody abuses a child."),
    "prostitution": N_("It puts on a child what others do to it."),
    "victim": N_("It puts a part of the blame on a child."),
    "offender": N_("It hides what the person does to a child."),
}
"""Group of words to be avoided → why."""
CARE = N_("It can be misread or hurt: use it only where exactly this is meant.")
_ADVISING = ("only ", "describe ", "respect ")
"""So begins what is advised where no other word is."""
_QUOTED = re.compile(
    r"""```.*?(?:```|\Z)                   # a block of code
    |(`+)(?!`)[^\n]*?(?<!`)\1(?!`)         # code in a line
    |“[^“”\n]*(?:\n(?!\s*\n)[^“”\n]*)*”    # quotations may go over lines, not over paragraphs
    |«[^«»\n]*(?:\n(?!\s*\n)[^«»\n]*)*»
    |(?<![^\s(\[{<=:,;/|])"[^"\n]*"(?!\w)  # straight quotation marks within a line
    """,
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the guidelines.

    Attributes:
        term: as the guidelines have it.
        group: what it is about.
        advice: ``use``, ``special attention`` or ``avoid``.
        use_instead: the respectful one; may be empty.
        confidence: high, medium or low: how sure it is that the guidelines say so.
        source: where it stands.
        phrases: what is looked for.
    """

    term: str
    group: str
    advice: str
    use_instead: str
    confidence: str
    source: str
    phrases: tuple[str, ...]

    @property
    def why(self) -> str:
        """Why it is found; empty for a respectful word."""
        return WHY[self.group] if self.advice == AVOID else CARE if self.advice == ATTENTION else ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A word in a text. ``line`` and ``column`` count from 1, in characters; ``word`` as it is written there."""

    line: int
    column: int
    word: str
    term: Term

    @property
    def said(self) -> str:
        """The finding as a sentence of ours."""
        instead, why = self.term.use_instead, self.term.why
        if not instead:
            return Said("“{word}”: {why}", word=self.word, why=why)
        if instead.startswith(_ADVISING):
            return Said("“{word}”: {advice}. {why}", word=self.word, advice=instead, why=why)
        return Said("“{word}”: rather “{instead}”. {why}", word=self.word, instead=instead, why=why)

    def facts(self) -> dict[str, Any]:
        """The finding for a machine."""
        term = self.term
        return {
            "line": self.line, "column": self.column, "word": self.word, "advice": term.advice,
            "instead": term.use_instead, "why": term.why, "term": term.term, "confidence": term.confidence,
            "source": term.source,
        }  # fmt: skip


@cache
def terms() -> tuple[Term, ...]:
    """Every word that the program knows, in the order of the guidelines' groups."""
    text = (files("himaya.core.terms") / "shipped" / "words.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(Term(phrases=tuple(row.pop("words").split(";")), **row) for row in rows)


def check(text: str) -> list[Finding]:
    """Words to be avoided or used with care, in the order of the text; what is quoted is passed over."""
    unquoted = _QUOTED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    found = []
    place = _Places(text)
    pattern, of = _pattern()
    for match in pattern.finditer(unquoted):
        term = of[str(match.lastgroup)]
        if term.advice != USE:
            line, column = place(match.start())
            found.append(Finding(line, column, " ".join(match[0].split()), term))
    return found


def to_avoid(found: Iterable[Finding]) -> list[Finding]:
    """Those among them whose words are to be avoided."""
    return [one for one in found if one.term.advice == AVOID]


def worth_telling(found: Iterable[Finding]) -> list[Finding]:
    """Those that a person is told of who writes here, each word once: to be avoided, or there is a better one."""
    told = {one.word.casefold(): one for one in found if one.term.advice == AVOID or one.term.use_instead}
    return list(told.values())


class _Places:
    """Line and column of places that come in the order of the text."""

    def __init__(self, text: str) -> None:
        self.text, self.line, self.begins = text, 1, 0

    def __call__(self, at: int) -> tuple[int, int]:
        self.line += self.text.count("\n", self.begins, at)
        self.begins = max(self.begins, self.text.rfind("\n", 0, at) + 1)
        return self.line, at - self.begins + 1


@cache
def _pattern() -> tuple[re.Pattern[str], dict[str, Term]]:
    """One expression for all phrases, longer ones first: a respectful word may have one in it that is not."""
    phrases = [(phrase, term) for term in terms() for phrase in term.phrases]
    phrases.sort(key=lambda one: -len(one[0]))
    of = {f"p{n}": term for n, (_, term) in enumerate(phrases)}
    parts = (f"(?P<p{n}>{_forms(phrase)})" for n, (phrase, _) in enumerate(phrases))
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE), of


def _forms(phrase: str) -> str:
    """A phrase, its words apart by white space or hyphens; its last word, and one before "of", in the plural too."""
    words = phrase.split()
    last = len(words) - 1
    of = [at == last or words[at + 1] == "of" for at in range(len(words))]
    return r"[\s\u2010\u2011-]+".join(
        _numbers(word) if both else re.escape(word) for word, both in zip(words, of, strict=True)
    )


def _numbers(word: str) -> str:
    """A word in the singular and the plural."""
    return f"{re.escape(word[:-1])}(?:y|ies)" if word.endswith("y") else f"{re.escape(word)}(?:e?s)?"
