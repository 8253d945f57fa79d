"""Languages of a country: in what language one writes there, and in what a page for the public is to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from himaya.core.countries import COUNTRIES
from himaya.core.languages import LANGUAGES
from himaya.core.reference import marks
from himaya.core.reference.fields import LONG, Field
from himaya.core.reference.marks import Mark
from himaya.core.words import N_, Said


def spoken(text: str) -> str:
    """What is wrong with a list of languages."""
    unknown = next((code for code in codes(text) if code not in LANGUAGES), "")
    return (
        Said("there is no language {code!r}; codes are those of ISO 639: de; fr", code=unknown[:20]) if unknown else ""
    )


def codes(text: str) -> tuple[str, ...]:
    """The codes of a list with semicolons."""
    return tuple(part.strip() for part in text.split(";") if part.strip())


FIELDS = (
    Field("country", N_("Country"), needed=True, choices=COUNTRIES),
    Field(
        "official", N_("Official languages"), check=spoken,
        help=N_("Codes of ISO 639, separated by semicolons, as in de; fr."),
    ),
    Field("used", N_("Used as official"), check=spoken, help=N_("Without a law that says so, in the whole country.")),
    Field("note", N_("Note"), longest=LONG, lines=True),
    *marks.FIELDS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Languages:
    """Languages of a country.

    Attributes:
        key: names the row for good.
        country: ISO 3166-1 alpha-2.
        official: codes of ISO 639, those that most speak first.
        used: those that are used as official ones without a law that says so.
        note: whatever else one has to know.
        mark: how far the row can be relied upon.
    """

    key: str
    country: str
    official: tuple[str, ...]
    used: tuple[str, ...]
    note: str
    mark: Mark


def made(key: str, values: Mapping[str, str], *, ours: bool = False) -> Languages:
    """A row as others use it, from its texts."""
    official, used = codes(values["official"]), codes(values["used"])
    return Languages(key, values["country"], official, used, values["note"], marks.mark(values, ours=ours))


def flaw(values: Mapping[str, str]) -> tuple[str, str]:
    """The field that does not go with another, and why."""
    if not values["official"] and not values["used"] and not values["note"]:
        return "official", N_("it needs a language, or a note that says what is known")
    return "", ""
