"""Data of persons in free texts: what can be told by its look, and names that are known to be somebody's.

Where a text is published (the DSA Transparency Database, Art. 24(5)), none may stand in it. What is found here is a
reason to look; that nothing is found proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Literal

from himaya.core.words import N_

What = Literal["e-mail", "address", "link", "phone", "number", "name"]
WORDS: dict[What, str] = {
    "e-mail": N_("an e-mail address"),
    "address": N_("an address of the internet (IP)"),
    "link": N_("a web address"),
    "phone": N_("a telephone number"),
    "number": N_("a long number, which may be that of a telephone"),
    "name": N_("a name or number of an account of this case"),
}
CERTAIN = frozenset(WORDS) - {"number"}
SHORTEST = 3
"""Characters of a name that is looked for: shorter ones stand in other words."""
_MAIL = re.compile(r"[^\s@<>]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_LINK = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,15}://\S|\bwww\.\w|(?<![\w.@-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,5}\.[a-z]{2,24}/\S", re.I
)
_NUMERIC = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)|(?<![\w:])[0-9a-f:]{3,45}(?![\w:])", re.I)
_DATES = re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?\b|\b\d{1,2}[./]\d{1,2}[./]\d{4}\b")
_PHONE = re.compile(r"(?<![\w+])(?:\+|00)\d(?:[\s().\-/]{0,2}\d){6,14}(?!\w)")
_NUMBER = re.compile(r"(?<![\w+])\d(?:[\s().\-/]{0,2}\d){8,14}(?!\w)")


def found_in(text: str, names: Iterable[str] = ()) -> Iterator[What]:
    """What of persons stands in a text, once each.

    Args:
        text: any.
        names: of accounts and the like; looked for as whole words, in any case.
    """
    if _MAIL.search(text):
        yield "e-mail"
    if any(_is_address(one[0]) for one in _NUMERIC.finditer(text)):
        yield "address"
    if _LINK.search(text):
        yield "link"
    rest = _DATES.sub(" ", text)
    if _PHONE.search(rest):
        yield "phone"
    elif _NUMBER.search(rest):
        yield "number"
    folded = text.casefold()
    if any(_stands(name.strip().casefold(), folded) for name in names):
        yield "name"


def _is_address(text: str) -> bool:
    if text.count(":") < 2 and "." not in text:
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _stands(name: str, text: str) -> bool:
    return len(name) >= SHORTEST and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
