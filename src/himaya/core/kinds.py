"""How others name the kinds of fingerprints."""

from __future__ import annotations

import re
from collections.abc import Iterable

from himaya.core import registry

PHOTODNA = "photodna"
"""Not computed by anything that may be shipped; a package may bring a signal of that name."""
_SPELLINGS = {
    "md5": "md5",
    "sha1": "sha1",
    "sha256": "sha256",
    "sha512": "sha512",
    "pdq": "pdq",
    "xpdq": "pdq",
    "vpdq": "vpdq",
    "photodna": PHOTODNA,
    "pdna": PHOTODNA,
}
_MARKS = re.compile(r"[\s_-]+")

Hashes = tuple[tuple[str, str], ...]
"""Signal name and value, as the source writes it."""


def named(text: str) -> str:
    """The signal that ``text`` names, as in ``SHA-256`` or ``x_pdq``; what is not known in small letters."""
    small = text.strip().lower()
    return _SPELLINGS.get(_MARKS.sub("", small), small)


def readable(hashes: Iterable[tuple[str, str]]) -> Hashes:
    """Of all fingerprints of one thing, once each, those that a signal of this node reads.

    Where none is read, all of them: whoever imports them says why they cannot be taken. So a thing that is known by
    its MD5 is not refused for a PhotoDNA beside it, and none is left out in silence.
    """
    found = tuple(dict.fromkeys((name, value) for name, value in hashes if value))
    known = registry.signals()
    return tuple(one for one in found if one[0] in known) or found
