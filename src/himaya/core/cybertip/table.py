"""The elements as a tree, from the table and from what an operator adds to it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from himaya.core.countries import COUNTRIES
from himaya.core.words import N_

_STATES = (
    "AK AL AR AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK"
    " OR PA PR RI SC SD TN TX UT VA VI VT WA WI WV WY"
)
STATES = frozenset(_STATES.split())
"""States and territories of the USA as the schema lists them."""
VALUE = "value"
"""Of a group that is a text with attributes, the name of the text."""
PLAIN = frozenset(
    {"text", "long", "boolean", "flag", "moment", "day", "number", "decimal", "choice", "country", "state"}
)
_LISTS: Mapping[str, tuple[str, ...]] = {"country": tuple(COUNTRIES), "state": tuple(sorted(STATES))}


class Addition(BaseModel):
    """An element that NCMEC has added since: a row of the table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parent: str = Field(
        max_length=80, description=N_("The element or type that it lies in: reportAnnotations, person.")
    )
    name: str = Field(
        pattern=r"^@?[A-Za-z][A-Za-z0-9]{0,79}$", description=N_("Its name; of an attribute, after an @.")
    )
    after: str = Field("", max_length=80, description=N_("The one that it follows there; empty: it is the last."))
    type: Literal["text", "long", "boolean", "flag", "moment", "day", "number"] = Field(
        "flag", description=N_("What it holds; a flag is there or not.")
    )
    many: bool = Field(False, description=N_("Whether it may stand several times."))


@dataclass(frozen=True, slots=True)
class Element:
    """An element or an attribute (``@name``), with what lies in it.

    ``parent`` is the element or type that it stands in, by which its words are found. ``type`` is one of
    :data:`PLAIN`, or the name of a group. ``longest`` is characters; 0: there is no limit.
    """

    name: str
    parent: str
    type: str
    required: bool = False
    many: bool = False
    longest: int = 0
    rules: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    children: tuple[Element, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it holds a single value."""
        return self.type in PLAIN

    @property
    def valued(self) -> bool:
        """Whether it is a text with attributes."""
        return bool(self.children) and self.children[0].name == VALUE and not self.choice and self.type != "nameValue"

    @property
    def choice(self) -> bool:
        """Whether exactly one of what lies in it is there."""
        return self.type == "internetDetails"

    def child(self, name: str) -> Element | None:
        """What lies in it under that name, or None."""
        return next((one for one in self.children if one.name == name), None)


@cache
def report(additions: tuple[Addition, ...] = ()) -> Element:
    """The element ``report``.

    Raises:
        ValueError: an addition does not fit in.
    """
    return Element("report", "", "report", required=True, children=_children("report", _rows(additions)))


@cache
def file_details(additions: tuple[Addition, ...] = ()) -> Element:
    """The element ``fileDetails``, without the numbers of report and file."""
    return Element("fileDetails", "", "fileDetails", required=True, children=_children("fileDetails", _rows(additions)))


def is_absent(value: Any) -> bool:
    """Whether a value says nothing: it is as if it were not there."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, Mapping):
        return all(map(is_absent, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_absent, value))
    return value is None


def each(element: Element, value: Any) -> Iterator[tuple[str, Any]]:
    """What stands there of an element: place in its list (empty where it stands once) and value; not what is absent."""
    found = [(f"/{n}", one) for n, one in enumerate(value)] if _listed(element, value) else [("", value)]
    return (
        (place, one) for place, one in found if not is_absent(one) and not (element.type == "flag" and one is False)
    )


def _listed(element: Element, value: Any) -> bool:
    return element.many and isinstance(value, list | tuple)


@cache
def _shipped() -> tuple[dict[str, str], ...]:
    shipped = (files(__package__) / "elements.csv").read_text("utf-8")
    return tuple(csv.DictReader(shipped.splitlines()))


def _rows(additions: Sequence[Addition]) -> list[dict[str, str]]:
    rows = list(_shipped())
    for one in additions:
        within = [n for n, row in enumerate(rows) if row["parent"] == one.parent]
        if not within:
            raise ValueError(f"there is no {one.parent} that {one.name} could lie in")
        if any(rows[n]["name"] == one.name for n in within):
            raise ValueError(f"{one.parent} has {one.name} already")
        if rows[within[0]]["name"] == VALUE and not one.name.startswith("@"):
            raise ValueError(f"{one.parent} is a text, in which no {one.name} could lie")
        place = next((n for n in within if rows[n]["name"] == one.after), None if one.after else _last(rows, within))
        if place is None:
            raise ValueError(f"{one.parent} has no {one.after} that {one.name} could follow")
        row = dict.fromkeys(rows[0], "") | {"parent": one.parent, "name": one.name, "type": one.type}
        rows.insert(place + 1, row | {"least": "0", "most": "*" if one.many else "1"})
    return rows


def _last(rows: Sequence[Mapping[str, str]], within: Sequence[int]) -> int:
    return next((n for n in reversed(within) if not rows[n]["name"].startswith("@")), within[-1])


def _children(parent: str, rows: Sequence[Mapping[str, str]]) -> tuple[Element, ...]:
    return tuple(_element(row, rows) for row in rows if row["parent"] == parent)


def _element(row: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> Element:
    kind = row["type"]
    return Element(
        name=row["name"],
        parent=row["parent"],
        type=kind,
        required=row["least"] == "1",
        many=row["most"] == "*",
        longest=int(row["longest"] or 0),
        rules=tuple(row["rules"].split()),
        choices=_LISTS.get(kind) or tuple(filter(None, row["values"].split(" | "))),
        children=() if kind in PLAIN else _children(kind, rows),
    )
