"""What a list is called as a bank, and the other way round.

HMA's names are ``[A-Z_][A-Z0-9_]*``, ours ``[a-z0-9][a-z0-9-]*``. ``hotline-2024`` and ``HOTLINE_2024`` are each
other's name, ``2024-q1`` is ``_2024_Q1``. What fits neither way (longer names, some with ``_``, changed ones) is kept
in a table. A list whose bank name belongs to another bank is ``_LIST_7``, after its number.
"""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BANK = re.compile(r"[A-Z_][A-Z0-9_]{0,254}")
LIST = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
BY_NUMBER = re.compile(r"_LIST_([0-9]{1,18})")
"""Names that nobody may give: no list is called so by its own name, whose underscore is followed by a digit."""


def bank_name(list_name: str) -> str:
    """What a list is called that nobody named otherwise; no two lists are called alike."""
    name = list_name.upper().replace("-", "_")
    return f"_{name}" if name[0].isdigit() else name


def list_name(bank: str) -> str:
    """The list that is called so by its own name; empty where none can be."""
    name = bank.lower().replace("_", "-")
    name = name[1:] if re.match(r"-[0-9]", name) else name
    return name if LIST.fullmatch(name) and bank_name(name) == bank else ""


def by_number(list_id: int) -> str:
    """What a list is called whose own name belongs to another bank."""
    return f"_LIST_{list_id}"


def proposals(bank: str) -> Iterator[str]:
    """Names for the list of a new bank: the nearest first, and more of them than there are lists."""
    own = list_name(bank)
    stem = (own or re.sub(r"-+", "-", bank.lower().replace("_", "-")).strip("-") or "bank")[:45]
    yield own or stem
    yield from (f"{stem}-{n}" for n in count(2))
