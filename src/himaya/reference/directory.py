"""The reference by country: what is known of one, in the order in which a hotline asks, and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from himaya.core.countries import COUNTRIES, MEMBERS
from himaya.core.reference import Contact, Languages, TimeLimit
from himaya.core.reference.contacts import NETWORKS, TAKES_REPORTS
from himaya.core.reference.laws import Law
from himaya.core.words import N_

R = TypeVar("R", Contact, Languages)
PARTS: Mapping[str, str] = {
    "reports": N_("Who takes reports here"),
    "duties": N_("What must be done, by whom and by when"),
    "illegal": N_("What is illegal here"),
    "keeping": N_("How long data are kept"),
    "children": N_("Who helps children"),
    "networks": N_("Points that answer around the clock"),
    "languages": N_("Languages"),
}
"""What is known of a country, in the order in which one asks → its heading."""
SHORT: Mapping[str, str] = {
    "reports": N_("takes reports"),
    "duties": N_("duties"),
    "illegal": N_("what is illegal"),
    "keeping": N_("keeping data"),
    "children": N_("helps children"),
    "networks": N_("24/7 points"),
    "languages": N_("languages"),
}
"""The same in a word or two."""
COULD_SAY: Mapping[str, str] = {
    "reports": N_("INHOPE says who its members are, the IWF for which countries it keeps a page; else the police."),
    "duties": N_("A lawyer of that country, or its hotline."),
    "illegal": N_("A lawyer of that country, or its hotline."),
    "keeping": N_("A lawyer of that country, or its hotline."),
    "children": N_("Child Helpline International, whose directory lists its members."),
    "networks": N_("The Council of Europe and INTERPOL keep these lists for authorities; ask your own police."),
    "languages": N_("Whoever is written to."),
}
"""Who could say what is not known of a part."""
Fact = Contact | TimeLimit | Law | Languages
"""A row of the directory."""
KEEPING = ("preserve", "discard")


@dataclass(frozen=True, slots=True)
class Country:
    """What is known of a country.

    Attributes:
        code: ISO 3166-1 alpha-2.
        unions: those whose rules hold there as they stand.
        reports: who takes reports.
        duties: what its law and that of its unions asks for, but for keeping; in whatever standing.
        illegal: what its law says of which classes, in whatever standing.
        keeping: how long data are kept.
        children: helplines.
        emergency: emergency lines.
        networks: points that answer around the clock.
        languages: in which one writes there.
    """

    code: str
    unions: tuple[str, ...]
    reports: tuple[Contact, ...]
    duties: tuple[TimeLimit, ...]
    illegal: tuple[Law, ...]
    keeping: tuple[TimeLimit, ...]
    children: tuple[Contact, ...]
    emergency: tuple[Contact, ...]
    networks: tuple[Contact, ...]
    languages: tuple[Languages, ...]

    def part(self, name: str) -> tuple[Fact, ...]:
        """The rows of a part of :data:`PARTS`."""
        rows: tuple[Fact, ...] = getattr(self, name)
        return rows

    @property
    def known(self) -> tuple[str, ...]:
        """Parts of which something is known."""
        return tuple(name for name in PARTS if self.part(name))

    @property
    def unknown(self) -> tuple[str, ...]:
        """Parts of which nothing is."""
        return tuple(name for name in PARTS if not self.part(name))

    def confirmed(self, name: str) -> bool:
        """Whether this node confirmed a row of the part."""
        return any(row.mark.basis == "confirmed" for row in self.part(name))


def country(
    code: str,
    *,
    limits: Iterable[TimeLimit],
    contacts: Iterable[Contact],
    laws: Iterable[Law],
    languages: Iterable[Languages],
) -> Country:
    """What rows in use say of a country."""
    unions = tuple(union for union, members in MEMBERS.items() if code in members)
    here = [one for one in contacts if one.country == code]
    held = [one for one in limits if one.jurisdiction in (code, *unions)]
    held.sort(key=lambda one: (one.jurisdiction != code, one.duty != "report"))

    def of(*kinds: str) -> tuple[Contact, ...]:
        return tuple(one for kind in kinds for one in here if one.kind == kind)

    return Country(
        code=code,
        unions=unions,
        reports=of(*TAKES_REPORTS),
        duties=tuple(one for one in held if one.duty not in KEEPING),
        illegal=tuple(one for one in laws if one.jurisdiction == code),
        keeping=tuple(one for one in held if one.duty in KEEPING),
        children=of("helpline"),
        emergency=of("emergency"),
        networks=of(*NETWORKS),
        languages=tuple(one for one in languages if one.country == code),
    )


def every(
    *,
    limits: Iterable[TimeLimit],
    contacts: Iterable[Contact],
    laws: Iterable[Law],
    languages: Iterable[Languages],
) -> list[Country]:
    """The same of every country, by code."""
    duties, forbidden = list(limits), list(laws)
    points, spoken = _by_country(contacts), _by_country(languages)
    return [
        country(code, limits=duties, contacts=points.get(code, ()), laws=forbidden, languages=spoken.get(code, ()))
        for code in COUNTRIES
    ]


def _by_country(rows: Iterable[R]) -> dict[str, list[R]]:
    found: dict[str, list[R]] = {}
    for row in rows:
        found.setdefault(row.country, []).append(row)
    return found
