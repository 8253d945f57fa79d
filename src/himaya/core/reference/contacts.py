"""Contact points: whom one turns to in a country, and how they are reached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from himaya.core.countries import PLACES
from himaya.core.reference import marks
from himaya.core.reference.fields import LONG, Field, address, amount, email
from himaya.core.reference.marks import Mark
from himaya.core.words import N_

KINDS = {
    "emergency": N_("Emergency line"),
    "helpline": N_("Helpline for children"),
    "hotline": N_("Hotline"),
    "police": N_("Police"),
    "authority": N_("Other authority"),
    "central-authority": N_("Central authority for legal assistance"),
    "budapest-24-7": N_("24/7 network of the Budapest Convention (Article 35)"),
    "un-24-7": N_("24/7 network of the UN Convention against Cybercrime (Article 41)"),
    "g7-24-7": N_("24/7 network of the G7"),
    "interpol-ncb": N_("INTERPOL: National Central Bureau (I-24/7)"),
    "europol-siena": N_("Europol: SIENA"),
    "eurojust": N_("Eurojust or the European Judicial Network"),
    "diplomatic": N_("Diplomatic channel"),
}
"""Kinds of contact → in words: who helps, who takes reports, and by which way authorities reach one another."""
TAKES_REPORTS = ("hotline", "police", "authority")
"""Kinds that take reports of such material from those who found it."""
NETWORKS = ("budapest-24-7", "un-24-7", "g7-24-7", "interpol-ncb", "europol-siena", "eurojust")
"""Kinds by which authorities reach one another."""
STANDINGS = {
    "member": N_("member"),
    "portal": N_("portal of a member"),
    "absent": N_("not in its directory"),
}
"""What a hotline is to INHOPE → in words."""
_KEYPAD = {
    letter: str(digit)
    for digit, letters in enumerate(("ABC", "DEF", "GHI", "JKL", "MNO", "PQRS", "TUV", "WXYZ"), start=2)
    for letter in letters
}
_NUMBER = re.compile(r"[+\d(][\dA-Z ()-]*", re.ASCII)
_LAST_NUMBER = re.compile(r"[+\d][\d ()-]*$", re.ASCII)
FIELDS = (
    Field("country", N_("Country"), needed=True, choices=PLACES),
    Field("kind", N_("Kind"), needed=True, choices=KINDS),
    Field("area", N_("Part of the country"), help=N_("Empty: the whole of it.")),
    Field("name", N_("Name"), needed=True),
    Field("numbers", N_("Telephone numbers"), help=N_("Separated by semicolons.")),
    Field("email", N_("E-mail address"), check=email),
    Field("report_url", N_("Where reports are taken"), longest=LONG, check=address),
    Field("website", N_("Website"), longest=LONG, check=address),
    Field("page", N_("Its page in the directory"), longest=LONG, check=address),
    Field("hours", N_("Hours")),
    Field("inhope", N_("In INHOPE"), choices=STANDINGS, help=N_("Of a hotline. Empty: not known.")),
    Field(
        "iccam",
        N_("Country's number in ICCAM"),
        longest=6,
        check=amount,
        help=N_("Of a hotline that is reached through ICCAM."),
    ),
    Field("note", N_("Note"), longest=LONG, lines=True),
    *marks.FIELDS,
)


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact point.

    Attributes:
        key: names the row for good.
        country: ISO 3166-1 alpha-2, or one of the unions of ``core.countries``.
        kind: a name of :data:`KINDS`.
        area: the part of the country that it serves; empty: all of it.
        name: what it is called there.
        numbers: telephone and short-message numbers, as they are dialled there.
        email: where it takes letters.
        report_url: where it takes reports.
        website: its own.
        page: the page of a directory that says so.
        hours: when it is reached.
        inhope: what a hotline is to INHOPE, a name of :data:`STANDINGS`; empty: not known.
        iccam: the number of its country among ICCAM's hotlines; empty: it is not reached there, as far as is known.
        note: whatever else one has to know.
        mark: how far the row can be relied upon. A number that people in need are to call is confirmed first.
    """

    key: str
    country: str
    kind: str
    area: str
    name: str
    numbers: tuple[str, ...]
    email: str
    report_url: str
    website: str
    page: str
    hours: str
    inhope: str
    iccam: str
    note: str
    mark: Mark


def made(key: str, values: Mapping[str, str], *, ours: bool = False) -> Contact:
    """A row as others use it, from its texts."""
    own = {field.name: values[field.name] for field in FIELDS if field not in marks.FIELDS}
    numbers = tuple(part.strip() for part in own.pop("numbers").split(";") if part.strip())
    return Contact(key=key, numbers=numbers, mark=marks.mark(values, ours=ours), **own)


def dialled(number: str) -> str:
    """The address under which a device reaches a number as a directory writes it: ``tel:`` or ``sms:``, else empty.

    Letters of the keypad (E.161) become digits, and words before a number are left out: ``SMS START to 678678``.
    """
    found = _NUMBER.fullmatch(number) or _LAST_NUMBER.search(number)
    if not found:
        return ""
    digits = "".join(_KEYPAD.get(char, char) for char in found[0] if char.isdigit() or char == "+" or char in _KEYPAD)
    return f"{'sms' if number.startswith('SMS ') else 'tel'}:{digits}"


def flaw(values: Mapping[str, str]) -> tuple[str, str]:
    """The field that does not go with another, and why; a row without a way to reach anybody says so in its note."""
    reached = ("numbers", "email", "report_url", "website", "page", "note")
    if not any(values[name] for name in reached):
        return "numbers", N_("it needs a way to be reached: a number, an address, or a note that says how")
    return "", ""
