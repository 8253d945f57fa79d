"""Which cells of the grid the law of a country forbids; and what it therefore says of what was found.

A class of a scheme does not decide what is illegal: the law of the country does. Where no row covers all that may be
meant, nothing is decided, and a person asks somebody who knows that law.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from himaya.core.countries import PLACES
from himaya.core.ports import Facets
from himaya.core.reference import marks
from himaya.core.reference.fields import LONG, Field, day
from himaya.core.reference.limits import STANDINGS
from himaya.core.reference.marks import Mark
from himaya.core.terms.grid import ACTS, AGES, ORIGINS, Cell, possible
from himaya.core.words import N_, Said

EVERYWHERE = "INT"
"""The jurisdiction of rows that hold in any country."""
PLACE = PLACES | {EVERYWHERE: N_("In any country")}
EFFECTS = {
    "illegal": N_("Illegal"),
    "harmful": N_("Harmful, not illegal"),
    "not-illegal": N_("Not illegal"),
}
"""What a law says of the cells of its row → in words."""
_OF = N_("Of: {known}. Empty: any.")
_PART = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")


def _parts(text: str) -> str:
    """What is wrong with parts of a country."""
    fine = all(_PART.fullmatch(one) for one in text.split())
    return "" if fine else N_("parts are written as GB-ENG, with spaces between")


FIELDS = (
    Field("jurisdiction", N_("Jurisdiction"), needed=True, choices=PLACE),
    Field(
        "parts", N_("Parts"), check=_parts, help=N_("Only in these parts, by ISO 3166-2: GB-ENG GB-WLS. Empty: in all.")
    ),
    Field("instrument", N_("Instrument"), needed=True, help=N_("The law and its article, or the terms.")),
    Field("effect", N_("What it says"), needed=True, choices=EFFECTS),
    Field("ages", N_("Ages"), each=AGES, help=Said(_OF, known=" ".join(AGES))),
    Field("acts", N_("Acts"), each=ACTS, help=Said(_OF, known=" ".join(ACTS))),
    Field("origins", N_("Origins"), each=ORIGINS, help=Said(_OF, known=" ".join(ORIGINS))),
    Field("valid_from", N_("Holds from"), longest=10, check=day),
    Field("valid_to", N_("Holds until"), longest=10, check=day, help=N_("The last day. Empty: no end is known.")),
    Field("standing", N_("Standing"), needed=True, choices=STANDINGS),
    Field("note", N_("Note"), longest=LONG),
    *marks.FIELDS,
)


@dataclass(frozen=True, slots=True)
class Law:
    """What a law says of some cells.

    Attributes:
        key: names the row for good.
        jurisdiction: ISO 3166-1 alpha-2, a union, or ``INT``: in any country.
        parts: where in the country it holds, by ISO 3166-2; empty: in all of it.
        instrument: law and article.
        effect: a name of :data:`EFFECTS`.
        cells: what it says that of.
        valid_from: the first day on which it holds; None: not known, or always.
        valid_to: the last one.
        standing: what is not ``in-force`` decides nothing.
        note: what else is known.
        mark: how far the row can be relied upon.
    """

    key: str
    jurisdiction: str
    parts: tuple[str, ...]
    instrument: str
    effect: str
    cells: frozenset[Cell]
    valid_from: date | None
    valid_to: date | None
    standing: str
    note: str
    mark: Mark

    def holds_in(self, jurisdiction: str) -> bool:
        """Whether it holds in a country, or in a part of one; of a country as a whole, parts are not asked for."""
        country, _, part = jurisdiction.partition("-")
        here = self.jurisdiction in (EVERYWHERE, country)
        return here and (not part or not self.parts or jurisdiction in self.parts)

    def holds_on(self, on: date) -> bool:
        """Whether it is in force, and its dates admit the day."""
        begun = self.valid_from is None or self.valid_from <= on
        return self.standing == "in-force" and begun and (self.valid_to is None or on <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Legality:
    """What the law says: ``outcome`` is a name of ``core.terms.grid.LEGALITY``, ``laws`` are the rows that say it."""

    outcome: str
    laws: tuple[Law, ...] = ()


def made(key: str, values: Mapping[str, str], *, ours: bool = False) -> Law:
    """A row as others use it, from its texts.

    Raises:
        ValueError: a day is none.
    """
    ages, acts, origins = (frozenset(values[name].split()) for name in ("ages", "acts", "origins"))
    return Law(
        key=key,
        jurisdiction=values["jurisdiction"],
        parts=tuple(values["parts"].split()),
        instrument=values["instrument"],
        effect=values["effect"],
        cells=possible(Facets(ages, acts, origins)),
        valid_from=_day(values["valid_from"]),
        valid_to=_day(values["valid_to"]),
        standing=values["standing"],
        note=values["note"],
        mark=marks.mark(values, ours=ours),
    )


def flaw(values: Mapping[str, str]) -> tuple[str, str]:
    """The field that does not go with another, and why; both empty where all is well."""
    if values["valid_from"] and values["valid_to"] and values["valid_from"] > values["valid_to"]:
        return "valid_to", N_("it ends before it begins")
    return "", ""


def judge(facets: Facets, *, laws: Iterable[Law], jurisdiction: str, on: date) -> Legality:
    """What the law of a jurisdiction says of what may be meant by ``facets`` on a day.

    A facet that says nothing may be anything. It is decided only where rows of one effect cover every cell that may be
    meant; a cell that is illegal stays so, whatever else a row says of it.

    Args:
        facets: what was found.
        laws: rows of any jurisdiction.
        jurisdiction: ISO 3166, of a country or of a part of one; may be empty.
        on: the day.
    """
    meant = possible(facets)
    held = [one for one in laws if one.cells & meant and one.holds_on(on)]
    here = [one for one in held if one.holds_in(jurisdiction)]
    everywhere = [one for one in here if one.jurisdiction == EVERYWHERE and one.effect == "illegal"]
    illegal = [one for one in here if one.effect == "illegal"]
    if _cover(everywhere, meant):
        return Legality("baseline", tuple(everywhere))
    if _cover(illegal, meant):
        return Legality("national", tuple(illegal))
    if not illegal:
        for effect in ("harmful", "not-illegal"):
            found = [one for one in here if one.effect == effect]
            if _cover(found, meant) and len(found) == len(here):
                return Legality(effect, tuple(found))
    return Legality("undecided", tuple(here))


def _cover(laws: list[Law], meant: frozenset[Cell]) -> bool:
    return meant <= frozenset[Cell]().union(*(one.cells for one in laws))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
