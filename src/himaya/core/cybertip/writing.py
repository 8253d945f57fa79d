"""Drafts as XML: every element in its place, every value in the form that the schema asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from himaya.core.cybertip.table import VALUE, Element, each

SCHEMA = "https://report.cybertip.org/ispws/xsd"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ATTRIBUTES = {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;", '"': "&quot;"}
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML can carry, however they are written (XML 1.0, 2.2)."""


def moment(text: str) -> str:
    """A time of a draft as ``xs:dateTime``: in UTC, with a ``Z``.

    Raises:
        ValueError: it is none, or has no zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("it has no zone")
    try:
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise ValueError("it is out of all time") from None


def document(root: Element, values: Mapping[str, Any], *, first: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A document of that root, in UTF-8.

    Args:
        root: ``report`` or ``fileDetails``.
        values: of a draft in which :mod:`~himaya.core.cybertip.checking` finds nothing that blocks.
        first: elements that come before all others, and their texts.
    """
    before = "".join(f"<{name}>{_text(text)}</{name}>" for name, text in first)
    inner = "".join(_written(child, values.get(child.name)) for child in root.children)
    space = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="{SCHEMA}"'
    return f"{_HEAD}<{root.name} {space}>{before}{inner}</{root.name}>\n".encode()


def _written(element: Element, value: Any) -> str:
    found = [one for _, one in each(element, value)]
    if not found and element.required and not element.plain:
        found = [{}]  # it has to stand there, whatever it holds
    return "".join(_one(element, one) for one in found)


def _one(element: Element, value: Any) -> str:
    if element.plain:
        return f"<{element.name}>{_text(_plain(element, value))}</{element.name}>"
    attributes = "".join(
        f' {child.name[1:]}="{escape(_plain(child, one), _ATTRIBUTES)}"'
        for child in element.children
        if child.name.startswith("@")
        for _, one in each(child, value.get(child.name))
    )
    if element.valued:
        inner = _text(_plain(element.children[0], value[VALUE]))
    else:
        inner = "".join(_written(one, value.get(one.name)) for one in element.children if not one.name.startswith("@"))
    return f"<{element.name}{attributes}>{inner}</{element.name}>" if inner else f"<{element.name}{attributes}/>"


def _text(text: str) -> str:
    return escape(text, {"\r": "&#13;"})


def _plain(element: Element, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if element.type == "moment":
        return moment(value)
    return repr(float(value)) if element.type == "decimal" else str(value)
