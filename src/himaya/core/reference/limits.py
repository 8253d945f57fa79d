"""Time limits: who has to do what by when, by which law, and since when that holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from himaya.core.countries import PLACES
from himaya.core.periods import MOST, Period, add_period
from himaya.core.reference import marks
from himaya.core.reference.fields import KEY, LONG, Field, amount, day
from himaya.core.reference.marks import Mark
from himaya.core.words import N_

D = TypeVar("D", bound=date)
DUTIES = {
    "preserve": N_("Keep data"),
    "discard": N_("Delete data"),
    "report": N_("Report to an authority"),
    "remove": N_("Remove or block"),
    "inform": N_("Tell the person concerned"),
    "answer": N_("Answer a request"),
    "publish": N_("Publish"),
    "reach": N_("Be within reach"),
    "share": N_("Share"),
    "order": N_("Follow an order"),
    "fetch": N_("Fetch again"),
    "penalty": N_("Penalty"),
}
"""Kinds of duty → in words."""
BOUNDS = {
    "within": N_("done within"),
    "at-least": N_("for at least"),
    "at-most": N_("for at most"),
    "every": N_("once every"),
}
"""What a length of time means → in words."""
STANDINGS = {
    "in-force": N_("in force"),
    "not-yet": N_("not yet in force"),
    "lapsed": N_("lapsed"),
    "not-verified": N_("not verified"),
}
"""Whether the law holds → in words; the dates say since and until when."""
CONCERNED, HOTLINE_OF_HOST = "authority-concerned", "hotline-of-host"
RECIPIENTS = (CONCERNED, HOTLINE_OF_HOST)
"""Whom a row names without a key: an authority of the state concerned; the hotline of the country of the host."""
OCCASIONS = {"danger": N_("life or safety of a person is threatened")}
"""When alone a row holds → in words."""
UNITS = {"hours": N_("hours"), "days": N_("days"), "months": N_("months"), "years": N_("years")}


def recipient(text: str) -> str:
    """What is wrong with the name of whom a row has told."""
    fine = text in RECIPIENTS or KEY.fullmatch(text)
    return "" if fine else N_("it is the key of a contact point: small letters, digits and dashes")


FIELDS = (
    Field("jurisdiction", N_("Jurisdiction"), needed=True, choices=PLACES),
    Field("instrument", N_("Instrument"), needed=True, help=N_("The law and its article, or the terms.")),
    Field("bearer", N_("Who has the duty"), needed=True, longest=120),
    Field("duty", N_("Duty"), needed=True, choices=DUTIES),
    Field("task", N_("What is to be done"), needed=True),
    Field("bound", N_("How the time counts"), choices=BOUNDS),
    Field("amount", N_("Amount"), longest=6, check=amount, help=N_("Empty where the law names no number.")),
    Field("unit", N_("Unit"), choices=UNITS),
    Field("words", N_("In the words of the law"), longest=LONG, help=N_("Where it names no number, or more than one.")),
    Field("trigger", N_("From when it counts")),
    Field("extension", N_("Extension")),
    Field(
        "recipient",
        N_("Who is told"),
        longest=80,
        check=recipient,
        help=N_("Key of a contact point, authority-concerned, or hotline-of-host. Empty: it names nobody."),
    ),
    Field("occasion", N_("Only when"), choices=OCCASIONS),
    Field("valid_from", N_("Holds from"), longest=10, check=day),
    Field("valid_to", N_("Holds until"), longest=10, check=day, help=N_("The last day. Empty: no end is known.")),
    Field("standing", N_("Standing"), needed=True, choices=STANDINGS),
    Field("status", N_("What is known of it"), longest=LONG),
    *marks.FIELDS,
)


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """A time limit.

    Attributes:
        key: names the row for good.
        jurisdiction: ISO 3166-1 alpha-2, or ``EU``, ``COE``, ``UN``, or ``INT`` for terms of a service.
        instrument: law and article.
        bearer: who has the duty.
        duty: its kind, a name of :data:`DUTIES`.
        task: what is to be done.
        bound: what the period means, a name of :data:`BOUNDS`; may be empty.
        period: how long; None where the law names no number.
        words: how the law says it.
        trigger: from when it counts.
        extension: whether and how it can be extended.
        recipient: who is told: the key of a contact point, or one of :data:`RECIPIENTS`; empty: it names nobody.
        occasion: when alone it holds, a name of :data:`OCCASIONS`; empty: always.
        valid_from: the first day on which it holds; None: not known, or always.
        valid_to: the last one.
        standing: a name of :data:`STANDINGS`: what is not ``in-force`` binds nobody, as far as is known.
        status: what is known of that.
        mark: how far the row can be relied upon.
    """

    key: str
    jurisdiction: str
    instrument: str
    bearer: str
    duty: str
    task: str
    bound: str
    period: Period | None
    words: str
    trigger: str
    extension: str
    recipient: str
    occasion: str
    valid_from: date | None
    valid_to: date | None
    standing: str
    status: str
    mark: Mark

    def holds_on(self, on: date) -> bool:
        """Whether its dates admit the day. A limit of unknown dates holds on any: see :attr:`standing`."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on <= self.valid_to)

    def end(self, start: D) -> D | None:
        """When it ends if its trigger is at ``start``; None where the law names no number.

        Raises:
            BadPeriod: it is of hours, and ``start`` a day or without a zone.
        """
        return add_period(start, self.period) if self.period else None


def made(key: str, values: Mapping[str, str], *, ours: bool = False) -> TimeLimit:
    """A row as others use it, from its texts.

    Raises:
        BadPeriod, ValueError: amount, unit or a day is none.
    """
    one = values
    return TimeLimit(
        key=key,
        jurisdiction=one["jurisdiction"],
        instrument=one["instrument"],
        bearer=one["bearer"],
        duty=one["duty"],
        task=one["task"],
        bound=one["bound"],
        period=Period(int(one["amount"]), one["unit"]) if one["amount"] else None,
        words=one["words"],
        trigger=one["trigger"],
        extension=one["extension"],
        recipient=one["recipient"],
        occasion=one["occasion"],
        valid_from=_day(one["valid_from"]),
        valid_to=_day(one["valid_to"]),
        standing=one["standing"],
        status=one["status"],
        mark=marks.mark(one, ours=ours),
    )


def flaw(values: Mapping[str, str]) -> tuple[str, str]:
    """The field that does not go with another, and why; both empty where all is well."""
    if bool(values["amount"]) != bool(values["unit"]):
        return "unit", N_("amount and unit stand together, or neither")
    if values["amount"] and not values["bound"]:
        return "bound", N_("an amount needs to be told how it counts")
    if values["amount"] and not 1 <= int(values["amount"]) <= MOST[values["unit"]]:
        return "amount", N_("the amount is 1 or more, and no more than a hundred years")
    if values["valid_from"] and values["valid_to"] and values["valid_from"] > values["valid_to"]:
        return "valid_to", N_("it ends before it begins")
    return "", ""


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
