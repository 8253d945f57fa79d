"""VICS 2.0 as it is written: what the list format and bundles of evidence share. Pictures have no place in it."""

from __future__ import annotations

from collections.abc import Iterable
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
