"""Long tables, page by page: by the key of the last row shown, never by counting rows off (no OFFSET)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from django.db.models import Model

from himaya.core import paging as cursors
from himaya.core.errors import BadCursor

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

SIZE = 50
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """The rows of a page, and the addresses of its neighbours; empty where there is none."""

    rows: list[M]
    previous_url: str
    next_url: str

    @property
    def whole(self) -> bool:
        """True where there is no other page."""
        return not (self.previous_url or self.next_url)


def page(request: HttpRequest, rows: QuerySet[M], *, newest_first: bool = False, size: int = SIZE) -> Page[M]:
    """The page that the address asks for by ``after`` or ``before``: the key of the row next to it.

    Args:
        request: whose address also holds the filters, which the neighbours keep.
        rows: all rows that the filters leave; they are shown in the order of their keys.
        newest_first: highest key first.
        size: rows a page.

    Raises:
        BadCursor: the key is no number.
    """
    after, before = _key(request, "after"), _key(request, "before")
    backwards = before is not None and after is None
    start = before if backwards else after
    falling = newest_first != backwards
    ordered = rows.order_by("-pk" if falling else "pk")
    if start is not None:
        ordered = ordered.filter(**{"pk__lt" if falling else "pk__gt": start})
    found = list(ordered[: size + 1])
    more, shown = len(found) > size, found[:size]
    if backwards:
        shown.reverse()
    earlier, later = (more, bool(shown)) if backwards else (start is not None, more)
    if not shown:
        return Page(shown, _url(request) if start is not None else "", "")
    return Page(
        shown,
        _url(request, before=shown[0].pk) if earlier else "",
        _url(request, after=shown[-1].pk) if later else "",
    )


def section(
    rows: QuerySet[M], kind: str, *, limit: int, cursor: str, newest_first: bool = False
) -> tuple[list[M], str | None]:
    """For programs: the rows of the listing ``kind`` behind a cursor, and the cursor after them (None: no more).

    Raises:
        BadCursor: it is none of that listing.
    """
    key = cursors.decode(kind, cursor)
    rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": key}) if key else rows
    return cursors.page(rows.order_by("-pk" if newest_first else "pk"), kind, limit=limit, key=lambda row: row.pk)


def _key(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadCursor(cursor=text[:80])
    return int(text)


def _url(request: HttpRequest, **key: int) -> str:
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    for name, value in key.items():
        query[name] = str(value)
    return f"?{query.urlencode()}" if query else request.path
