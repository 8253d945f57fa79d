"""What a verdict says in facets: those of its class, more exactly where the reviewer stated more, and what the law of
this node's country says of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from himaya.core import registry
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.ports import Facets
from himaya.core.terms.grid import FACETS, checked, narrowed, packed, unpacked
from himaya.core.words import N_, Said
from himaya.reference.queries import legality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.core.ports import Code

MILD = ("harmful", "not-illegal")
"""What the law may say of it, and it is no crime to be reported."""


NOTHING_STATED = Facets()


class BadVerdict(HimayaError):
    """The verdict cannot be taken: {why}."""

    status = 422


class Judged(NamedTuple):
    """What is kept of a verdict beside scheme and code: the facets as JSON, with the rows of the law that decided, and
    whether the verdict confirms, or says that it is harmful although it is not illegal.
    """

    facets: dict[str, object]
    confirms: bool
    harmful: bool


def find_class(scheme: str, code: str) -> Code:
    """The class of that name, by which a verdict can be given.

    Raises:
        BadVerdict: there is none, or its scheme is withdrawn.
    """
    known = registry.schemes().get(scheme)
    found = known.get(code) if known else None
    if known is None or found is None:
        raise BadVerdict(why=Said("there is no code {code!r} in a scheme {scheme!r}", code=code, scheme=scheme))
    if known.withdrawn:
        raise BadVerdict(
            why=N_("that scheme is withdrawn: what was classed by it is read, and nothing is decided by it")
        )
    return found


def judged(code: Code, *, stated: Facets) -> Judged:
    """The verdict of a class, and of what a person stated beside it.

    The law of this node's country (``jurisdiction``) decides legality where its rows cover what is meant. It can take a
    report away, where it says that this is no crime; it never makes a crime of what the class does not call one.

    Raises:
        BadFacets: what was stated lies outside of the class.
    """
    facets, laws = narrowed(code.facets, stated), list[str]()
    if config().jurisdiction and facets.act:
        found = legality(facets, config().jurisdiction)
        if found.outcome != "undecided":
            facets = replace(facets, legality=found.outcome)
            laws = [one.key for one in found.laws]
    kept = {**packed(facets), "law": laws}
    confirms = code.confirms and facets.legality not in MILD
    return Judged(kept, confirms, not confirms and facets.legality == "harmful")


def is_harmful(confirms: bool, kept: Mapping[str, object]) -> bool:
    """Whether a verdict that was kept so says: harmful, although not illegal."""
    return not confirms and unpacked(kept).legality == "harmful"


def means_harm(scheme: str, code: str) -> bool:
    """Whether a class says: harmful, although not illegal."""
    known = registry.schemes().get(scheme)
    found = known.get(code) if known else None
    return found is not None and found.facets.legality == "harmful"


def stated(given: Mapping[str, str]) -> Facets:
    """What a form states: at most one value of each facet, none where it is empty.

    Raises:
        BadFacets: a value is none of the grid's.
    """
    return checked(*([value] if (value := given.get(name, "")) else [] for name in FACETS))
