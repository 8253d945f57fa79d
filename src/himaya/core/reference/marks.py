"""How far a row can be relied upon: what was read for it, when, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from himaya.core.reference.fields import Field, dated
from himaya.core.words import N_

BASES = {
    "confirmed": N_("confirmed by this node"),
    "primary": N_("the issuer's own text was read"),
    "code": N_("public code was read"),
    "run": N_("it was run and seen to work"),
    "secondary": N_("from a second-hand page"),
    "memory": N_("the text was not read: check it first"),
}
"""What a row rests on → in words."""
CONFIDENCE = {"high": N_("sure"), "medium": N_("fairly sure"), "low": N_("unsure")}
"""How sure it is → in words."""
FIELDS = (
    Field("source", N_("Source"), needed=True, help=N_("Where it stands: a law, a page, a letter.")),
    Field("checked", N_("Looked at"), needed=True, longest=10, check=dated, help=N_("2026-11-24 or 2026-11.")),
    Field("basis", N_("It rests on"), needed=True, choices=BASES),
    Field("confidence", N_("How sure"), needed=True, choices=CONFIDENCE),
)
"""What every row of every table has."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a row can be relied upon.

    Attributes:
        source: where it stands.
        checked: when that was looked at, as ``YYYY-MM-DD`` or ``YYYY-MM``.
        basis: a name of :data:`BASES`.
        confidence: a name of :data:`CONFIDENCE`.
        ours: this node's own people wrote it so; False: it stands as the program ships it.
    """

    source: str
    checked: str
    basis: str
    confidence: str
    ours: bool = False


def mark(values: Mapping[str, str], *, ours: bool) -> Mark:
    """The mark of a row."""
    return Mark(values["source"], values["checked"], values["basis"], values["confidence"], ours)
