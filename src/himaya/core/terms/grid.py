"""The grid that all schemes share: age, act and origin; and what the law says of it, the legality."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

from himaya.core.errors import HimayaError
from himaya.core.ports import Facets
from himaya.core.words import N_, Said

AGES = {"infant": N_("infant"), "prepub": N_("prepubescent child"), "pub": N_("pubescent child")}
"""Apparent ages → in words."""
ACTS = {
    "no_sexual_element": N_("no sexual element"),
    "nudity_nonsexual": N_("nudity that is not sexual"),
    "sexual_pose": N_("sexualised pose"),
    "genital_focus": N_("focus on the genital or anal region"),
    "nonpenetr": N_("non-penetrative sexual activity"),
    "penetr": N_("penetrative sexual activity"),
    "sadism_animal": N_("sadism or an animal"),
}
"""What is shown → in clinical words; the least grave first, as COPINE and the courts of England and Wales order it."""
ORIGINS = {"virtual": N_("made or drawn by a computer"), "photographic": N_("of a real child")}
"""What a picture comes from → in words."""
LEGALITY = {
    "baseline": N_("illegal in any country"),
    "national": N_("illegal under national law"),
    "harmful": N_("harmful, not illegal"),
    "not-illegal": N_("not illegal"),
    "undecided": N_("the class does not say"),
}
"""What the law says → in words."""
FACETS: Mapping[str, Mapping[str, str]] = {"age": AGES, "act": ACTS, "origin": ORIGINS}
"""Facet → its values, with their words."""
LABELS = {"age": N_("Apparent age"), "act": N_("What is shown"), "origin": N_("Origin")}
"""Facet → what it is."""
RANK = {act: rank for rank, act in enumerate(ACTS)}


class Cell(NamedTuple):
    """One cell of the grid."""

    age: str
    act: str
    origin: str


class BadFacets(HimayaError):
    """These facets cannot stand: {why}."""

    status = 422


def cells(facets: Facets) -> frozenset[Cell]:
    """The cells that facets cover; none where one of the three says nothing: that cannot be placed in the grid."""
    return frozenset(Cell(*cell) for cell in product(facets.age, facets.act, facets.origin))


def possible(facets: Facets) -> frozenset[Cell]:
    """The cells that facets leave possible: a facet that says nothing may be any."""
    return frozenset(
        Cell(*cell) for cell in product(*(getattr(facets, name) or known for name, known in FACETS.items()))
    )


def checked(age: Iterable[str], act: Iterable[str], origin: Iterable[str]) -> Facets:
    """Facets of those values.

    Raises:
        BadFacets: one is none of the grid's.
    """
    given = {"age": frozenset(age), "act": frozenset(act), "origin": frozenset(origin)}
    for facet, values in given.items():
        for value in sorted(values - set(FACETS[facet])):
            known = ", ".join(FACETS[facet])
            raise BadFacets(why=Said("{value} is none of {known}", value=repr(value[:40]), known=known))
    return Facets(given["age"], given["act"], given["origin"])


def narrowed(facets: Facets, stated: Facets) -> Facets:
    """``facets``, as far as a person stated them more exactly. A facet that was not stated stays as it is.

    Raises:
        BadFacets: what was stated lies outside of what the class says.
    """
    found = {}
    for name in FACETS:
        have, said = getattr(facets, name), getattr(stated, name)
        if have and not said <= have:
            known = ", ".join(value for value in FACETS[name] if value in have)
            raise BadFacets(why=Said("the class allows {known}, and you stated something else", known=known))
        found[name] = said or have
    return Facets(**found, legality=facets.legality)


def packed(facets: Facets) -> dict[str, object]:
    """Facets as JSON, the values in the order of the grid."""
    plain = {name: [one for one in known if one in getattr(facets, name)] for name, known in FACETS.items()}
    return {**plain, "legality": facets.legality}


def unpacked(kept: Mapping[str, object]) -> Facets:
    """What :func:`packed` wrote; of verdicts from before facets were kept, nothing is known."""
    plain = {name: frozenset(map(str, kept.get(name) or ())) for name in FACETS}  # type: ignore[call-overload]
    return Facets(**plain, legality=str(kept.get("legality") or "undecided"))
