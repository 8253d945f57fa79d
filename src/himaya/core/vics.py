"""VICS 2.0 as it is written: what the list format and bundles of evidence share. Pictures have no place in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MODEL = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata"
"""The data model, of the region US: its categories are the published ones."""


def context(entity: str) -> str:
    """The ``@odata.context`` of a file that holds ``Cases`` or ``Media``."""
    return f"{MODEL}#{entity}"


def media(
    number: int,
    *,
    md5: str | None,
    sha1: str | None,
    others: Iterable[tuple[str, str]] = (),
    category: int | None = None,
    source: str = "",
    **more: Any,
) -> dict[str, Any]:
    """One Media.

    Args:
        number: its MediaID.
        md5: in hexadecimal.
        sha1: in hexadecimal.
        others: name of a kind of hash and its value, for AlternativeHashes.
        category: where it was graded.
        source: who graded it.
        more: further fields, which stand behind Category.
    """
    return {
        "MediaID": number,
        "Category": category,
        "MD5": md5,
        "SHA1": sha1,
        "IsPrecategorized": category is not None,
        "PrecategorizationSource": source or None,
        "AlternativeHashes": [{"MD5": md5, "HashName": name, "HashValue": value} for name, value in others],
        "Exifs": [],
        "MediaFiles": [],
        **more,
    }


FLAGS = {
    "victim-identified": "VictimIdentified", "offender-identified": "OffenderIdentified",
    "distributed": "IsDistributed", "self-generated": "SelfGenerated", "suspected": "IsSuspected",
}  # fmt: skip
"""Kind of a label → the field that says so."""


def said(labels: Iterable[tuple[str, str]]) -> Mapping[str, Any]:
    """What is said of a thing, as fields of a Media; where two values are said of what has one, none is given.

    Args:
        labels: kind and value, as :mod:`himaya.core.intake.offered` names them. What has no field is a tag.
    """
    fields: dict[str, Any] = {}
    tags: list[str] = []
    categories, series = set[int](), set[str]()
    for kind, value in labels:
        number = value.removeprefix("US:")
        if kind == "category" and number != value and number.isdigit() and len(number) < 4:
            categories.add(int(number))
        elif kind == "series":
            series.add(value)
        elif kind in FLAGS:
            fields[FLAGS[kind]] = value == "yes"
        else:
            tags.append(value.replace(",", " "))
    if len(categories) == 1:
        fields |= {"Category": min(categories), "IsPrecategorized": True}
    if len(series) == 1:
        fields["Series"] = min(series)
    if tags:
        fields["Tags"] = ", ".join(dict.fromkeys(tags))
    return fields
