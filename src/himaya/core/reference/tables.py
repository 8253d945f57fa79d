"""The tables of the reference, and the check of a row that a person writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from himaya.core.errors import HimayaError
from himaya.core.reference import contacts, languages, laws, limits, requests
from himaya.core.reference.fields import Field
from himaya.core.words import N_, Said

OWN = "own-"
"""With this begin the keys of rows that a node adds; those that the program ships never do."""


class BadRow(HimayaError):
    """The row cannot stand so: {field}: {why}."""

    status = 422


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the reference.

    Attributes:
        name: for machines; the shipped file is named after it.
        title: for people.
        about: what is in it.
        place: the field by which it is ordered first: a country, or a part.
        kind: the field by which it can be narrowed further; empty: there is none.
        label: the field that says what a row is about.
        fields: of every row.
        made: a row as others use it, from key and values.
        flaw: what does not go together in a row.
    """

    name: str
    title: str
    about: str
    place: str
    kind: str
    label: str
    fields: tuple[Field, ...]
    made: Callable[..., Any]
    flaw: Callable[[Mapping[str, str]], tuple[str, str]]

    def field(self, name: str) -> Field | None:
        """The field of that name, or None."""
        return next((one for one in self.fields if one.name == name), None)

    def checked(self, values: Mapping[str, str]) -> dict[str, str]:
        """``values`` as they can stand: every field, trimmed, empty where it is not given.

        Raises:
            BadRow: a field is not of this table, or cannot stand so.
        """
        for name in values:
            if self.field(name) is None:
                known = ", ".join(one.name for one in self.fields)
                raise BadRow(field=name[:40], why=Said("there is no such field; there are: {known}", known=known))
        taken = {one.name: values.get(one.name, "").replace("\r\n", "\n").strip() for one in self.fields}
        for one in self.fields:
            if why := one.wrong(taken[one.name]):
                raise BadRow(field=one.label, why=why)
        name, why = self.flaw(taken)
        if found := self.field(name):
            raise BadRow(field=found.label, why=why)
        return taken


TABLES = {
    one.name: one
    for one in (
        Table(
            "limits", N_("Time limits"),
            N_("What a law or a service's terms ask to be done, kept or deleted, and by when"),
            "jurisdiction", "duty", "task", limits.FIELDS, limits.made, limits.flaw,
        ),
        Table(
            "contacts", N_("Contact points"),
            N_("Whom one turns to in a country: helplines, hotlines, police, networks"),
            "country", "kind", "name", contacts.FIELDS, contacts.made, contacts.flaw,
        ),
        Table(
            "languages", N_("Languages"), N_("In what languages a country's authorities and people are written to"),
            "country", "", "country", languages.FIELDS, languages.made, languages.flaw,
        ),
        Table(
            "request-fields", N_("Fields of requests"), N_("What a request for mutual legal assistance states"),
            "part", "", "field", requests.FIELDS, requests.made, requests.flaw,
        ),
        Table(
            "laws", N_("What is illegal"), N_("What the law of a country says of which ages, acts and origins"),
            "jurisdiction", "effect", "instrument", laws.FIELDS, laws.made, laws.flaw,
        ),
    )
}  # fmt: skip
"""Name → table."""
