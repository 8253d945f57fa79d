"""XML of strangers, read in pieces: no document types, no entities, and an end to every size and depth.

A document as small as a letter may ask for gigabytes: by entities that unfold (which defusedxml refuses), and by a
million empty elements or attributes, each of which costs a hundred times its text. So pieces are let go of as they
end, and none may hold too much.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from defusedxml import ElementTree

from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DEEPEST = 12
"""Elements within one another."""
PIECES = 20_000
"""Elements and attributes of one piece, and of all that is around the pieces."""
_TAG = re.compile(rb"<[^<]{65536}")
"""A tag, with the text behind it, that is longer than any of an honest document."""


class BadMarkup(HimayaError):
    """It is not XML as it should be: {why}."""

    status = 422

    def __init__(self, *, why: str) -> None:
        self.why = why
        super().__init__(why=why)


def pieces(content: bytes, *, root: str, depth: int = 1) -> Iterator[tuple[str, Element]]:
    """The elements that lie so deep, as they end, each with the name of the one around it.

    Each is whole when it is given, and let go of when the next is asked for.

    Args:
        content: the document.
        root: the name that its root must have, if any.
        depth: 0 is the root, 1 what lies in it.

    Raises:
        BadMarkup: it is not XML, not of that root, or beyond a limit; what was given before counts nevertheless.
    """
    if _TAG.search(content):
        raise BadMarkup(why=N_("one of its tags is too long"))
    open_: list[Element] = []
    around = within = 0
    try:
        for event, element in ElementTree.iterparse(io.BytesIO(content), ("start", "end"), forbid_dtd=True):
            if event == "start":
                if not open_ and root and named(element) != root:
                    raise BadMarkup(why=Said("it begins with {name}, not with {root}", name=named(element), root=root))
                open_.append(element)
                if len(open_) - 1 < depth:
                    around += 1 + len(element.attrib)
                else:
                    within += 1 + len(element.attrib)
                if len(open_) > DEEPEST or max(around, within) > PIECES:
                    raise BadMarkup(why=N_("it holds more elements than it should"))
                continue
            open_.pop()
            if len(open_) == depth:
                within = 0
                yield named(open_[-1]) if open_ else "", element
                if open_:
                    open_[-1].remove(element)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # defusedxml's errors are ValueErrors
        raise BadMarkup(why=str(error)[:200] or type(error).__name__) from None


def whole(content: bytes, *, root: str) -> Element:
    """The root of a short document.

    Raises:
        BadMarkup: as :func:`pieces`.
    """
    return next(element for _, element in pieces(content, root=root, depth=0))


def named(element: Element) -> str:
    """The name without its namespace."""
    return str(element.tag).rpartition("}")[2][:80]


def child(element: Element, name: str) -> Element | None:
    """The first child of that name, in whatever namespace."""
    return next((one for one in element if named(one) == name), None)


def text(element: Element | None) -> str:
    """The text of an element that holds nothing else, without spaces around it; of None, nothing."""
    return (element.text or "").strip() if element is not None else ""
