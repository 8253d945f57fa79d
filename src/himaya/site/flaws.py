"""What is wrong with a field of a request, in words: no caller has to read a regular expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME, ORGANISATION = "small letters, digits and dashes, no dash first", "small letters, digits, dots and dashes"
SHAPES = {
    r"^[^\x00]*$": "no NUL can stand in it",
    r"^[^\x00]*\S[^\x00]*$": "it needs more than blanks, and no NUL can stand in it",
    "^[!-~]+$": "visible ASCII characters, no blanks",
    "^[a-z0-9][a-z0-9-]*$": NAME,
    "^[a-z][a-z0-9-]*$": "small letters, digits and dashes, a letter first",
    "^[a-z][a-z0-9_]*$": "small letters, digits and underscores, a letter first",
    "^[a-z0-9][a-z0-9.-]*$": f"{ORGANISATION}, as in hotline.example",
    "^[A-Za-z0-9_-]{16}$": "the next_cursor of the page before, as it was told",
    "^[0-9a-f]{12}$": "the 12 small hexadecimal digits behind himaya_ with which the key begins",
    "^[0-9a-f]{64}$": "64 small hexadecimal digits",
    "^([0-9a-f]{2}){16,64}$": "16 to 64 bytes as small hexadecimal digits",
    "^[a-z0-9.+-]+/[a-z0-9.+-]+$": "a media type, as in image/jpeg",
    "^(case:)?(H-[0-9]{4}-)?[0-9]{1,18}$": "a case, as in case:12 or H-2026-000012",
    "^((exhibit:|E-[0-9]{4}-)|(case:|H-[0-9]{4}-)?)[0-9]{1,18}$": (
        "an exhibit, as in exhibit:12 or E-2026-000012, or a case, as in case:12 or H-2026-000012"
    ),
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "a day, as in 2026-11-29",
    "^[A-Z]{2,3}$": "a code of two or three capital letters, as in NL",
    "^[A-Z]{2}$": "the code of a country, two capital letters, as in NL",
    "^[a-z]+$": "small letters",
    "^[0-9A-Fa-f.:]{2,45}$": "an address of the internet, as in 192.0.2.7 or 2001:db8::1",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})$": (
        "a moment with its offset, as in 2026-11-29T16:30:00Z"
    ),
    "^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$": (
        "1 to 80 letters, digits, dots, colons, dashes and underscores, a letter or a digit first"
    ),
    "^[A-Z]{2}(-[A-Z0-9]{1,3})?$": "a country or a part of one by ISO 3166, as in NL or GB-SCT",
}
"""How a field is written, by the pattern that it is held to; ``^(…)?$`` may also be empty."""


def why(flaw: Mapping[str, Any]) -> str:
    """What a flaw that pydantic has found is, in one line."""
    shape = shape_of(str(flaw.get("ctx", {}).get("pattern", "")))
    return f"it is not written as it must be: {shape}" if shape else str(flaw["msg"]).removeprefix("Value error, ")


def shape_of(pattern: str) -> str:
    """In words what a pattern asks for; empty where there are none."""
    if pattern.startswith("^(") and pattern.endswith(")?$") and pattern not in SHAPES:
        inner = SHAPES.get(f"^{pattern[2:-3]}$", "")
        return f"{inner}, or nothing" if inner else ""
    return SHAPES.get(pattern, "")
