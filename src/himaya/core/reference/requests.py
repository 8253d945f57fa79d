"""Requests for mutual legal assistance: what stands in one, part by part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from himaya.core.reference import marks
from himaya.core.reference.fields import Field
from himaya.core.reference.marks import Mark
from himaya.core.words import N_

PARTS = {
    "authorities": N_("Authorities"),
    "legal-basis": N_("Legal basis"),
    "facts": N_("Facts"),
    "assistance": N_("Assistance asked for"),
    "digital-evidence": N_("Digital evidence"),
    "handling": N_("How it is to be handled"),
    "annexes": N_("Annexes"),
    "models": N_("Model requests"),
}
"""The parts of a request, in the order in which they stand → in words."""
FIELDS = (
    Field("part", N_("Part"), needed=True, choices=PARTS),
    Field("field", N_("Field"), needed=True),
    *marks.FIELDS,
)


@dataclass(frozen=True, slots=True)
class RequestField:
    """Something that a request for assistance states.

    Attributes:
        key: names the row for good.
        part: a name of :data:`PARTS`.
        field: what is stated, in words.
        mark: how far the row can be relied upon.
    """

    key: str
    part: str
    field: str
    mark: Mark


def made(key: str, values: Mapping[str, str], *, ours: bool = False) -> RequestField:
    """A row as others use it, from its texts."""
    return RequestField(key, values["part"], values["field"], marks.mark(values, ours=ours))


def flaw(_: Mapping[str, str]) -> tuple[str, str]:
    """Its fields always go together."""
    return "", ""
