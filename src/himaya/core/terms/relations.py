"""How a class of one scheme lies to one of another, and what it may become there.

Relations are computed: *exact* only where one scheme takes the other's class over by name, *close* where both cover the
same cells, *broad* where the second covers all of the first and more, *narrow* the other way round, *related* where
they overlap. A class is converted along the first three alone, one step, and never to a more severe one; everything
else needs a person who looks at the facets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from himaya.core import registry
from himaya.core.documents import VerdictFact
from himaya.core.errors import HimayaError
from himaya.core.ports import Code, Facets, Scheme
from himaya.core.terms.grid import RANK, Cell, cells, unpacked
from himaya.core.words import N_

Kind = Literal["exact", "close", "broad", "narrow", "related", "none"]
KINDS: dict[str, str] = {
    "exact": N_("the same: one scheme takes it over from the other by name"),
    "close": N_("the same cells, in the words of somebody else"),
    "broad": N_("wider: it covers all of this class, and more"),
    "narrow": N_("narrower: it covers a part of this class"),
    "related": N_("both overlap, and neither covers the other"),
    "none": N_("they have nothing in common, or one of them has no place in the grid"),
}
"""Kind of a relation → what the second class is to the first, in words."""
CONVERTIBLE = ("exact", "close", "broad")
"""Along these a class is converted; the first that there is."""


class UnknownCode(HimayaError):
    """The scheme {scheme} has no code {code!r}; it has: {known}."""

    status = 404


class Relation(NamedTuple):
    """How a second class lies to a first one, and how far that can be relied upon."""

    kind: Kind
    sure: str


class Severity(NamedTuple):
    """What is said at least: whether it confirms, and the least grave of the acts that are meant (:data:`RANK`).

    What covers more says less: so a wider class is never more severe, unless it confirms where the other does not.
    """

    confirms: bool
    act: int


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a class becomes in another scheme; what it came from is kept beside it.

    Attributes:
        scheme: the other scheme.
        code: its class; empty where a person has to choose.
        kind: how the new class lies to the old one; empty where there is none.
        sure: high, medium or low; empty where there is none.
        from_scheme: the scheme in which it was said.
        from_code: what was said.
        why: why there is none, in words; empty where there is one.
        nearest: codes of the other scheme that a person may choose among.
    """

    scheme: str
    code: str
    kind: str
    sure: str
    from_scheme: str
    from_code: str
    why: str = ""
    nearest: tuple[str, ...] = ()


def find_code(scheme: str, code: str) -> tuple[Scheme, Code]:
    """A scheme and one of its classes.

    Raises:
        UnknownPlugin, UnknownCode: there is none.
    """
    known = registry.scheme(scheme)
    found = known.get(code)
    if found is None:
        raise UnknownCode(scheme=scheme, code=code[:40], known=", ".join(one.code for one in known.codes))
    return known, found


def relation(scheme: str, code: Code, other_scheme: str, other: Code) -> Relation:
    """How ``other`` lies to ``code``."""
    here, there = f"{scheme}/{code.code}", f"{other_scheme}/{other.code}"
    if there in code.same_as or here in other.same_as:
        return Relation("exact", "high")
    sure = "low" if "low" in (code.sure, other.sure) else "medium"
    if code.part_of == there:
        return Relation("broad", sure)
    if other.part_of == here:
        return Relation("narrow", sure)
    return Relation(_by_cells(cells(code.facets), cells(other.facets)), sure)


def _by_cells(ours: frozenset[Cell], theirs: frozenset[Cell]) -> Kind:
    if not ours & theirs:
        return "none"
    if ours == theirs:
        return "close"
    return "broad" if ours < theirs else "narrow" if ours > theirs else "related"


def severity(confirms: bool, facets: Facets) -> Severity:
    """What a class says at least."""
    return Severity(confirms, min((RANK[act] for act in facets.act), default=0))


def graver(other: Severity, one: Severity) -> bool:
    """Whether ``other`` says anything that is more severe than what ``one`` says."""
    return other.confirms > one.confirms or other.act > one.act


def convert(scheme: str, code: str, *, to: str) -> Conversion:
    """What a class becomes in the scheme ``to``, in one step from the class that was said.

    Raises:
        UnknownPlugin, UnknownCode: there is no such scheme or class.
    """
    target = registry.scheme(to)
    _, found = find_code(scheme, code)
    return converted(scheme, found, target)


def conversions(scheme: str, code: str) -> list[Conversion]:
    """What a class becomes in every other scheme.

    Raises:
        UnknownPlugin, UnknownCode: there is no such scheme or class.
    """
    _, found = find_code(scheme, code)
    return [converted(scheme, found, other) for name, other in registry.schemes().items() if name != scheme]


def converted(scheme: str, code: Code, target: Scheme) -> Conversion:
    """As :func:`convert`, of a class at hand; within one scheme, it is what it was."""
    if target.name == scheme:
        return Conversion(scheme, code.code, "exact", "high", scheme, code.code)
    related = [(one, relation(scheme, code, target.name, one)) for one in target.codes]
    return _chosen(scheme, code, target, [(one, how) for one, how in related if how.kind != "none"])


def derive(facets: Facets, *, confirms: bool, scheme: str, code: str, to: str) -> Conversion:
    """What a verdict becomes in the scheme ``to``: by the facets that a person stated, which may be more exact than the
    class that they chose (``scheme``, ``code``).

    Raises:
        UnknownPlugin: there is no such scheme.
    """
    target, said = registry.scheme(to), registry.schemes().get(scheme)
    known = (said.get(code) if said else None) or Code(code, code, "", confirms, facets)
    told = facets if (facets.age or facets.act or facets.origin) else known.facets
    return converted(scheme, replace(known, facets=told, confirms=known.confirms and confirms), target)


def facets_of(verdict: VerdictFact) -> Facets:
    """What a verdict says in facets: as it is told with it, or else as its class says."""
    told, scheme = unpacked(verdict.facets), registry.schemes().get(verdict.scheme)
    code = scheme.get(verdict.code) if scheme else None
    return told if verdict.facets or code is None else code.facets


def verdict_in(verdict: VerdictFact, *, to: str, confirms: bool = True) -> Conversion:
    """What a verdict becomes in the scheme ``to``, by the facets that are told with it; ``confirms``: whether it did.

    Raises:
        UnknownPlugin: there is no such scheme.
    """
    facets = unpacked(verdict.facets)
    return derive(facets, confirms=confirms, scheme=verdict.scheme, code=verdict.code, to=to)


def _chosen(scheme: str, code: Code, target: Scheme, related: list[tuple[Code, Relation]]) -> Conversion:
    """The class among those that have to do with it, or why a person has to choose."""
    ours, nearest = severity(code.confirms, code.facets), tuple(one.code for one, _ in related)

    def none(why: str) -> Conversion:
        return Conversion(target.name, "", "", "", scheme, code.code, why, () if target.withdrawn else nearest)

    if not related:
        nowhere = N_("This class has no fixed place in the grid: what it means depends on more than what is seen.")
        return none(N_("Nothing there covers what this class covers.") if cells(code.facets) else nowhere)
    if target.withdrawn:
        return none(N_("That scheme is withdrawn: what was classed by it is read, nothing is converted to it."))
    along = [(one, how) for one, how in related if how.kind in CONVERTIBLE]
    if not along:
        return none(N_("What is there covers only a part of this class: somebody has to say which part is meant."))
    milder = [(one, how) for one, how in along if not graver(severity(one.confirms, one.facets), ours)]
    if not milder:
        return none(N_("What is there says more than this class does: it would make a finding graver than it was."))
    best = _best(milder)
    if best is None:
        return none(N_("More than one class there covers this one: somebody has to choose."))
    return Conversion(target.name, best[0].code, best[1].kind, best[1].sure, scheme, code.code, "", nearest)


def _best(milder: Iterable[tuple[Code, Relation]]) -> tuple[Code, Relation] | None:
    """By the nearest kind, and of several the smallest; None where two are equal."""
    ranked = sorted(milder, key=_place)
    return None if len(ranked) > 1 and _place(ranked[0]) == _place(ranked[1]) else ranked[0]


def _place(one: tuple[Code, Relation]) -> tuple[int, int]:
    return CONVERTIBLE.index(one[1].kind), len(cells(one[0].facets))
