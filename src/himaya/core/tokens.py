"""Words of a text, as they are looked for: the same for every script, and the same in every database.

Letters lose their accents, points and case (Unicode NFKD without marks, casefold), so that a name is found however it
was typed; Arabic also its tatweel. Chinese, Japanese and Korean letters are words of their own: those languages do not
part words, and letters that stand beside one another are looked for as such.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 60
"""Characters of a word that count; what is longer is cut."""
MOST: Final = 4000
"""Words of a text that count."""
_ALONE: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff"
_WORD: Final = re.compile(f"[{_ALONE}]|[^\\W_{_ALONE}]+")
_TATWEEL: Final = "\u0640"


def tokens(text: str) -> list[str]:
    """The words of ``text`` in order, at most :data:`MOST`."""
    apart = unicodedata.normalize("NFKD", text[: MOST * LONGEST]).casefold()
    plain = "".join(c for c in apart if unicodedata.category(c) != "Mn" and c != _TATWEEL)
    found = [word for word in _WORD.findall(unicodedata.normalize("NFKC", plain)) if word.isalnum()]
    return [word[:LONGEST] for word in found[:MOST]]


def phrases(asked: str, *, most: int = 20) -> list[list[str]]:
    """What somebody looks for: parts that blanks separate, each as the words that have to stand beside one another."""
    return [words for part in asked.split()[:most] if (words := tokens(part))]
