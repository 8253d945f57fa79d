"""The form that a person fills in, made from the table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from himaya.core.cybertip.labels import SUGGESTED, choices_of, label_of, why_of
from himaya.core.cybertip.table import Addition, Element, file_details, report
from himaya.core.filing import Form, FormField, Kind

SOURCE = "NCMEC, CyberTipline Reporting API, 11 June 2025"
_KINDS: Mapping[str, Kind] = {
    "text": "text", "long": "long", "choice": "choice", "country": "choice", "state": "choice", "boolean": "flag",
    "flag": "flag", "moment": "moment", "day": "text", "number": "number", "decimal": "number",
}  # fmt: skip


@cache
def form(additions: tuple[Addition, ...] = ()) -> Form:
    """What a report states, and what is stated of a file.

    Raises:
        ValueError: an addition does not fit in.
    """
    return Form(_field(report(additions), "report"), _field(file_details(additions), "file"))


def _field(element: Element, name: str = "") -> FormField:
    return FormField(
        name=name or element.name,
        label=label_of(element),
        kind=_KINDS.get(element.type, "group"),
        required=element.required,
        many=element.many,
        longest=10 if element.type == "day" else element.longest,
        choices=choices_of(element),
        fields=tuple(_field(one) for one in element.children),
        one_of=element.choice,
        why=why_of(element),
        suggested=f"{element.parent}/{element.name}" in SUGGESTED,
        source=SOURCE if name else "",
    )
